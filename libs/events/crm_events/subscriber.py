"""How does somebody outside read events in ten lines? What was told, then what is told, each once and in order, and never past a gap.

    async with Events("localhost:19092", ["crm.tickets.v1"], marks=File("resolved.marks")) as events:
        async for told in events:
            if isinstance(told.event, TicketResolved):
                print(told.customer_id, told.event.attempt)

An event counts as handled when the next one is asked for. A process that dies is given again what it handled since its marks were last kept (a second, or
one batch): know an event by its id where doing it twice would hurt. What is repeated in the log itself is dropped by the chain.
"""

import asyncio
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from crm_events.consuming.chain import Place, sift
from crm_events.consuming.record import Record, recognise
from crm_events.consuming.subscription import OutOfRange, Subscription
from crm_events.marks import Marks, Nowhere, Standing
from crm_events.registry import REGISTRY
from crm_events.told import Told
from crm_events.topics import SOURCES

SIP = 500  # records read at once
KEEP = 1.0  # seconds between two keepings of the marks
SILENT = 60.0  # seconds without anything new after which it is looked whether the broker has something all the same
_ANY = -1  # the position before the first event, where reading begins amid the log: whatever comes first is the next one

log = structlog.get_logger(__name__)


class Missing(Exception):
    """Events are missing in the log: nothing in it follows the last one told. Nothing is skipped: ask the operators, and start again."""


