"""How does every stored event come to Kafka, once in effect and in order? One leader reads by position, publishes, and compares-and-sets its checkpoint.

The event table is the outbox: nothing is updated or deleted in it. The chain (`ce_previous`) makes a record sent twice harmless and a lost one visible, so
every trouble has the same answer: throw the producer away, and lead again from the checkpoint.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import asyncpg
import structlog
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from crm_events.codec import headers
from crm_events.failpoints import reached
from crm_events.lease import owner_name
from crm_events.registry import REGISTRY
from crm_events.relaying import checkpoint as checkpoints
from crm_events.relaying import reading
from crm_events.relaying.checkpoint import Checkpoint, Fenced
from crm_events.relaying.comparing import compare
from crm_events.relaying.metrics import RelayMetrics
from crm_events.relaying.publisher import Outgoing, Publisher
from crm_events.relaying.reading import HoleInStore
from crm_events.stopping import stoppable
from crm_events.topics import PARTITIONS

log = structlog.get_logger(__name__)

SIP = 200  # rows made into records between two turns of the event loop: requests share it


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds and rows. A batch must be acknowledged before the lease it is covered by runs out: `kafka_deadline` < `lease`."""

    lease: float = 10.0
    renew: float = 3.0
    kafka_deadline: float = 8.0
    compare_tails: float = 60.0
    stand_by: float = 1.0
    poll_least: float = 0.005
    poll_most: float = 0.05
    back_off_most: float = 5.0
    grace: float = 3.0
    rows: int = 4_000
    rows_when_busy: int = 2_000
    mark_every: int = checkpoints.MARK_EVERY


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """`age_seconds`: of the oldest event not in Kafka yet. `trouble`: why the last turn ended, None once a later one went well."""

    source: str
    leader: bool
    position: int = 0
    head: int = 0
    age_seconds: float = 0.0
    trouble: str | None = None


class StoreBehindLog(Exception):
    """Kafka holds positions the store does not have: it was restored. Sending on would give old positions to new events, which readers drop in silence."""


def _idle() -> bool:
    return False


