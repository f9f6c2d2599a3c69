"""How do other systems hold every customer as reporting sees them? From a compacted topic: the newest version of each, a tombstone for those that are gone.

A state feed, not an event log: the row says which version is owed, what is sent is the summary as it is then. A producer that was replaced must not overwrite a
newer version with an older one, for compaction would keep it: Kafka fences the transactional id of whoever starts later.

A broker that came back short or empty says nothing by itself: how far each partition reached is kept, and everybody is told again where it reaches less far.
"""

import asyncio
import contextlib
from collections.abc import Sequence

import asyncpg
import orjson
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from crm_events.event import utc_text
from crm_events.failpoints import reached
from crm_events.lease import Connection
from crm_events.topics import FEED, PARTITIONS, partition_of
from crm_events.unawaited import look_at

_OWED = """
select f.customer_id, f.version, f.changed_at, f.digest, s.member_ids, s.view from feed f
left join {build}.summary s on s.customer_id = f.customer_id and s.digest = f.digest
where f.pending order by f.changed_at limit $1
"""
_TOLD = """
with told as (update feed f set pending = false from unnest($1::uuid[], $2::bigint[]) n(customer_id, version)
  where f.customer_id = n.customer_id and f.version = n.version)
insert into feed_reach (partition, reach) select p, max(r) from unnest($3::smallint[], $4::bigint[]) n(p, r) group by p
on conflict (partition) do update set reach = excluded.reach
"""
_LOST = """
with gone as (delete from feed_reach r using unnest($1::smallint[], $2::bigint[]) n(partition, reach)
  where r.partition = n.partition and r.reach > n.reach returning 1)
update feed set pending = true where exists (select from gone)
"""
_MARKED = 2  # offsets from a record to the end of its transaction: its own, and the mark that ends it
DEADLINE = 15.0  # seconds for one batch

log = structlog.get_logger(__name__)


class FeedPublisher:
    """A producer of the feed, from `start` to the first error; start another one then."""

    def __init__(self, bootstrap_servers: str, *, public_url: str) -> None:
        self._bootstrap = bootstrap_servers
        self._schema = f"{public_url.rstrip('/')}/schemas/customer.changed/1".encode()
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=FEED, compression_type="lz4", request_timeout_ms=5_000)

    async def start(self) -> None:
        """Connect, and shut out whoever published before. TimeoutError or KafkaError when the broker is away."""
        async with asyncio.timeout(DEADLINE):
            await self._producer.start()

    async def close(self) -> None:
        async with asyncio.timeout(DEADLINE):
            await self._producer.stop()

    async def publish_next(self, connection: Connection, build: str, *, limit: int = 500) -> int:
        """Send what is owed; how many records. Raises KafkaError (ProducerFenced: another one publishes) with nothing marked as sent."""
        owed = await connection.fetch(_OWED.format(build=build), limit)
        rows = [row for row in owed if row["digest"] is None or row["view"] is not None]  # else: another build has become active since `build` was asked for
        if not rows:
            return 0
        sent = []
        async with asyncio.timeout(DEADLINE), self._producer.transaction():
            for row in rows:
                key, partition = str(row["customer_id"]).encode(), partition_of(row["customer_id"])
                sent.append(await self._producer.send(FEED, key=key, value=_value(row), headers=self._headers(row, key), partition=partition))
                sent[-1].add_done_callback(look_at)  # where the transaction fails, nobody waits for them
        reached("feed.sent")
        told = [await each for each in sent]
        ends = [each.partition for each in told], [each.offset + _MARKED for each in told]
        await connection.execute(_TOLD, [row["customer_id"] for row in rows], [row["version"] for row in rows], *ends)
        return len(rows)

    async def find_lost(self, connection: Connection) -> None:
        """Owe everybody again if the topic reaches less far than it did. TimeoutError or KafkaError when the broker is away."""
        reach = await _reach(self._bootstrap)
        owed = await connection.execute(_LOST, list(reach), list(reach.values()))
        if owed != "UPDATE 0":
            log.error("feed.log_is_short", customers=int(owed.rpartition(" ")[2]))

    def _headers(self, row: asyncpg.Record, key: bytes) -> Sequence[tuple[str, bytes]]:
        moment = utc_text(row["changed_at"]).encode()
        return [
            ("ce_specversion", b"1.0"),
            ("ce_id", b"%b.%d" % (key, row["version"])),
            ("ce_source", b"/reporting"),
            ("ce_type", b"customer.changed"),
            ("ce_time", moment),
            ("ce_recordedtime", moment),
            ("ce_subject", key),
            ("ce_dataschema", self._schema),
            ("ce_partitionkey", key),
            ("ce_sequence", b"%d" % row["version"]),
            ("content-type", b"application/json"),
        ]


async def _reach(bootstrap_servers: str) -> dict[int, int]:
    """By partition, the offset the next record will get."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False, request_timeout_ms=5_000)
    try:
        async with asyncio.timeout(DEADLINE):
            await consumer.start()
            ends = await consumer.end_offsets([TopicPartition(FEED, number) for number in range(PARTITIONS)])
            return {tp.partition: end for tp, end in ends.items()}
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE):
                await consumer.stop()


def _value(row: asyncpg.Record) -> bytes | None:
    """None, a tombstone, where the id is no customer any more."""
    if row["digest"] is None:
        return None
    told = {"customer_id": row["customer_id"], "version": row["version"], "member_ids": row["member_ids"], "changed_at": utc_text(row["changed_at"])}
    return orjson.dumps(told | {"view": orjson.Fragment(row["view"])}, default=str)