class Events:
    """The events of some topics (names of ours, or a mapping of any names to the sources that write them), read by one process.

    `marks`: where to keep how far it has come. Where they say nothing, reading begins at `start`: the log's beginning, its end, or the first event that the
    broker took at a moment. `types`: all others are left out. `connection`: security settings of aiokafka's clients. To share the work among processes, or to
    have effects exactly once, use `consumer.Consumer` with a database.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topics: Mapping[str, str] | Sequence[str] = tuple(SOURCES.values()),
        *,
        marks: Marks | None = None,
        start: datetime | Literal["beginning", "end"] = "beginning",
        types: Collection[str] | None = None,
        **connection: Any,
    ) -> None:
        written_by = {topic: source for source, topic in SOURCES.items()}
        self._sources = dict(topics) if isinstance(topics, Mapping) else {topic: written_by[topic] for topic in topics}
        self._types = None if types is None else frozenset(types)
        if self._types is not None and (unknown := self._types - REGISTRY.keys()):
            raise ValueError(f"No service tells of {', '.join(sorted(unknown))}.")
        self._bootstrap, self._marks, self._start, self._connection = bootstrap_servers, marks or Nowhere(), start, connection
        self._log: Subscription | None = None
        self._places: dict[TopicPartition, Place] = {}  # after all that was read
        self._ends: Mapping[TopicPartition, int] = {}  # of the log when reading began
        self._handled: dict[str, tuple[int, int]] = {}
        self._ready: deque[Told] = deque()
        self._given: Told | None = None
        self._dirty, self._kept_at, self._moved_at, self._pause = False, 0.0, 0.0, 0.25

    @property
    def live(self) -> bool:
        """Whether all that was in the log when reading began has been told."""
        return bool(self._places) and not self._ready and all(self._places[tp].next >= end for tp, end in self._ends.items())

    async def __aenter__(self) -> Self:
        self._handled = dict(await self._marks.load())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._hang_up()
        if self._dirty:
            await self._marks.keep(self._handled)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Told:
        """The next event; waits for it, and for a broker that is away. Raises Missing, and KafkaError for what only an operator can mend."""
        self._took_the_last()
        await self._keep()
        while not self._ready:
            self._all_handled()
            await self._keep()
            try:
                await self._read()
            except (KafkaError, OSError) as error:
                if isinstance(error, KafkaError) and not error.retriable:
                    raise
                log.warning("subscriber.broker_away", error=type(error).__name__, again_in=self._pause)
                await self._hang_up()
                await asyncio.sleep(self._pause)
                self._pause = min(2 * self._pause, 10.0)
        self._given = self._ready.popleft()
        return self._given

    def standing(self) -> Standing:
        """How far it has come: what `marks` would be given now."""
        return dict(self._handled)

    def _took_the_last(self) -> None:
        if self._given is not None:
            record, self._given = self._given.record, None
            self._handled[f"{record.topic}/{record.partition}"] = (record.offset + 1, record.position)
            self._dirty = True

    def _all_handled(self) -> None:
        """What was left out is behind us too."""
        for tp, place in self._places.items():
            if place.search_until is None and place.last != _ANY:
                where, here = f"{tp.topic}/{tp.partition}", (place.next, place.last)
                self._dirty = self._dirty or self._handled.get(where) != here
                self._handled[where] = here

    async def _keep(self) -> None:
        if self._dirty and time.monotonic() - self._kept_at > KEEP:
            await self._marks.keep(self._handled)
            self._dirty, self._kept_at = False, time.monotonic()

    async def _read(self) -> None:
        log_of = self._log or await self._connected()
        try:
            fetched = await log_of.sip(SIP, seconds=0.2)
        except OutOfRange as error:
            for tp in error.partitions:
                await self._search(log_of, tp)
            return
        if fetched:
            self._moved_at = time.monotonic()
        elif time.monotonic() - self._moved_at > SILENT:
            await self._look(log_of)
        for tp, messages in fetched.items():
            await self._sift(log_of, tp, messages)

    async def _sift(self, log_of: Subscription, tp: TopicPartition, messages: Sequence[ConsumerRecord]) -> None:
        records = [recognise(message, self._sources[tp.topic]) for message in messages]
        place = self._places[tp]
        first = next((record for record in records if isinstance(record, Record)), None)
        if place.last == _ANY and first is not None:
            place = Place(place.next, first.previous)
        sifted = sift(place, records)
        self._places[tp] = sifted.place
        wanted = (record for record in sifted.taken if self._types is None or record.type in self._types)
        self._ready.extend(Told.of(record, live=record.offset >= self._ends[tp]) for record in wanted)
        if sifted.aliens:
            log.warning("subscriber.foreign_records", topic=tp.topic, partition=tp.partition, records=len(sifted.aliens))
        if sifted.lost:
            raise Missing(f"{tp.topic}, partition {tp.partition}: nothing follows position {sifted.place.last}.")
        if sifted.gap is not None:
            await self._search(log_of, tp)

    async def _search(self, log_of: Subscription, tp: TopicPartition) -> None:
        """Look through the log once, from its start, for what follows the last event told."""
        start, end = await log_of.bounds(tp)
        place = self._places[tp]
        self._places[tp] = Place(place.next, place.last, search_until=end) if end > start and place.last != _ANY else Place(start, place.last)
        log.warning("subscriber.searches", topic=tp.topic, partition=tp.partition, last=place.last)
        log_of.go(tp, start)

    async def _look(self, log_of: Subscription) -> None:
        """aiokafka can wait for ever after a broker's restart: connect anew where the log goes on and nothing comes."""
        self._moved_at = time.monotonic()
        ends = await log_of.ends(list(self._places))
        if any(ends.get(tp, 0) > place.next for tp, place in self._places.items()):
            raise TimeoutError("records wait and nothing comes")

    async def _connected(self) -> Subscription:
        log_of = Subscription(self._bootstrap, None, self._sources, share=False, connection=self._connection)
        try:
            await log_of.start()
            assigned = sorted(await log_of.settled(1.0) or ())
            if not self._places:
                places = {tp: await self._begin(log_of, tp) for tp in assigned}
                self._ends = {tp: (await log_of.bounds(tp))[1] for tp in assigned}
                self._places = places
            for tp, place in self._places.items():
                self._places[tp] = Place(place.next, place.last)
                log_of.go(tp, place.next)
        except BaseException:
            await log_of.close()
            raise
        self._log, self._moved_at, self._pause = log_of, time.monotonic(), 0.25
        return log_of

    async def _begin(self, log_of: Subscription, tp: TopicPartition) -> Place:
        if kept := self._handled.get(f"{tp.topic}/{tp.partition}"):
            return Place(*kept)
        start, end = await log_of.bounds(tp)
        if self._start == "beginning":
            return Place(start, 0)
        if self._start == "end":
            return Place(end, _ANY)
        return Place(await log_of.at(tp, self._start) or end, _ANY)

    async def _hang_up(self) -> None:
        if self._log is not None:
            await self._log.close()
            self._log = None