class Relay:
    """The relay of one store. Any number of processes may run one; one of them leads.

    `busy` says that requests are in flight: the turn is then shorter. `about_nobody`: event types keyed by their stream, which have no subject.
    """

    def __init__(
        self,
        source: str,
        *,
        topic: str,
        database_url: str,
        bootstrap_servers: str,
        schema_base_url: str,
        registry: CollectorRegistry | None = None,
        busy: Callable[[], bool] = _idle,
        about_nobody: Collection[str] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._source, self._topic = source, topic
        self._database_url, self._bootstrap, self._schemas = database_url, bootstrap_servers, schema_base_url
        self._metrics = RelayMetrics(registry or CollectorRegistry(), source)
        self._busy = busy
        self._about_nobody = frozenset(kind.type for kind in REGISTRY.values() if kind.keyed_by_stream) if about_nobody is None else frozenset(about_nobody)
        self._pace = pace or Pace()
        self._owner = owner_name()
        self._awake = asyncio.Event()
        self._status = RelayStatus(source, leader=False)
        self._measured = 0.0

    def wake(self) -> None:
        """Something was committed: look now. Polling is the guarantee, this is only haste."""
        self._awake.set()

    def status(self) -> RelayStatus:
        """As of the last turn of this process."""
        return self._status

    async def run(self, stop: asyncio.Event) -> None:
        """Lead when possible, stand by otherwise, until `stop`. Never raises for a database or broker that is away: it backs off and tries again."""
        await stoppable(self._work(stop), stop, grace=self._pace.grace)

    async def _work(self, stop: asyncio.Event) -> None:
        pause = 0.25
        while not stop.is_set():
            began = time.monotonic()
            try:
                await self._connected(stop)
            except (OSError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, HoleInStore, StoreBehindLog) as error:  # OSError: timeouts too
                self._failed(error)
                log.warning("relay.turn_failed", source=self._source, error=repr(error))
            except Exception as error:
                self._failed(error)
                log.exception("relay.turn_failed", source=self._source)
            pause = 0.25 if time.monotonic() - began > self._pace.compare_tails else min(2 * pause, self._pace.back_off_most)
            await _until(stop, pause)

    def _failed(self, error: Exception) -> None:
        self._metrics.errors.inc()
        self._now(leader=False, trouble=f"{type(error).__name__}: {error}")

    async def _connected(self, stop: asyncio.Event) -> None:
        connection = await reading.connect(self._database_url, deadline=10.0)
        try:
            while not stop.is_set():
                await self._measure(connection)
                held = await checkpoints.lead(connection, self._source, self._owner, seconds=self._pace.lease)
                if held is None:
                    self._now(leader=False, trouble=None)
                    await _until(stop, self._pace.stand_by)
                    continue
                try:
                    await self._lead(connection, held, stop)
                except Fenced as replaced:
                    log.warning("relay.replaced", source=self._source, reason=str(replaced))
                finally:
                    self._metrics.leader.set(0)
                    if not connection.is_closed():
                        await checkpoints.release(connection, held)
        finally:
            await _closed(connection)

    async def _lead(self, connection: "asyncpg.Connection[asyncpg.Record]", held: Checkpoint, stop: asyncio.Event) -> None:
        log.info("relay.leads", source=self._source, epoch=held.epoch, position=held.position)
        publisher = Publisher(self._bootstrap, self._topic, deadline=self._pace.kafka_deadline)
        try:
            await publisher.start()
            held = await self._compared(connection, held)
            self._metrics.leader.set(1)
            self._now(leader=True, trouble=None)
            await self._relay(connection, publisher, held, stop)
        finally:
            await publisher.close()

    async def _relay(self, connection: "asyncpg.Connection[asyncpg.Record]", publisher: Publisher, held: Checkpoint, stop: asyncio.Event) -> None:
        compared = renewed = time.monotonic()
        poll = self._pace.poll_least
        rows = await self._next(connection, held.position)
        while not stop.is_set():
            if rows:
                reached("relay.read")
                partitions, last = await self._records(rows, held)
                sending = asyncio.create_task(publisher.publish(partitions))
                try:
                    ahead = await self._next(connection, rows[-1]["position"])
                    reached("relay.sent")
                finally:
                    await sending
                reached("relay.acked")
                held = await self._moved(connection, held, rows[-1]["position"], last)
                reached("relay.moved")
                self._metrics.published.inc(len(rows))
                renewed, poll, rows = time.monotonic(), self._pace.poll_least, ahead
            else:
                await _until(self._awake, poll)
                poll = min(2 * poll, self._pace.poll_most)
                if time.monotonic() - renewed > self._pace.renew:
                    await checkpoints.renew(connection, held, seconds=self._pace.lease)
                    renewed = time.monotonic()
                rows = await self._next(connection, held.position)
            if time.monotonic() - compared > self._pace.compare_tails:
                before, held = held, await self._compared(connection, held)
                rows = rows if held == before else await self._next(connection, held.position)
                compared = renewed = time.monotonic()
            await self._measure(connection, held)

    async def _next(self, connection: "asyncpg.Connection[asyncpg.Record]", position: int) -> Sequence[asyncpg.Record]:
        self._awake.clear()  # before the look: what wakes us from here on may not be in it
        return await reading.after(connection, position, self._pace.rows_when_busy if self._busy() else self._pace.rows)

    async def _records(self, rows: Sequence[asyncpg.Record], held: Checkpoint) -> tuple[dict[int, list[Outgoing]], list[int]]:
        last, partitions = list(held.last), dict[int, list[Outgoing]]()
        for number, row in enumerate(rows, 1):
            if row["partition"] < 0:
                continue  # stands for an event that is lost
            event = reading.envelope(row, self._source, last[row["partition"]], self._about_nobody)
            partitions.setdefault(event.partition, []).append(Outgoing(str(event.key).encode(), event.payload, headers(event, self._schemas)))
            last[event.partition] = event.position
            if number % SIP == 0:
                await asyncio.sleep(0)
        return partitions, last

    async def _compared(self, connection: "asyncpg.Connection[asyncpg.Record]", held: Checkpoint) -> Checkpoint:
        """The checkpoint, set back to the newest mark from which the log can be filled again if it is shorter than what was acknowledged."""
        seen = await compare(
            connection, self._source, bootstrap_servers=self._bootstrap, topic=self._topic, deadline=self._pace.kafka_deadline, acknowledged=held.last
        )
        if seen.ahead:
            await connection.execute("update store set timeline = ''")  # closes writes, until the tail is taken back (recovery.py)
            raise StoreBehindLog(
                f"{self._topic} holds position {seen.highest}, the store ends at {seen.head}: it was restored, or this is another's topic ({seen.different})"
            )
        if not (behind := seen.behind):
            await checkpoints.renew(connection, held, seconds=self._pace.lease)
            return held
        position, last = await checkpoints.mark_at_or_below(connection, min(behind), PARTITIONS)
        log.error("relay.log_is_short", source=self._source, partitions=len(behind), lowest=min(behind), checkpoint=held.position, again_from=position)
        self._metrics.rewinds.inc()
        return await self._moved(connection, held, position, last)

    async def _moved(self, connection: "asyncpg.Connection[asyncpg.Record]", held: Checkpoint, position: int, last: Sequence[int]) -> Checkpoint:
        pace = self._pace
        return await checkpoints.move(connection, held, position=position, last=last, seconds=pace.lease, mark_every=pace.mark_every)

    async def _measure(self, connection: "asyncpg.Connection[asyncpg.Record]", held: Checkpoint | None = None) -> None:
        if held is not None and time.monotonic() - self._measured < 1.0:
            self._now(leader=True, trouble=None, position=held.position, head=max(held.position, self._status.head))
            return
        now = await reading.standing(connection, self._source)
        self._measured = time.monotonic()
        self._now(leader=held is not None, position=now.position, head=now.head, age_seconds=now.age_seconds)

    def _now(self, **changed: object) -> None:
        self._status = replace(self._status, **changed)  # type: ignore[arg-type]
        self._metrics.position.set(self._status.position)
        self._metrics.head.set(self._status.head)
        self._metrics.age.set(self._status.age_seconds)


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def _closed(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    try:
        await connection.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
