"""In which bytes could a text lie somewhere? As it is, in other encodings of Unicode, and as the usual carriers of bytes write it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

import orjson
from crm_events.identifiers import scope
from crm_loyalty.member import card_key
from crm_loyalty.referral import invitee_key
from crm_reporting.index import WORD, term

from forgetting.marks import Marks


def spellings(text: str) -> set[bytes]:
    """Every form in which `text` would be found by somebody who has the bytes."""
    plain = text.encode()
    found = {plain, text.encode("utf-16-le"), text.encode("utf-16-be")}
    found |= {plain.hex().encode(), plain.hex().upper().encode()}
    found |= {quote(text, safe="").encode(), quote(text, safe="").lower().encode(), _escaped(text), _escaped(text).replace(b"\\", b"\\\\")}
    return found | set(_base64(plain))


def _escaped(text: str) -> bytes:
    return json.dumps(text)[1:-1].encode()


def _base64(plain: bytes) -> Iterator[bytes]:
    """The part that is the same whatever stands before and after, at each of the three alignments, in both alphabets."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + plain)
        whole = coded[-(-before * 4 // 3) : (before + len(plain)) // 3 * 4]
        if len(whole) >= 12:  # shorter ones would be found by chance
            yield whole
            yield whole.translate(bytes.maketrans(b"+/", b"-_"))


def blind_indexes(marks: Marks, index_key: bytes) -> dict[str, bytes]:
    """Under which keyed hashes could she be found, in any service?"""
    found = {f"contacts {item.kind}": _keyed(index_key, item.normalised) for item in marks.recognised}
    found |= {f"contacts word {word}": _keyed(index_key, word) for word in marks.terms()}
    found |= {"loyalty card": _keyed(index_key, card_key(marks.card_number)), "whom she invited": _keyed(index_key, invitee_key(marks.invitee))}
    found |= {f"reporting {item.kind}": term(index_key, scope(item.kind, item.system), item.normalised) for item in marks.recognised}
    return found | {f"reporting word {word}": term(index_key, WORD, word) for word in marks.terms()}


def fingerprint(index_key: bytes, operation: str, path: dict[str, str], body: object) -> bytes:
    """The keyed hash of a whole request, from what alone is known to somebody who guesses it."""
    return _keyed(index_key, orjson.dumps([operation, path, body], option=orjson.OPT_SORT_KEYS))


def plain_hashes(texts: Iterable[str]) -> dict[str, bytes]:
    """Hashes without a key: anybody could guess them."""
    return {f"{name} of {text}": hashlib.new(name, text.encode()).digest()[:16] for text in texts for name in ("md5", "sha1", "sha256", "sha512", "blake2b")}


def _keyed(key: bytes, value: str | bytes) -> bytes:
    return hmac.digest(key, value.encode() if isinstance(value, str) else value, "sha256")
