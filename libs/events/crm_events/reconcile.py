"""Is everything that was stored also in the topic and in the journal, each once? Counted and hashed per partition; what differs is named.

Memory stays bounded: every comparison goes by windows of 10,000 positions, and at most 1,000 ids are named.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from crm_events.consuming.record import Record, recognise
from crm_events.lease import Connection
from crm_events.topics import PARTITIONS

WINDOW = 10_000
NAMED = 1_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One event in one of the three places."""

    partition: int
    position: int
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Tally:
    """One partition: how many events, the position of the last, and a digest that does not depend on their order (a sum modulo 2^64).

    `repeated`: records of a topic that a reader drops as seen before; not counted, and not a difference.
    """

    count: int = 0
    last: int = 0
    digest: int = 0
    repeated: int = 0

    def same(self, other: "Tally") -> bool:
        """Equal but for repeats."""
        return replace(self, repeated=0) == replace(other, repeated=0)


@dataclass(frozen=True, slots=True)
class Differences:
    """Ids, at most 1,000 of each. `missing`: expected and not found; `strange`: found and not expected, or elsewhere; `doubled`: found more than once."""

    missing: tuple[UUID, ...]
    doubled: tuple[UUID, ...]
    strange: tuple[UUID, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.doubled or self.strange)


Window: TypeAlias = Callable[[int, int], Awaitable[Sequence[Seen]]]  # (after, up to): the events with after < position <= up to, of one source


def store_window(connection: Connection) -> Window:
    """The events of a store, for `count` and `differences`."""

    async def window(after: int, upto: int) -> Sequence[Seen]:
        rows = await connection.fetch("select partition, position, event_id from events where position > $1 and position <= $2 and partition >= 0", after, upto)
        return [Seen(row["partition"], row["position"], row["event_id"]) for row in rows]

    return window


async def store_head(connection: Connection) -> int:
    """The store's last position: reconcile up to it, as the store goes on growing."""
    return int(await connection.fetchval("select coalesce(max(position), 0) from events"))


async def count(window: Window, upto: int) -> dict[int, Tally]:
    """Every partition's tally of the events up to a position, whichever place `window` reads."""
    tallies = dict.fromkeys(range(PARTITIONS), Tally())
    for after in range(0, upto, WINDOW):
        for seen in await window(after, min(after + WINDOW, upto)):
            tallies[seen.partition] = _with(tallies[seen.partition], seen)
    return tallies


async def store_count(connection: Connection, upto: int | None = None) -> dict[int, Tally]:
    """The store's tallies, up to its head unless told."""
    return await count(store_window(connection), await store_head(connection) if upto is None else upto)


async def topic_count(bootstrap_servers: str, topic: str, source: str, upto: int) -> dict[int, Tally]:
    """What a reader that starts now would take: the chain from its beginning. A broken chain ends the count there: `last` stays behind the store's."""
    tallies = dict.fromkeys(range(PARTITIONS), Tally())
    async for record in _records(bootstrap_servers, topic, source):
        tally = tallies[record.partition]
        if record.position > upto:
            continue
        if record.position > tally.last and record.previous == tally.last:
            tallies[record.partition] = _with(tally, Seen(record.partition, record.position, record.event_id))
        else:
            tallies[record.partition] = replace(tally, repeated=tally.repeated + 1)
    return tallies


async def differences(expected: Window, found: Window, upto: int) -> Differences:
    """Which events one place has and the other has not, by windows."""
    missing, doubled, strange = list[UUID](), list[UUID](), list[UUID]()
    for after in range(0, upto, WINDOW):
        should, have = await expected(after, min(after + WINDOW, upto)), await found(after, min(after + WINDOW, upto))
        wanted, there = set(should), set(have)
        missing += _ids(wanted - there, NAMED - len(missing))
        strange += _ids(there - wanted, NAMED - len(strange))
        doubled += _ids((seen for seen, times in Counter(have).items() if times > 1), NAMED - len(doubled))
    return Differences(tuple(missing), tuple(doubled), tuple(strange))


async def not_in_topic(expected: Window, tallies: Mapping[int, Tally], upto: int) -> tuple[UUID, ...]:
    """The events a reader of the topic cannot reach: those beyond the point up to which each partition's chain holds. At most 1,000."""
    beyond = list[UUID]()
    for after in range(min(tally.last for tally in tallies.values()), upto, WINDOW):
        seen = await expected(after, min(after + WINDOW, upto))
        beyond += _ids((s for s in seen if s.position > tallies[s.partition].last), NAMED - len(beyond))
    return tuple(beyond)


def _with(tally: Tally, seen: Seen) -> Tally:
    digest = (tally.digest + (seen.event_id.int ^ seen.position * 0x9E3779B97F4A7C15)) % 2**64
    return replace(tally, count=tally.count + 1, last=max(tally.last, seen.position), digest=digest)


def _ids(seen: Iterable[Seen], most: int) -> list[UUID]:
    return [one.event_id for one in sorted(seen, key=lambda one: one.position)[: max(0, most)]]


async def _records(bootstrap_servers: str, topic: str, source: str) -> AsyncIterator[Record]:
    """Every record of `source` from the log's start to its end as it is now, in order within each partition; none if there is no such topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100)
    async with asyncio.timeout(30):
        await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        if topic not in await consumer.topics():
            return  # its offsets would be asked for until it appears
        consumer.assign(partitions)
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        waiting = {tp for tp in partitions if ends[tp] > starts[tp]}
        consumer.pause(*(tp for tp in partitions if tp not in waiting))
        while waiting:
            for tp, messages in (await consumer.getmany(*waiting, timeout_ms=1_000, max_records=500)).items():
                for message in messages:
                    if message.offset < ends[tp] and isinstance(record := recognise(message, source), Record):
                        yield record
                if messages[-1].offset >= ends[tp] - 1:
                    waiting.discard(tp)
                    consumer.pause(tp)
            await asyncio.sleep(0)
    finally:
        await consumer.stop()
