"""What does `reporting composer` do from start to end? It composes whom the journal names, tells the feed, and enters names in the blind index."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import asyncpg
import structlog
from crm_events.lease import acquire, owner_name, release, renew
from crm_events.metrics import measure_pool
from crm_events.topics import declare
from crm_events.vault import SESSION, LocalVault
from prometheus_client import CollectorRegistry

from crm_reporting import builds
from crm_reporting.composer import compose_next
from crm_reporting.connecting import BATCH, PATIENCE, PLANNER, connect
from crm_reporting.feed import FeedPublisher
from crm_reporting.index import index_next
from crm_reporting.metrics import ComposerMetrics
from crm_reporting.projector_process import APPLIED
from crm_reporting.settings import ReportingSettings
from crm_reporting.switching import SWITCHED, retire_old

log = structlog.get_logger(__name__)

COMPOSED = "composed"  # the channel that wakes list readers and the publisher
POLL = 0.25  # seconds; the guarantee behind the channels
LEASE = 15.0  # seconds the feed is ours without renewal
RETIRE_EVERY = 600.0
MEASURE_EVERY = 1.0  # seconds, while there is work; and whenever there is none
LOOK_EVERY = 60.0  # seconds between two looks whether the feed's topic still has what it was told


class ComposerProcess:
    """One composer: three loops, each on its own connection; one that fails starts again by itself (see `run_all`)."""

    def __init__(self, settings: ReportingSettings, registry: CollectorRegistry) -> None:
        self._settings, self._registry, self._metrics = settings, registry, ComposerMetrics(registry)
        self._owner = owner_name()

    def works(self) -> Mapping[str, Callable[[asyncio.Event], Awaitable[None]]]:
        """The loops by name; the index only where keys are to be had."""
        works: dict[str, Callable[[asyncio.Event], Awaitable[None]]] = {"composer": self.compose, "feed": self.publish}
        if self._settings.vault_database_url and self._settings.master_key:
            works["index"] = self.index
        return works

    async def compose(self, stop: asyncio.Event) -> None:
        """Compose whoever the journal names, as it grows."""
        retired_at = measured_at = 0.0
        async with self._connected(APPLIED, SWITCHED) as (connection, woken):
            while not stop.is_set():
                build = await builds.mine(connection, "active", "ready", "draining")
                done = await compose_next(connection, build.name) if build else 0
                if build and (not done or time.monotonic() - measured_at > MEASURE_EVERY):
                    measured_at = time.monotonic()
                    await self._measure(connection, build.name)
                if done:
                    await connection.execute(f"notify {COMPOSED}")
                    continue
                if time.monotonic() - retired_at > RETIRE_EVERY:
                    retired_at = time.monotonic()
                    await retire_old(connection)
                await _next(stop, woken)

    async def publish(self, stop: asyncio.Event) -> None:
        """Tell the feed what is owed, while the lease is ours."""
        async with self._connected(COMPOSED, SWITCHED) as (connection, woken):
            lease = None
            while lease is None and not stop.is_set():
                lease = await acquire(connection, "feed", self._owner, seconds=LEASE)
                if lease is None:
                    await _next(stop, woken)
            if lease is None:
                return
            publisher = FeedPublisher(self._settings.kafka_bootstrap_servers, public_url=self._settings.url)
            looked = 0.0
            self._metrics.leader.set(1)
            try:
                await declare(self._settings.kafka_bootstrap_servers, "reporting")
                await publisher.start()
                while not stop.is_set() and await renew(connection, lease, seconds=LEASE):
                    if time.monotonic() - looked > LOOK_EVERY:
                        await publisher.find_lost(connection)
                        looked = time.monotonic()
                    build = await builds.active(connection)
                    told = await publisher.publish_next(connection, build.name) if build else 0
                    self._metrics.published.inc(told)
                    if not told:
                        self._metrics.unpublished.set(await connection.fetchval("select count(*) from feed where pending"))
                        await _next(stop, woken)
            finally:
                self._metrics.leader.set(0)
                try:
                    await publisher.close()
                finally:
                    if not connection.is_closed():
                        await release(connection, lease)

    async def index(self, stop: asyncio.Event) -> None:
        """Enter in the blind index what waits to be opened."""
        key = self._settings.index_key_bytes
        async with (
            asyncpg.create_pool(self._settings.vault_database_url, min_size=0, max_size=2, timeout=5, command_timeout=5, server_settings=SESSION) as pool,
            self._connected(APPLIED) as (connection, woken),
        ):
            measure_pool(self._registry, "vault", pool)
            vault = LocalVault(pool, self._settings.master_key_bytes, self._registry)
            while not stop.is_set():
                if not await index_next(connection, vault, key):
                    await _next(stop, woken)

    async def _measure(self, connection: asyncpg.Connection, build: str) -> None:
        cursor = await connection.fetchval(f"select cursor from {build}.composer")
        last = await connection.fetchval("select coalesce(max(id), 0) from journal")
        waits = await connection.fetchval("select extract(epoch from clock_timestamp() - applied_at)::float8 from journal where id = $1", cursor + 1)
        self._metrics.cursor.set(cursor)
        self._metrics.lag.set(last - cursor)
        self._metrics.age.set(waits or 0)

    @asynccontextmanager
    async def _connected(self, *channels: str) -> AsyncIterator[tuple[asyncpg.Connection, asyncio.Event]]:
        connection, woken = await connect(self._settings.database_url, PLANNER, PATIENCE, BATCH), asyncio.Event()
        try:
            for channel in channels:
                await connection.add_listener(channel, lambda *_: woken.set())
            yield connection, woken
        finally:
            await connection.close()


async def _next(stop: asyncio.Event, woken: asyncio.Event) -> None:
    """Sleep until woken, or until it is time to look anyway."""
    if not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), POLL)
    woken.clear()
