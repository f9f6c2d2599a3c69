"""What does a topic hold that its store does not? Its records after the store's head, by position, from all partitions."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from crm_events.codec import Alien, decode
from crm_events.envelope import Envelope
from crm_events.topics import PARTITIONS

STEP = 500  # records the search goes back from a partition's end, four times as many at each further look
AHEAD = 20_000  # positions a partition may be read before the others
LOST = "position.lost"  # what stands in the store at a position whose event is gone; sent nowhere, of no stream


class Hole(Exception):
    """A position that was acknowledged reached no partition before it was lost. `position`: the first such, `beyond`: the next that is there."""

    def __init__(self, position: int, beyond: int) -> None:
        super().__init__(f"position {position} is in no partition, although {beyond} is: it was acknowledged and is lost")
        self.position, self.beyond = position, beyond


class Forked(Exception):
    """Store and topic hold different events at one position: the store went on after it was restored, or the topic is another store's."""


@dataclass(slots=True)
class Tail:
    """The records of `source` after `head`. `known`: the newest at or before `head` seen on the way, to be compared with the store's.

    `accept_loss`: a position that is in no partition is yielded as an event of the type `LOST`, else it raises Hole.
    One reader: `async with Tail(…) as tail: async for event in tail.events():`. Raises KafkaError, TimeoutError when the broker is away.
    """

    bootstrap_servers: str
    topic: str
    source: str
    head: int
    accept_loss: bool = False
    known: dict[int, UUID] = field(default_factory=dict)
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
        """Stand where everything after `head` follows: on each partition at a record that the store has, or at the log's beginning."""
        if self.topic not in await self._consumer.topics():
            self._ends = {}
            return
        partitions = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
        starts: dict[TopicPartition, int] = {}
        self._consumer.assign(partitions)
        begins, self._ends = await self._consumer.beginning_offsets(partitions), await self._consumer.end_offsets(partitions)
        for tp in partitions:
            self._consumer.assign([tp])
            starts[tp] = await self._start(tp, begins[tp], self._ends[tp])
        self._consumer.assign(partitions)
        for tp in partitions:
            self._consumer.seek(tp, starts[tp])

    async def _start(self, tp: TopicPartition, begin: int, end: int) -> int:
        at, step = end, STEP
        while at > begin:
            at, step = max(begin, at - step), 4 * step
            self._consumer.seek(tp, at)
            offset = at
            while offset < end:
                record = await self._consumer.getone(tp)
                offset = record.offset + 1
                event = self._read(record)
                if event is None:
                    continue  # a foreign record: the next one tells
                if event.position <= self.head:
                    return at
                break
        return begin

    def _read(self, record: ConsumerRecord) -> Envelope | None:
        try:
            event = decode(record.key, record.value, record.headers)
        except Alien:
            return None
        return event if event.source == self.source else None

    async def events(self) -> AsyncIterator[Envelope]:
        """Each position once, gapless from `head + 1`. Raises Hole, Forked (two events share a position)."""
        pending: dict[int, Envelope] = {}
        waiting = {tp for tp, end in self._ends.items() if end > await self._consumer.position(tp)}
        reached = dict.fromkeys(waiting, 0)
        after = self.head + 1
        self._consumer.pause(*(tp for tp in self._ends if tp not in waiting))
        while waiting:
            while after in pending:
                yield pending.pop(after)
                after += 1
            ready = [tp for tp in waiting if reached[tp] <= after + AHEAD]
            if not ready:
                for gone in self._gone(after, pending):
                    yield gone
                after = min(pending)
                continue
            for tp, records in (await self._consumer.getmany(*ready, timeout_ms=500)).items():
                for event in filter(None, map(self._read, records)):
                    reached[tp] = max(reached[tp], event.position)
                    self._keep(event, pending, after)
                if records[-1].offset >= self._ends[tp] - 1:
                    waiting.discard(tp)
                    self._consumer.pause(tp)
        while pending:
            for gone in self._gone(after, pending):
                yield gone
            after = min(pending)
            yield pending.pop(after)
            after += 1

    def _gone(self, after: int, pending: Mapping[int, Envelope]) -> Iterator[Envelope]:
        """What stands for the positions before the next that is there."""
        upto = min(pending)
        if after < upto and not self.accept_loss:
            raise Hole(after, upto)
        for position in range(after, upto):
            of_nobody, at = uuid4(), pending[upto].recorded_at
            yield Envelope(self.source, position, -1, of_nobody, 1, uuid4(), LOST, 1, of_nobody, None, at, at, b"{}", uuid4(), "recovery")

    def _keep(self, event: Envelope, pending: dict[int, Envelope], after: int) -> None:
        if event.position <= self.head:
            self.known[event.position] = event.event_id
            if len(self.known) > 10 * STEP * PARTITIONS:
                del self.known[min(self.known)]
        elif event.position >= after:
            there = pending.setdefault(event.position, event)
            if there.event_id != event.event_id:
                raise Forked(f"position {event.position} holds two events: {there.event_id} and {event.event_id}")
