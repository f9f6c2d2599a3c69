"""How do other systems hold every customer as reporting sees them? From a compacted topic: the newest version of each, a tombstone for those that are gone.

A state feed, not an event log: the row says which version is owed, what is sent is the summary as it is then. A producer that was replaced must not overwrite a
newer version with an older one, for compaction would keep it: Kafka fences the transactional id of whoever starts later.
"""

import asyncio
from collections.abc import Sequence

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer
from crm_events.event import utc_text
from crm_events.failpoints import reached
from crm_events.lease import Connection
from crm_events.topics import FEED, partition_of

_OWED = """
select f.customer_id, f.version, f.changed_at, f.digest, s.member_ids, s.view from feed f
left join {build}.summary s on s.customer_id = f.customer_id and s.digest = f.digest
where f.pending order by f.changed_at limit $1
"""
_TOLD = """
update feed f set pending = false from unnest($1::uuid[], $2::bigint[]) n(customer_id, version)
where f.customer_id = n.customer_id and f.version = n.version
"""
DEADLINE = 15.0  # seconds for one batch


class FeedPublisher:
    """A producer of the feed, from `start` to the first error; start another one then."""

    def __init__(self, bootstrap_servers: str, *, public_url: str) -> None:
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
        async with asyncio.timeout(DEADLINE), self._producer.transaction():
            for row in rows:
                key = str(row["customer_id"]).encode()
                await self._producer.send(FEED, key=key, value=_value(row), headers=self._headers(row, key), partition=partition_of(row["customer_id"]))
        reached("feed.sent")
        await connection.execute(_TOLD, [row["customer_id"] for row in rows], [row["version"] for row in rows])
        return len(rows)

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


def _value(row: asyncpg.Record) -> bytes | None:
    """None, a tombstone, where the id is no customer any more."""
    if row["digest"] is None:
        return None
    told = {"customer_id": row["customer_id"], "version": row["version"], "member_ids": row["member_ids"], "changed_at": utc_text(row["changed_at"])}
    return orjson.dumps(told | {"view": orjson.Fragment(row["view"])}, default=str)
