"""Which partitions are ours to read just now, and what came from them? aiokafka's consumer with its traps fenced in.

* Records can be handed out while a rebalance callback still runs, and exceptions in callbacks are swallowed: so callbacks only set a flag here, and the
  reader drops everything until it has seeked anew.
* `getmany` waits without end for an assignment: so every wait has a deadline.
* A position that is out of range must never move by itself: `auto_offset_reset="none"`.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from crm_events.topics import PARTITIONS

log = structlog.get_logger(__name__)

DEADLINE = 10.0  # seconds for any single question to the broker
NOTHING: Mapping[str, Any] = MappingProxyType({})
START_DEADLINE = 60.0  # joining a group waits for the session of a dead member to run out


class OutOfRange(Exception):
    """The log does not have the offset asked for: it came back shorter, or its beginning is gone."""

    def __init__(self, partitions: Collection[TopicPartition]) -> None:
        super().__init__(f"offsets out of range: {sorted(partitions)}")
        self.partitions = partitions


class _Flag(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.generation = 0

    def on_partitions_revoked(self, revoked: object) -> None:
        self.settled.clear()
        self.generation += 1

    def on_partitions_assigned(self, assigned: object) -> None:
        self.generation += 1
        self.settled.set()


class Subscription:
    """The partitions of some topics, shared out by Kafka's group; all of them when `share` is False.

    `instance`: a stable name of this process makes its membership static: a restart within `session` seconds then disturbs no other member.
    `connection`: security settings of aiokafka's clients.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group: str | None,
        topics: Iterable[str],
        *,
        share: bool = True,
        instance: str | None = None,
        session: float = 30.0,
        connection: Mapping[str, Any] = NOTHING,
    ) -> None:
        self._topics, self._share, self._flag, self._seen = sorted(topics), share, _Flag(), -1
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            group_id=group,
            group_instance_id=instance if share else None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            partition_assignment_strategy=(RangePartitionAssignor,),  # partition i of every topic to the same member
            session_timeout_ms=int(session * 1000),
            heartbeat_interval_ms=min(3_000, int(session * 100)),
            fetch_max_wait_ms=100,  # a seek has to wait for the fetch under way
            request_timeout_ms=int(DEADLINE * 1000),
            **connection,
        )

    async def start(self) -> None:
        """Connect, and join the group. OSError (a timeout too) or KafkaError when the broker is away."""
        async with asyncio.timeout(START_DEADLINE):
            if self._share:
                self._consumer.subscribe(topics=self._topics, listener=self._flag)
                await self._consumer.start()
                return
            await self._consumer.start()
            self._consumer.assign([TopicPartition(topic, number) for topic in self._topics for number in range(PARTITIONS)])
            self._flag.on_partitions_assigned(())

    async def settled(self, seconds: float) -> frozenset[TopicPartition] | None:
        """Wait for the end of a rebalance: the partitions that are ours, and from here on `changed` tells of the next one. None: it still goes on."""
        try:
            async with asyncio.timeout(seconds):
                await self._flag.settled.wait()
        except TimeoutError:
            return None
        self._seen = self._flag.generation
        return frozenset(self._consumer.assignment())

    @property
    def changed(self) -> bool:
        """A rebalance began since `settled`: nothing that was read since is worth anything."""
        return self._flag.generation != self._seen

    def go(self, tp: TopicPartition, offset: int) -> None:
        """Read on from there. Ignored for a partition that is no longer ours: `changed` will tell."""
        with contextlib.suppress(IllegalStateError):
            self._consumer.resume(tp)
            self._consumer.seek(tp, offset)

    def halt(self, tp: TopicPartition) -> None:
        """Read nothing from it until `go`."""
        with contextlib.suppress(IllegalStateError):
            self._consumer.pause(tp)

    async def sip(self, most: int, *, seconds: float) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """Up to `most` records, waiting up to `seconds` for the first. Raises OutOfRange, and KafkaError for what only an operator can mend."""
        try:
            async with asyncio.timeout(seconds + DEADLINE):
                fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most)
                return fetched
        except OffsetOutOfRangeError as error:
            raise OutOfRange(tuple(error.args[0])) from error
        except (NoOffsetForPartitionError, TimeoutError):  # asked before we had seeked; a rebalance that goes on
            return {}

    async def bounds(self, tp: TopicPartition) -> tuple[int, int]:
        """The first offset in the log, and the one the next record will get."""
        async with asyncio.timeout(DEADLINE):
            return (await self._consumer.beginning_offsets([tp]))[tp], (await self._consumer.end_offsets([tp]))[tp]

    async def at(self, tp: TopicPartition, moment: datetime) -> int | None:
        """The offset of the first record that the broker took at that moment or later, None where there is none."""
        async with asyncio.timeout(DEADLINE):
            found = (await self._consumer.offsets_for_times({tp: int(moment.timestamp() * 1000)}))[tp]
        return None if found is None else int(found.offset)

    async def ends(self, tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The offsets the next records will get; empty when the broker does not say."""
        if not tps:
            return {}
        try:
            async with asyncio.timeout(DEADLINE):
                ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(list(tps))
                return ends
        except (KafkaError, OSError):
            return {}

    def highwater(self, tp: TopicPartition) -> int | None:
        """The log's end as the last fetch saw it."""
        try:
            end: int | None = self._consumer.highwater(tp)
        except (IllegalStateError, AssertionError):
            return None
        return end

    async def tell(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit to Kafka, so that its tools and autoscalers see the lag. Best effort: nothing rests on it."""
        try:
            async with asyncio.timeout(DEADLINE):
                await self._consumer.commit(dict(offsets))
        except (KafkaError, OSError) as error:
            log.debug("consumer.kafka_commit_failed", error=repr(error))

    async def close(self) -> None:
        """Leave the group, unless membership is static."""
        try:
            async with asyncio.timeout(DEADLINE):
                await self._consumer.stop()
        except (KafkaError, OSError):
            log.warning("consumer.not_closed", topics=self._topics)
