"""What changed in the schemas, and when? Kept beside them, a line a change; a schema that is not as the log says is refused by a test."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from crm_events.schemas import PUBLISHED

LOG = "changes.json"
_PAGE = """# Changes of the events' schemas

What changed in the language, and does an old reader still understand it? Every change is written here when its schema is exported; what would break a
reader gets a new version or a new type.
"""


class Change(NamedTuple):
    """One change of one schema. `digest`: of the file as it was then on."""

    date: str
    type: str
    version: int
    what: str
    digest: str


def log(place: Path = PUBLISHED) -> Sequence[Change]:
    """All changes, the oldest first."""
    file = place / LOG
    return [Change(**row) for row in orjson.loads(file.read_bytes())] if file.exists() else []


def note(changes: Sequence[Change], place: Path = PUBLISHED) -> None:
    """Add to the log."""
    rows = [change._asdict() for change in (*log(place), *changes)]
    if changes:
        (place / LOG).write_bytes(b"[\n" + b",\n".join(b" " + orjson.dumps(row) for row in rows) + b"\n]\n")


def digest(content: bytes) -> str:
    """Names the content of a schema's file."""
    return hashlib.sha256(content).hexdigest()[:12]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What a reader of the change log wants to know of two schemas of one type: fields that came, went or are other, by their path."""
    return sorted(_walk(before, now, "")) or ["its words"]


def _walk(before: Mapping[str, Any], now: Mapping[str, Any], at: str) -> Iterator[str]:
    old, new = before.get("properties", {}), now.get("properties", {})
    for name in old.keys() | new.keys():
        path = f"{at}{name}"
        if name not in old:
            yield f"`{path}` is new"
        elif name not in new:
            yield f"`{path}` is gone"
        elif _bare(old[name]) != _bare(new[name]):
            yield f"`{path}` is told otherwise"
    for name in set(before.get("required", ())) ^ set(now.get("required", ())):
        if name in old and name in new:
            yield f"`{at}{name}` {'may be absent' if name in before.get('required', ()) else 'is always there'}"
    parts, others = before.get("$defs", {}), now.get("$defs", {})
    for name in parts.keys() & others.keys():
        yield from _walk(parts[name], others[name], f"{name}.")
        if "enum" in parts[name] and parts[name]["enum"] != others[name].get("enum"):
            yield f"`{name}` is told otherwise"


def _bare(part: Any) -> Any:
    return {name: value for name, value in part.items() if name != "description"} if isinstance(part, Mapping) else part


def page(place: Path = PUBLISHED) -> str:
    """The log for people, the newest first; what came on one day for one reason in one line."""
    told: dict[tuple[str, str], list[str]] = {}
    for change in log(place):
        told.setdefault((change.date, change.what), []).append(f"{change.type}/{change.version}")
    rows = [f"| {date} | {what} | {', '.join(sorted(types))} |" for (date, what), types in reversed(told.items())]
    return "\n".join([_PAGE, "| Date | Change | Type and version |", "|---|---|---|", *rows]) + "\n"
