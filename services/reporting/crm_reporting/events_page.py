"""Which events come after a position of the journal? The next of those that are asked for, in its order, and where to go on.

The journal's ids have no gaps and appear in their order: whoever asks after the last one it was given misses nothing, and sees nothing twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from crm_events.lease import Connection

from crm_reporting.webhooks.events import COLUMNS

WINDOW = 10_000  # journal rows one statement looks at
LOOKED_AT = 100_000  # rows one request looks at for what its filter wants; then it answers what it found, and where to go on
PIECE = 200  # rows that are fetched at once: the largest payload is 256 KiB
MOST_BYTES = 4 * 1024 * 1024  # of payloads on a page
CLOCKS = timedelta(minutes=5)  # what a service's clock may be ahead of this database's

# One customer's events are few and have an index of their own: `offset 0` keeps the planner from walking the whole journal by id.
_OF_ONE = "(select * from journal where customer_id = any($5) offset 0)"
_ROWS = f"""
select {COLUMNS}, subject is not null and exists (select from erased e where e.customer_id = subject) as erased
from {{journal}} j where id > $1 and id <= $2 and ($3::text[] is null or type like any($3)) and ($4::text[] is null or source = any($4))
  and ($5::uuid[] is null or subject = any($5)) and ($6::timestamptz is null or recorded_at >= $6) and ($7::timestamptz is null or recorded_at < $7)
order by id limit $8
"""
_END = "select coalesce(max(id), 0) from journal"
_APPLIED = "select applied_at from journal where id = $1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to leave out; None = nothing. `likes`: patterns of LIKE over types; `customers`: all ids of the customer; times are those of recording."""

    likes: Sequence[str] | None = None
    sources: Sequence[str] | None = None
    customers: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`next_after`: where to go on; `end`: the journal's last id, 0 = it is empty."""

    rows: Sequence[asyncpg.Record]
    next_after: int
    end: int


class Beyond(Exception):
    """The journal ends before that position: it was made anew, or restored from a backup."""

    def __init__(self, end: int) -> None:
        super().__init__(f"the journal ends at {end}")
        self.end = end


async def page(connection: Connection, wanted: Wanted, after: int, limit: int) -> Page:
    """At most `limit` events after a journal id, fewer where they are large or far between. Raises Beyond."""
    end: int = await connection.fetchval(_END)
    if after > end:
        raise Beyond(end)
    found: list[asyncpg.Record] = []
    size, start = 0, after
    if wanted.since is not None:
        start = max(after, await _before(connection, wanted.since - CLOCKS, end))
    whose = wanted.customers is not None
    here, last = start, end if whose else min(end, start + LOOKED_AT)
    query = _ROWS.format(journal=_OF_ONE if whose else "journal")
    while here < last and len(found) < limit and size < MOST_BYTES:
        window, most = last if whose else min(here + WINDOW, last), min(PIECE, limit - len(found))
        asked = (wanted.likes, wanted.sources, wanted.customers, wanted.since, wanted.until)
        rows = await connection.fetch(query, here, window, *asked, most)
        for row in rows:
            found.append(row)
            size += len(row["payload"])
            if size >= MOST_BYTES:
                break
        here = window if len(rows) < most and size < MOST_BYTES else found[-1]["id"]
    return Page(found, here, end)


async def _before(connection: Connection, moment: datetime, end: int) -> int:
    """A position before everything that was journalled from `moment` on: the ids have no gaps, so halving finds it without an index of times."""
    low, high = 0, end
    while low < high:
        middle = (low + high + 1) // 2
        if await connection.fetchval(_APPLIED, middle) < moment:
            low = middle
        else:
            high = middle - 1
    return low
