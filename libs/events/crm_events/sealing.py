"""How is a personal field stored so that destroying one key makes every copy of it unreadable?

Text form `s1.<key id>.<event id>.<field>.<base64url(nonce ‖ ciphertext)>`, AES-256-GCM. The additional data is the text's own
`<key id>|<event id>|<field>`: a sealed value can be opened from wherever it was folded to (state, document, view), and cannot be moved to another
customer, event or field. A key id belongs to one customer for ever.
"""

import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FORM = rf"s1\.({_ID})\.({_ID})\.([a-z_]{{1,60}})\.([A-Za-z0-9_-]{{38,}}=*)"
_SEALED = re.compile(rf"^{_FORM}$")
_IN_JSON = re.compile(rf'(?<!\\)"({_FORM})"(?!\s*:)'.encode())  # a whole value: no part of another string, no name


@dataclass(frozen=True, slots=True)
class Opener:
    """A customer's key for reading. What was sealed for an event in `shut` it opens no more. `subject`: the customer, where the vault tells."""

    cipher: AESGCM
    shut: frozenset[UUID] = frozenset()
    subject: UUID | None = None


def is_sealed(text: str) -> bool:
    """True for the text form above. No code or plain value may begin with `s1.` (see `event.Code`); personal text always is sealed."""
    return text.startswith("s1.") and _SEALED.match(text) is not None


def seal(text: str, *, key_id: UUID, key: AESGCM, event_id: UUID, field: str) -> str:
    """The sealed form of one field of one event."""
    nonce = os.urandom(12)
    body = key.encrypt(nonce, text.encode(), f"{key_id}|{event_id}|{field}".encode())
    return f"s1.{key_id}.{event_id}.{field}.{urlsafe_b64encode(nonce + body).decode()}"


def unseal(text: str, keys: Mapping[UUID, Opener]) -> str | None:
    """The plain text, or None when its key is destroyed, its event was redacted, or the text was tampered with."""
    match = _SEALED.match(text)
    key = keys.get(UUID(match[1])) if match else None
    if match is None or key is None or (key.shut and UUID(match[2]) in key.shut):
        return None
    body = urlsafe_b64decode(match[4])
    try:
        return key.cipher.decrypt(body[:12], body[12:], f"{match[1]}|{match[2]}|{match[3]}".encode()).decode()
    except InvalidTag:
        return None


def _sealed_strings(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        if tree.startswith("s1."):
            yield tree
    elif isinstance(tree, Mapping):
        for item in tree.values():
            yield from _sealed_strings(item)
    elif isinstance(tree, list | tuple):
        for item in tree:
            yield from _sealed_strings(item)


def sealed_key_ids(tree: Any) -> set[UUID]:
    """The keys needed to open every sealed string in JSON-able data."""
    return {UUID(match[1]) for text in _sealed_strings(tree) if (match := _SEALED.match(text))}


def open_tree(tree: Any, keys: Mapping[UUID, Opener]) -> tuple[Any, list[str]]:
    """The same data with sealed strings opened. What cannot be opened becomes None; the second part lists its paths (`identifiers.value`: no list indexes)."""
    redacted: set[str] = set()

    def walk(node: Any, path: str) -> Any:
        if isinstance(node, str):
            if node.startswith("s1.") and _SEALED.match(node):
                text = unseal(node, keys)
                if text is None:
                    redacted.add(path)
                return text
            return node
        if isinstance(node, Mapping):
            return {name: walk(item, f"{path}.{name}" if path else str(name)) for name, item in node.items()}
        if isinstance(node, list | tuple):
            return [walk(item, path) for item in node]
        return node

    return walk(tree, ""), sorted(redacted)


def key_ids_in(raw: bytes) -> set[UUID]:
    """`sealed_key_ids` of JSON text, without reading it into objects."""
    return {UUID(text.decode()) for text in {match[2] for match in _IN_JSON.finditer(raw)}}


def open_json(raw: bytes, keys: Mapping[UUID, Opener]) -> bytes | None:
    """The same JSON text with sealed strings opened; None where one of them cannot be: `open_tree` tells which."""
    shut = False

    def opened(match: re.Match[bytes]) -> bytes:
        nonlocal shut
        text = unseal(match[1].decode(), keys)
        shut = shut or text is None
        return orjson.dumps(text)

    shown = _IN_JSON.sub(opened, raw)
    return None if shut else shown
