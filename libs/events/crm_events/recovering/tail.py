"""What does a topic hold that its store does not? Its records after the store's head, by position, from all partitions."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from crm_events.codec import Alien, decode
from crm_events.envelope import Envelope
from crm_events.topics import PARTITIONS

SKEW = timedelta(minutes=10)  # by which the clocks of database and broker may differ
KNOWN = 50_000  # events before the head that are kept for comparison
LOST = "position.lost"  # what stands in the store at a position whose event is gone; sent nowhere, of no stream


class Hole(Exception):
    """A position that was acknowledged reached no partition before it was lost. `position`: the first such, `beyond`: the next that is, None = no topic."""

    def __init__(self, position: int, beyond: int | None) -> None:
        super().__init__(
            f"position {position} is in no partition, although {beyond} is: it was acknowledged and is lost"
            if beyond
            else f"the topic is not there, so nothing tells what follows position {position - 1}"
        )
        self.position, self.beyond = position, beyond


class Forked(Exception):
    """Store and topic hold different events at one position: the store went on after it was restored, or the topic is another store's."""


@dataclass(slots=True)
class Tail:
    """The records of `source` after `head`, which was stored at `recorded_at`. `known`: some at or before it seen on the way, to be compared with the store's.

    `accept_loss`: a position that is in no partition is yielded as an event of the type `LOST`, else it raises Hole.
    One reader: `async with Tail(…) as tail: async for event in tail.events():`. Raises KafkaError, TimeoutError when the broker is away.
    """

    bootstrap_servers: str
    topic: str
    source: str
    head: int
    recorded_at: datetime | None
    accept_loss: bool = False
    known: dict[int, UUID] = field(default_factory=dict)
    _furthest: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    _consumer: AIOKafkaConsumer = field(init=False, repr=False)
    _ends: Mapping[TopicPartition, int] = field(init=False, repr=False)

    async def __aenter__(self) -> "Tail":
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100, request_timeout_ms=10_000
        )
        try:
            async with asyncio.timeout(30):
                await self._consumer.start()
                await self._place()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def _place(self) -> None:
        """Stand where everything after `head` follows. By the broker's clock, not by positions: what was sent again lies behind what is newer."""
        if self.topic not in await self._consumer.topics():
            if self.head:
                raise Hole(self.head + 1, None)  # not even what the store has is there: this is no answer to what it lacks
            self._ends = {}
            return
        partitions = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
        self._consumer.assign(partitions)
        begins, self._ends = await self._consumer.beginning_offsets(partitions), await self._consumer.end_offsets(partitions)
        starts = dict(begins)
        if self.recorded_at is not None:
            moment = int((self.recorded_at - SKEW).timestamp() * 1000)
            found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, moment))
            starts = {tp: each.offset if (each := found[tp]) is not None else self._ends[tp] for tp in partitions}
        for tp in partitions:
            self._consumer.seek(tp, starts[tp])

    def _read(self, record: ConsumerRecord) -> Envelope | None:
        try:
            event = decode(record.key, record.value, record.headers)
        except Alien:
            return None
        return event if event.source == self.source else None

    async def events(self) -> AsyncIterator[Envelope]:
        """Each position once, gapless from `head + 1`. Raises Hole, Forked (a position is in two partitions)."""
        pending: dict[int, Envelope] = {}
        waiting = {tp for tp, end in self._ends.items() if end > await self._consumer.position(tp)}
        after = self.head + 1
        self._consumer.pause(*(tp for tp in self._ends if tp not in waiting))
        while waiting:
            while after in pending:
                yield pending.pop(after)
                after += 1
            for tp, records in (await self._consumer.getmany(*waiting, timeout_ms=500)).items():
                ours = (self._read(record) for record in records if record.offset < self._ends[tp])  # what comes after may lack its neighbours
                for event in filter(None, ours):
                    self._keep(event, pending, after)
                if records[-1].offset >= self._ends[tp] - 1:
                    waiting.discard(tp)
                    self._consumer.pause(tp)
        while pending:
            if after not in pending:
                for gone in self._gone(after, pending):
                    yield gone
                after = min(pending)
            yield pending.pop(after)
            after += 1

    def _gone(self, after: int, pending: Mapping[int, Envelope]) -> Iterator[Envelope]:
        """What stands for the positions before the next that is there."""
        upto = min(pending)
        if not self.accept_loss:
            raise Hole(after, upto)
        for position in range(after, upto):
            of_nobody, at = uuid4(), pending[upto].recorded_at
            yield Envelope(self.source, position, -1, of_nobody, 1, uuid4(), LOST, 1, of_nobody, None, at, at, b"{}", uuid4(), "recovery")

    def _keep(self, event: Envelope, pending: dict[int, Envelope], after: int) -> None:
        furthest = self._furthest[event.partition]
        self._furthest[event.partition] = max(furthest, event.position)
        if event.position <= self.head:
            if event.position <= furthest:
                return  # every reader drops it, whatever it says
            self.known[event.position] = event.event_id
            if len(self.known) > KNOWN:
                del self.known[next(iter(self.known))]
        elif event.position >= after:
            there = pending.setdefault(event.position, event)  # the first holds; what was sent again after a loss may be older than what is before it
            if there.partition != event.partition:
                raise Forked(f"position {event.position} is in two partitions: {there.event_id} and {event.event_id}")
