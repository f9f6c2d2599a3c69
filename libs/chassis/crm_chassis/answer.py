"""How does a resource become an answer? Bytes once, sealed text opened for those who may see it, and everything else `null` and named in `redacted`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from crm_events.event import utc_text
from crm_events.sealing import Opener, key_ids_in, open_json, open_tree
from crm_events.vault import Vault
from pydantic import BaseModel
from starlette.responses import Response

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
_MARK = b'"s1.'  # how every sealed string begins in JSON


class Answer(Response):
    """A finished JSON answer. The bulk endpoint takes its parts into a line."""

    media_type = "application/json"

    def __init__(self, content: bytes | None = None, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(content, status_code, {"Cache-Control": "private, no-cache", **(headers or {})})  # a cache must ask again: scopes differ


def _plain(value: object) -> object:
    match value:
        case datetime():
            return utc_text(value)
        case BaseModel():
            return value.model_dump(mode="json")
        case UUID():  # asyncpg's own kind of UUID: a subclass, which orjson does not know
            return str(value)
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} is not JSON")


def to_json(resource: object) -> bytes:
    """The JSON bytes of a model, or of data that holds models, times and ids. Times are written in UTC with `Z`."""
    if isinstance(resource, BaseModel):
        return resource.__pydantic_serializer__.to_json(resource)
    return orjson.dumps(resource, default=_plain, option=_OPTIONS)


async def rendered(resource: object, *, vault: Vault | None, may_see: bool, whose: set[UUID] | None = None) -> bytes:
    """The bytes of the answer: sealed strings opened with the vault's keys if the caller may see them, else null and listed in `redacted`.

    Into `whose` are put the customers whose keys open something of it.
    """
    raw = to_json(resource)
    if _MARK not in raw:
        return raw
    keys: Mapping[UUID, Opener] = {}
    if may_see and vault is not None:
        keys = await vault.keys_for_reading(key_ids_in(raw))
        if whose is not None:
            whose.update(opener.subject for opener in keys.values() if opener.subject)
        shown = open_json(raw, keys)
        if shown is not None:
            return shown
    tree = orjson.loads(raw)
    if isinstance(tree, Mapping) and isinstance(tree.get("items"), list) and "redacted" not in tree:
        return orjson.dumps({**tree, "items": [_opened(item, keys) for item in tree["items"]]})
    return orjson.dumps(_opened(tree, keys))


def _opened(tree: Any, keys: Mapping[UUID, Opener]) -> Any:
    shown, redacted = open_tree(tree, keys)
    if isinstance(shown, dict) and redacted:
        shown["redacted"] = sorted({*(shown.get("redacted") or ()), *redacted})
    return shown
