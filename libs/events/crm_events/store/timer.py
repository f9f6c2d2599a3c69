"""Who makes time pass? A leader asks for the streams that are due and sends each an `advance`; lateness changes no history, only when it is written.

A stream being filled from the past is left alone until it has been quiet for 15 minutes: its last event was not the timer's, was told more than five
minutes after it occurred and recorded less than 15 minutes ago. That is a condition of the query, for a fold does not know `recorded_at`.
"""

import asyncio
import time
from datetime import datetime
from uuid import UUID, uuid4, uuid5

import asyncpg
import structlog

from crm_events.command import Command
from crm_events.lease import Lease, acquire, release, renew
from crm_events.refusals import Refusal
from crm_events.store.store import EventStore

POLL = 0.5  # seconds between looks; one indexed query
TAKE = 500  # streams a look
TOGETHER = 16  # advances at once: below the appender's batch, so interactive commands keep their share
BACK_OFF = 60.0  # seconds a stream whose advance failed is left out

_DUE = """
select s.stream_id, s.type, s.version, s.due_at, (extract(epoch from clock_timestamp()) * 1000000)::bigint - s.due_at as late
from streams s
where s.due_at <= (extract(epoch from clock_timestamp()) * 1000000)::bigint and s.stream_id <> all($1::uuid[])
  and not exists (select 1 from events e where e.stream_id = s.stream_id and e.version = s.version and e.metadata ->> 'actor' <> 'timer'
    and e.occurred_at < e.recorded_at - interval '5 minutes' and e.recorded_at > clock_timestamp() - interval '15 minutes')
order by s.due_at limit $2
"""

log = structlog.get_logger(__name__)


class StillDue(Exception):
    """An aggregate's advance left it due at once again: it would spin at the head of the index for ever."""


class Timer:
    """The clock of one service. Run it in every replica: the lease lets one at a time work."""

    def __init__(self, store: EventStore) -> None:
        self._store, self._owner = store, uuid4().hex
        self._lease: Lease | None = None
        self._left_out: dict[UUID, float] = {}

    @property
    def leads(self) -> bool:
        """Is this process the one whose clock counts?"""
        return self._lease is not None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: look, advance, wait. A database that is away is waited for."""
        while not stop.is_set():
            worked = 0
            try:
                await self._hold()
                worked = await self.tick() if self.leads else 0
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._lease = None
                log.warning("timer waits for the database", error=type(error).__name__)
            self._tell()
            if worked < TAKE:
                await _wait(stop, POLL)
        if self._lease is not None:
            async with self._store.pool.acquire() as connection:
                await release(connection, self._lease)

    def _tell(self) -> None:
        self._store.metrics.timer_leads.set(self.leads)
        if not self.leads:
            self._store.metrics.overdue.set(0)  # the leader tells

    async def _hold(self) -> None:
        async with self._store.pool.acquire() as connection:
            if self._lease is None or not await renew(connection, self._lease):
                self._lease = await acquire(connection, "timer", self._owner)

    async def tick(self) -> int:
        """Advance what is due now, at most `TAKE` streams; how many were looked at."""
        now = time.monotonic()
        self._left_out = {stream_id: until for stream_id, until in self._left_out.items() if until > now}
        rows = await self._store.pool.fetch(_DUE, list(self._left_out), TAKE)
        self._store.metrics.overdue.set(rows[0]["late"] / 1e6 if rows else 0)
        gate = asyncio.Semaphore(TOGETHER)

        async def one(row: asyncpg.Record) -> None:
            async with gate:
                await self._advance(row)

        await asyncio.gather(*map(one, rows))
        return len(rows)

    async def _advance(self, row: asyncpg.Record) -> None:
        stream_id, fold = row["stream_id"], self._store.folds.get(row["type"])
        try:
            if fold is None:
                raise StillDue(f"no aggregate for streams of type {row['type']}")
            name = uuid5(stream_id, f"{row['version']}:advance")
            done = await self._store.advance(fold.aggregate, stream_id, Command(name, b"advance", "timer", keyed=False))
            due: datetime | None = fold.aggregate.due(done.part.state) if done else None
            if due is not None and int(due.timestamp() * 1e6) <= row["due_at"] + row["late"]:
                raise StillDue(f"{row['type']} stays due")
            self._store.metrics.advanced.labels("advanced" if done and done.changed else "nothing").inc()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001  one stream's fault must not stop the clock of all
            self._left_out[stream_id] = time.monotonic() + BACK_OFF
            self._store.metrics.advanced.labels("failed").inc()
            log.error("advance failed", stream=str(stream_id), error=type(error).__name__, refusal=isinstance(error, Refusal))


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
