"""How does a batch become one transaction? Offsets by compare-and-set first, then the effects; what fails is narrowed down to its record.

* A transient error: the same batch again, with back-off; nothing is lost.
* Another's offsets: Moved. Roll back, forget, read the offsets again.
* Any other error: halves, until the record stands alone; reject it, or stop its partition.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
import structlog
from aiokafka import TopicPartition
from opentelemetry.trace import SpanKind

from crm_events.consuming import offsets
from crm_events.consuming.chain import Place
from crm_events.consuming.metrics import ConsumerMetrics
from crm_events.consuming.offsets import Kept, Moved, Step
from crm_events.consuming.record import Alien, Record
from crm_events.consuming.transient import transient
from crm_events.keepalive import keep_alive
from crm_events.lease import Connection
from crm_events.tracing import events, tracer

log = structlog.get_logger(__name__)
T = TypeVar("T")

Apply = Callable[[Connection, Sequence[Record]], Awaitable[None]]
Reject = Callable[[Connection, Record, Exception], Awaitable[None]]

# A frozen process keeps its locks, the kernel answers for it: the server ends its transaction. jit would cost more than it saves on statements this small.
_SESSION = "set idle_in_transaction_session_timeout = '3s'; set jit = off"
_TRANSACTION_LIMIT = "set transaction_timeout = '30s'"  # PostgreSQL 17 and later


class Stopped(Exception):
    """A partition stands still now: its row says why."""

    def __init__(self, stopped: Mapping[TopicPartition, str]) -> None:
        super().__init__("; ".join(f"{tp.topic}/{tp.partition}: {reason}" for tp, reason in stopped.items()))
        self.stopped = stopped


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction shall do. `broken`: partitions whose chain ends here, to be marked once the rest is done."""

    steps: Mapping[TopicPartition, Step]
    records: Sequence[Record]
    aliens: Sequence[Alien] = ()
    broken: Mapping[TopicPartition, tuple[Place, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effects:
    """What a reader does with records. `before` and `after` run outside the transaction, `before` more than once if need be; `reject` parks one record."""

    apply: Apply
    before: Callable[[Sequence[Record]], Awaitable[None]] | None = None
    after: Callable[[], Awaitable[None]] | None = None
    reject: Reject | None = None


class Writer:
    """One connection, one transaction at a time."""

    def __init__(self, group: str, connect: Callable[[], Awaitable["asyncpg.Connection[asyncpg.Record]"]], effects: Effects, metrics: ConsumerMetrics) -> None:
        self._group, self._connect, self._effects, self._metrics = group, connect, effects, metrics
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def kept(self, sources: Mapping[TopicPartition, str]) -> dict[TopicPartition, Kept]:
        """Where these partitions stand in the database."""
        return await self._trying(lambda connection: offsets.kept(connection, self._group, sources)) if sources else {}

    async def write(self, batch: Batch) -> None:
        """Do all of it, once. Raises Moved (forget everything), Stopped (a partition stands still, all the rest is done)."""
        stopped: dict[TopicPartition, str] = {}
        try:
            await self._whole(batch.steps, batch.records, batch.aliens, self._effects.apply)
        except Moved:
            raise
        except Exception as error:  # noqa: BLE001 - any error of the reader's own code: narrowed down to the record that causes it
            log.warning("consumer.batch_failed", group=self._group, records=len(batch.records), error=type(error).__name__)
            stopped = await self._narrowed(batch)
        for tp, (place, reason) in batch.broken.items():
            await self._stop(tp, place, reason)
        if stopped:
            raise Stopped(stopped)

    async def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=2)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def _narrowed(self, batch: Batch) -> dict[TopicPartition, str]:
        at = {tp: step.was for tp, step in batch.steps.items()}
        stopped: dict[TopicPartition, str] = {}
        waiting = deque([tuple(batch.records)])
        while waiting:
            part = tuple(record for record in waiting.popleft() if _of(record) not in stopped)
            steps = _steps(at, part)
            try:
                await self._whole(steps, part, (), self._effects.apply)
            except Moved:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                if len(part) > 1:
                    waiting.extendleft((part[len(part) // 2 :], part[: len(part) // 2]))
                    continue
                if (reason := await self._alone(steps, part[0], error)) is not None:
                    stopped[_of(part[0])] = reason
                    await self._stop(_of(part[0]), at[_of(part[0])], reason)
                    continue
            at |= {tp: step.now for tp, step in steps.items()}
        rest = {tp: Step(at[tp], step.now) for tp, step in batch.steps.items() if tp not in stopped and at[tp] != step.now}
        await self._whole(rest, (), tuple(a for a in batch.aliens if TopicPartition(a.topic, a.partition) not in stopped), self._effects.apply)
        return stopped

    async def _alone(self, steps: Mapping[TopicPartition, Step], record: Record, error: Exception) -> str | None:
        """None: rejected, and the partition goes on. Else why it must stop."""
        where = f"offset {record.offset}, position {record.position}: {type(error).__name__}: {error}"[:500]
        reject = self._effects.reject
        if reject is None:
            return where

        async def parking(connection: Connection, records: Sequence[Record]) -> None:
            await reject(connection, records[0], error)

        try:
            await self._whole(steps, (record,), (), parking, first=False)
        except Moved:
            raise
        except Exception as worse:
            log.exception("consumer.reject_failed", group=self._group, topic=record.topic, partition=record.partition, offset=record.offset)
            return f"{where}; and could not be rejected: {worse}"[:1_000]
        self._metrics.records.labels(self._group, "rejected").inc()
        log.warning("consumer.rejected", group=self._group, topic=record.topic, partition=record.partition, offset=record.offset, error=type(error).__name__)
        return None

    async def _whole(
        self, steps: Mapping[TopicPartition, Step], records: Sequence[Record], aliens: Sequence[Alien], apply: Apply, *, first: bool = True
    ) -> None:
        if not steps and not records and not aliens:
            return

        async def once(connection: Connection) -> None:
            if first and records and self._effects.before is not None:
                await self._effects.before(records)
            async with connection.transaction():
                if steps:
                    await offsets.move(connection, self._group, steps)
                if aliens:
                    await offsets.put_aside(connection, self._group, aliens)
                if records:
                    await apply(connection, records)

        began = time.time_ns()
        await self._trying(once)
        if records and tracer() is not None:
            self._told(records, began)
        if self._effects.after is not None:
            try:
                await self._effects.after()
            except Exception:  # the batch is committed: what wakes others may fail, they poll
                log.exception("consumer.after_failed", group=self._group)

    def _told(self, records: Sequence[Record], began: int) -> None:
        told: dict[str, Any] = {"messaging.system": "kafka", "messaging.operation.type": "process", "messaging.consumer.group.name": self._group}
        for topic in {record.topic for record in records}:
            each = ((record.headers, told | {"messaging.destination.name": topic}) for record in records if record.topic == topic)
            events(f"process {topic}", SpanKind.CONSUMER, began, each)

    async def _stop(self, tp: TopicPartition, place: Place, reason: str) -> None:
        log.error("consumer.partition_stopped", group=self._group, topic=tp.topic, partition=tp.partition, last=place.last, reason=reason)
        await self._trying(lambda connection: offsets.stop_at(connection, self._group, tp, place, reason))

    async def _trying(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        pause = 0.1
        while True:
            try:
                return await work(await self._connected())
            except Exception as error:
                if not transient(error, connected=self._connection is not None and not self._connection.is_closed()):
                    raise
                self._metrics.retries.labels(self._group).inc()
                log.warning("consumer.database_away", group=self._group, error=repr(error), again_in=pause)
            await self.close()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 5.0)

    async def _connected(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
            keep_alive(self._connection)
            await self._connection.execute(_SESSION)
            if self._connection.get_server_version().major >= 17:
                await self._connection.execute(_TRANSACTION_LIMIT)
        return self._connection


def _of(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _steps(at: Mapping[TopicPartition, Place], records: Sequence[Record]) -> dict[TopicPartition, Step]:
    return {_of(record): Step(at[_of(record)], Place(record.offset + 1, record.position)) for record in records}
