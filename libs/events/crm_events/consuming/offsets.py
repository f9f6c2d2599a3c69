"""How far has a reader come? Rows in its own database, moved by compare-and-set in the transaction of what was done.

Kafka's group shares out the work, but nothing correct rests on it: of two processes that read the same partition, one finds the row moved and rolls back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
from aiokafka import TopicPartition

from crm_events.consuming.chain import Place
from crm_events.consuming.record import Alien
from crm_events.lease import Connection

OFFSETS = """
create table if not exists offsets (
  consumer text not null, topic text not null, partition int not null, source text not null,
  next bigint not null default 0,      -- the Kafka offset to read on from
  last bigint not null default 0,      -- the position of the last event taken: the chain
  broken text,                         -- why this partition stands still; null = it does not
  primary key (consumer, topic, partition));
create table if not exists alien (     -- records on our topics that are not ours
  consumer text not null, topic text not null, partition int not null, "offset" bigint not null, digest bytea not null,
  key bytea, headers json not null, value bytea, received_at timestamptz not null default clock_timestamp(),
  primary key (consumer, topic, partition, "offset", digest));
"""

_MISSING = """
insert into offsets (consumer, topic, partition, source) select $1, n.topic, n.partition, n.source
from unnest($2::text[], $3::int[], $4::text[]) n(topic, partition, source) on conflict do nothing
"""
_READ = """
select o.topic, o.partition, o.next, o.last, o.broken from offsets o
join unnest($2::text[], $3::int[]) n(topic, partition) using (topic, partition) where o.consumer = $1
"""
_MOVE = """
update offsets o set next = n.next, last = n.last, broken = null
from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) n(topic, partition, was_next, was_last, next, last)
where o.consumer = $1 and o.topic = n.topic and o.partition = n.partition and o.next = n.was_next and o.last = n.was_last
"""
_BREAK = "update offsets set broken = $6 where consumer = $1 and topic = $2 and partition = $3 and next = $4 and last = $5"
_ALIEN = """
insert into alien (consumer, topic, partition, "offset", digest, key, headers, value)
values ($1, $2, $3, $4, sha256(coalesce($5::bytea, '') || '|'::bytea || coalesce($7::bytea, '')), $5, $6::json, $7) on conflict do nothing
"""


class Moved(Exception):
    """The rows are not where this process left them: another one has been at work. Forget everything and read them again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One row: the place, and why the partition stands still (None: it does not)."""

    place: Place
    broken: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One partition's move within a batch."""

    was: Place
    now: Place


async def ensure(connection: Connection) -> None:
    """Create the tables where they are missing. A service's migration may run `OFFSETS` instead."""
    await connection.execute(OFFSETS)


async def kept(connection: Connection, consumer: str, sources: Mapping[TopicPartition, str]) -> dict[TopicPartition, Kept]:
    """The rows of these partitions; new ones start at the beginning of the log."""
    tps = sorted(sources)
    topics, partitions = [tp.topic for tp in tps], [tp.partition for tp in tps]
    await connection.execute(_MISSING, consumer, topics, partitions, [sources[tp] for tp in tps])
    rows = await connection.fetch(_READ, consumer, topics, partitions)
    return {TopicPartition(row["topic"], row["partition"]): Kept(Place(row["next"], row["last"]), row["broken"]) for row in rows}


async def move(connection: Connection, consumer: str, steps: Mapping[TopicPartition, Step]) -> None:
    """Inside the batch's transaction. Raises Moved, after which nothing of the transaction may stand."""
    rows = [(tp.topic, tp.partition, s.was.next, s.was.last, s.now.next, s.now.last) for tp, s in sorted(steps.items())]
    if await connection.execute(_MOVE, consumer, *map(list, zip(*rows, strict=True))) != f"UPDATE {len(rows)}":
        raise Moved(f"{consumer}: other offsets than this process left")


async def stop_at(connection: Connection, consumer: str, tp: TopicPartition, place: Place, reason: str) -> None:
    """Write down why the partition stands still. Nothing happens when another process has moved it since."""
    await connection.execute(_BREAK, consumer, tp.topic, tp.partition, place.next, place.last, reason)


async def put_aside(connection: Connection, consumer: str, aliens: Iterable[Alien]) -> None:
    """Keep foreign records as they came, once each."""
    await connection.executemany(_ALIEN, [(consumer, a.topic, a.partition, a.offset, a.key, _readable(a.headers), a.value) for a in aliens])


def _readable(headers: tuple[tuple[str, bytes], ...]) -> str:
    # bytes that are no UTF-8 as \xNN
    pairs = [(name.encode(errors="backslashreplace").decode(), None if raw is None else bytes(raw).decode(errors="backslashreplace")) for name, raw in headers]
    return orjson.dumps(pairs).decode()
