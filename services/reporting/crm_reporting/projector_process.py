"""What does `reporting projector` do from start to end? It feeds its own definition's build: from Kafka while that is active, else from the journal."""

import asyncio
import gc
from collections.abc import Mapping
from contextlib import suppress

import asyncpg
import structlog
from crm_events.consumer import Consumer
from crm_events.failpoints import reached
from crm_events.topics import SOURCES, declare
from prometheus_client import CollectorRegistry

from crm_reporting import builds
from crm_reporting.builds import Build, NoBuild
from crm_reporting.connecting import BATCH, PATIENCE, PLANNER, connect
from crm_reporting.following import follow
from crm_reporting.metrics import ProjectorMetrics
from crm_reporting.parking import retry_unknown
from crm_reporting.pausing import Pauses
from crm_reporting.projector import Projector
from crm_reporting.rebuild import analyze
from crm_reporting.settings import ReportingSettings

log = structlog.get_logger(__name__)

GROUP = "reporting"  # the consumer's name in `offsets`, and Kafka's group
APPLIED = "applied"  # the channel that wakes readers and the composer after a commit; it says nothing more: they look at `offsets` and `journal`
BATCH_EVENTS = 2_000  # as fast as more, and on a starved machine still folded within the 3 s a transaction may be idle
# aiokafka's fetched buffers stay in reference cycles: with raised thresholds 1.5M events took 1.5 GB, with a collection every 20,000 events 160 MB.
COLLECT_EVERY = 20_000
IDLE_COLLECT = 60.0  # seconds
ANALYZE_AT = (1_000, 10_000, 100_000)  # journal ids from which on the statistics of nearly empty tables mislead


class Overwhelmed(Exception):
    """More than a hundred folds failed within a minute: it is the code, not the customers. Look at `GET /v1/operations/parked` before starting again."""


class ProjectorProcess:
    """One projector. `waiting_for`: why nothing is projected just now, for readiness; None = at work."""

    def __init__(self, settings: ReportingSettings, registry: CollectorRegistry, *, topics: Mapping[str, str] = SOURCES) -> None:
        self._settings, self._registry = settings, registry
        self._topics = {topic: source for source, topic in topics.items()}
        self._metrics = ProjectorMetrics(registry)
        self.pauses = Pauses(settings.database_url, self._metrics)
        self._side: asyncpg.Connection[asyncpg.Record] | None = None
        self._collected = self._analyzed = 0
        self.waiting_for: str | None = "start"

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises Overwhelmed, the consumer's Stalled, and database errors: a supervisor starts again."""
        looking = asyncio.create_task(self.pauses.run(stop))
        try:
            while not stop.is_set():
                await self._turn(stop)
        finally:
            looking.cancel()
            if self._side is not None:
                await self._side.close()
                self._side = None

    async def _turn(self, stop: asyncio.Event) -> None:
        side = await self._beside()
        try:
            build: Build | None = await builds.ensure_first(side)
        except NoBuild as error:
            self.waiting_for = str(error)
            build = await builds.mine(side, "ready", "draining")
        if build is not None and build.state == "active":
            self.waiting_for = "the broker"
            if self._topics.keys() == set(SOURCES.values()):
                await declare(self._settings.kafka_bootstrap_servers)  # whoever subscribes to a topic that is not there yet hears of it minutes later
            self.waiting_for = None
            await retry_unknown(side, build.name)
            await self._read(build.name, stop)
        elif build is None or not await follow(side, build.name):
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)

    async def _read(self, build: str, stop: asyncio.Event) -> None:
        """Project from Kafka until another build becomes active."""
        ended, ending = asyncio.Event(), asyncio.Event()
        projector = Projector(build, self._metrics, ended, self.pauses)

        async def after() -> None:
            await self._after(projector)

        consumer = Consumer(
            group=GROUP,
            topics=self._topics,
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            connect=lambda: connect(self._settings.database_url, PLANNER, PATIENCE, BATCH),
            before=projector.read,
            apply=projector.apply,
            reject=projector.reject,
            after=after,
            held=lambda: self.pauses.sources,
            batch=BATCH_EVENTS,
            instance=self._settings.instance,
            registry=self._registry,
        )
        gc.disable()
        reading = asyncio.create_task(consumer.run(ending))
        waiting = [asyncio.create_task(event.wait()) for event in (stop, ended)]
        collecting = asyncio.create_task(_collect())
        try:
            await asyncio.wait([reading, *waiting], return_when=asyncio.FIRST_COMPLETED)
            ending.set()
            await reading
        finally:
            gc.enable()
            for task in (reading, collecting, *waiting):
                task.cancel()
        if projector.overwhelmed:
            raise Overwhelmed(f"{build}: too many folds fail")

    async def _after(self, projector: Projector) -> None:
        """After a commit, on a connection of its own: NOTIFY inside the batch would hold the server's one notification lock through its flush."""
        reached("projector.committed")
        side = await self._beside()
        await side.execute(f"notify {APPLIED}")
        last = projector.journalled
        self._metrics.journal.set(last)
        if last - self._collected >= COLLECT_EVERY or last < self._collected:
            gc.collect()
            self._collected = last
        due = max((mark for mark in ANALYZE_AT if mark <= last), default=0)
        if due > self._analyzed:
            self._analyzed = due
            await side.execute("analyze journal")
            await analyze(side, projector.build)

    async def _beside(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._side is None or self._side.is_closed():
            self._side = await connect(self._settings.database_url, PLANNER, PATIENCE)
        return self._side


async def _collect() -> None:
    """Polling without events leaves cycles too."""
    while True:
        await asyncio.sleep(IDLE_COLLECT)
        gc.collect()
