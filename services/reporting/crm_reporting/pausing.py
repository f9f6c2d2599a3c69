"""Which sources does the projector leave alone just now, because an operator said so? A row a source: it outlives every process.

A pause is exact: it is told under the journal's lock, and whoever appends to the journal looks for it under the same lock. Once it has been answered, nothing
more of the source is applied; the offsets stay where they are, so that resuming goes on with the next event.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress

import asyncpg
import structlog
from crm_events.lease import Connection
from crm_events.topics import SOURCES

from crm_reporting.builds import JOURNAL_LOCK
from crm_reporting.connecting import PATIENCE, connect
from crm_reporting.metrics import ProjectorMetrics

LOOK = 0.25  # seconds between two looks: how soon a resume is felt
AGAIN = 1.0  # seconds until a lost connection is tried again

_PAUSE = "insert into paused (source, reason, paused_by) values ($1, $2, $3) on conflict do nothing returning true"
_RESUME = "delete from paused where source = $1 returning true"
_ALL = "select source, reason, paused_by, paused_at from paused order by source"

log = structlog.get_logger(__name__)


async def pause(connection: Connection, source: str, *, reason: str, by: str) -> bool:
    """Apply nothing of this source from now on. False: it was paused already, and stays so for the first reason. Inside the caller's transaction."""
    await connection.execute("select pg_advisory_xact_lock($1)", JOURNAL_LOCK)
    return bool(await connection.fetchval(_PAUSE, source, reason, by))


async def resume(connection: Connection, source: str) -> bool:
    """Go on with it. False: it was not paused."""
    return bool(await connection.fetchval(_RESUME, source))


async def paused(connection: "Connection | asyncpg.Pool") -> list[asyncpg.Record]:
    """source, reason, paused_by, paused_at."""
    return await connection.fetch(_ALL)


class Pauses:
    """The paused sources as a projector last saw them."""

    def __init__(self, database_url: str, metrics: ProjectorMetrics) -> None:
        self._url, self._gauge = database_url, metrics.paused
        self.sources: frozenset[str] = frozenset()
        self._note(())

    @property
    def reason(self) -> str | None:
        """What readiness tells of it."""
        return f"{', '.join(sorted(self.sources))}: an operator paused the projection" if self.sources else None

    def _note(self, sources: Collection[str]) -> None:
        self.sources = frozenset(sources)
        for source in SOURCES:
            self._gauge.labels(source).set(source in self.sources)

    def met(self, sources: Collection[str]) -> None:
        """A batch has met a pause that was told since the last look."""
        self._note(self.sources | set(sources))

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`. What was paused stays so while the database is away: nothing can be applied then."""
        while not stop.is_set():
            try:
                await self._looking(stop)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("pauses are not heard of", error=type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), AGAIN)

    async def _looking(self, stop: asyncio.Event) -> None:
        connection = await connect(self._url, PATIENCE)
        try:
            while not stop.is_set():
                self._note([row["source"] for row in await connection.fetch("select source from paused", timeout=5)])
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK)
        finally:
            connection.terminate()
