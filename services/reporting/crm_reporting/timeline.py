"""What happened with this customer, in the order it happened?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson
from crm_events.event import utc_text
from crm_events.lease import Connection

_ROW = """id, event_id::text as event_id, type, source, occurred_at, recorded_at, actor, stream_id::text as stream_id, version, payload"""
# `->>` fails on a text that holds NUL: such a payload cannot be ours, but it is in the journal as it was received.
_PAGE = f"""
select {_ROW} from journal j where customer_id = any($1::uuid[]) and subject is not null
    and ($2::text[] is null or type = any($2)) and ($3::text[] is null or source = any($3))
    and ($4::text[] is null or case when position('\\u0000' in payload::text) = 0 then payload ->> 'channel' end = any($4))
    and ($5::timestamptz is null or occurred_at >= $5) and ($6::timestamptz is null or occurred_at < $6)
    and ($7::timestamptz is null or (occurred_at, id) < ($7, $8))
order by occurred_at desc, id desc limit $9
"""
_AFTER = f"select {_ROW}, traceparent from journal where customer_id = any($1::uuid[]) and subject is not null and id > $2 order by id limit $3"
_LAST = "select coalesce(max(id), 0) from journal where customer_id = any($1::uuid[]) and subject is not null"

_TOLD = ("kind", "channel", "direction", "purpose", "status", "priority", "category", "metric", "tier", "points", "score", "document", "need")


@dataclass(frozen=True, slots=True)
class Filter:
    """What to leave out; None = nothing. Times are aware; `until` is not included."""

    types: Sequence[str] | None = None
    sources: Sequence[str] | None = None
    channels: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


async def page(
    pool: asyncpg.Pool, members: Sequence[str], wanted: Filter, after: tuple[datetime, int] | None, limit: int
) -> tuple[list[dict[str, Any]], tuple[datetime, int] | None]:
    """Newest first, by (occurred_at, journal id); the second part is the last row's key, None on the last page. Payloads are sealed."""
    moment, last = after or (None, None)
    rows = await pool.fetch(
        _PAGE, members, wanted.types, wanted.sources, wanted.channels, wanted.since, wanted.until, moment, last, limit + 1
    )  # fmt: skip
    shown = rows[:limit]
    return [item(row) for row in shown], (shown[-1]["occurred_at"], shown[-1]["id"]) if len(rows) > limit else None


async def after(connection: Connection, members: Sequence[str], position: int, limit: int) -> list[tuple[int, dict[str, Any], str | None]]:
    """(journal id, item, traceparent) of the members' events after a journal id, in that order."""
    return [(row["id"], item(row), row["traceparent"]) for row in await connection.fetch(_AFTER, members, position, limit)]


async def last_position(connection: Connection, members: Sequence[str]) -> int:
    """The journal id of the members' newest event, 0 = none."""
    position: int = await connection.fetchval(_LAST, members)
    return position


async def end(pool: asyncpg.Pool) -> int:
    """The journal's last id, 0 = it is empty."""
    position: int = await pool.fetchval("select coalesce(max(id), 0) from journal")
    return position


def item(row: asyncpg.Record) -> dict[str, Any]:
    """One row as the timeline shows it. A payload that is no object is nothing of ours: it waits, parked, and is shown as empty."""
    told = orjson.loads(row["payload"])
    data = told if isinstance(told, dict) else {}
    return {
        "event_id": row["event_id"],
        "type": row["type"],
        "source": row["source"],
        "occurred_at": utc_text(row["occurred_at"]),
        "recorded_at": utc_text(row["recorded_at"]),
        "channel": data.get("channel"),
        "actor": row["actor"],
        "summary": summary(row["type"], data),
        "data": data,
        "stream_id": row["stream_id"],
        "version": row["version"],
    }


def summary(event_type: str, data: dict[str, Any]) -> str:
    """A line for people, without personal data: what happened, and the words that tell one such event from another."""
    subject, _, verb = event_type.partition(".")
    words = [str(data[name]) for name in _TOLD if isinstance(data.get(name), str | int) and not isinstance(data.get(name), bool)]
    told = f"{subject} {verb}".replace("_", " ").capitalize()
    return f"{told}: {', '.join(words)}" if words else told
