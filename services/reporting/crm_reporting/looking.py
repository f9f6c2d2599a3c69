"""What is known of a parked customer: which event failed, what it holds, what waits behind it, and what can be done?"""

import re
from typing import Any

import asyncpg
import orjson
from crm_events.event import utc_text

WAITING = 50  # events named of those that wait; all are counted
_DEEPEST, _WIDEST = 6, 40
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")

_MARK = """
select p.source, p.customer_id, p.reason, p.event_id, p.type, p.position, p.since, p.attempts, j.schema_version, j.partition, j.stream_id, j.version,
    j.occurred_at, j.recorded_at, j.actor, j.payload::text as payload
from {build}.parked p join journal j on j.source = p.source and j.position = p.position where p.source = $1 and p.customer_id = $2
"""
_BEHIND = """
select event_id, type, position, recorded_at, count(*) over () as behind from journal
where customer_id = $2 and source = $1 and position > $3 order by position limit $4
"""
_ADVICE = (
    ("UnknownType", "A newer release wrote this event. Deploy it here too: the projector tries again when it starts. Nothing need be dropped."),
    (
        "Unreadable",
        "The payload does not fit its type. Ask the owner of the source what was meant. If this release is at fault, deploy one that reads it and retry; "
        "if the event is, drop it with a reason and have the source tell the truth by a new event.",
    ),
    (
        "",
        "The event can be read and could not be folded: this is a fault of the code, or an amount out of bounds. Deploy a release that folds it and retry. "
        "Drop it only if the customer must be seen now: it is then left out of every fold for ever.",
    ),
)


async def look(connection: asyncpg.Connection, build: str, source: str, customer_id: str, *, may_see: bool) -> dict[str, Any] | None:
    """The mark, its event and what waits behind; None if it is not parked. Sealed text is left sealed.

    A payload that could not be read may hold anything anywhere, personal data in clear too: without `may_see` only its shape is told.
    """
    row = await connection.fetchrow(_MARK.format(build=build), source, customer_id)
    if row is None:
        return None
    behind = await connection.fetch(_BEHIND, source, customer_id, row["position"], WAITING)
    payload = orjson.loads(row["payload"])
    shut = row["reason"].startswith(("Unreadable", "UnknownType")) and not may_see
    waiting = [{name: each[name] for name in ("event_id", "type", "position")} | {"recorded_at": utc_text(each["recorded_at"])} for each in behind]
    event = {name: row[name] for name in ("event_id", "type", "schema_version", "position", "partition", "stream_id", "version", "actor")} | {
        "occurred_at": utc_text(row["occurred_at"]),
        "recorded_at": utc_text(row["recorded_at"]),
        "shape": shape(payload),
        "data": None if shut else payload,
    }
    return {
        **{name: row[name] for name in ("source", "customer_id", "reason", "event_id", "type", "position", "attempts")},
        "since": utc_text(row["since"]),
        "event": event,
        "waiting": behind[0]["behind"] if behind else 0,
        "waiting_events": waiting,
        "advice": next(text for begins, text in _ADVICE if row["reason"].startswith(begins)),
        "redacted": ["event.data"] if shut else [],
    }


def shape(value: Any, depth: int = 0) -> Any:
    """What kind of thing stands where, without any of it: `{"name": "number"}`. A name that is no field's of ours is shown as `…`."""
    match value:
        case dict() if depth < _DEEPEST:
            told = [(name if _NAME.fullmatch(name) else "…", shape(item, depth + 1)) for name, item in list(value.items())[:_WIDEST]]
            return dict(told)
        case list() if depth < _DEEPEST:
            return [shape(item, depth + 1) for item in value[:3]]
        case dict() | list():
            return "…"
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return "sealed text" if str(value).startswith("s1.") else "text"
