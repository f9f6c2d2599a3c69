"""What does a topic hold from its start to its end as it now is, as any subscriber would read it?"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from crm_events.topics import PARTITIONS


class Kept(NamedTuple):
    """One record."""

    partition: int
    offset: int
    key: bytes | None
    headers: dict[str, bytes]
    tombstone: bool


async def read(bootstrap_servers: str, topic: str) -> Sequence[Kept]:
    """Every record, each partition's in order. TimeoutError after a minute."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False, fetch_max_wait_ms=50, isolation_level="read_committed")
    await consumer.start()
    try:
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        for tp in tps:
            consumer.seek(tp, starts[tp])
        found = list[Kept]()
        async with asyncio.timeout(60):
            while waiting := [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
                for tp, records in (await consumer.getmany(*waiting, timeout_ms=200, max_records=5_000)).items():
                    found += [Kept(tp.partition, one.offset, one.key, dict(one.headers), one.value is None) for one in records if one.offset < ends[tp]]
        return found
    finally:
        await consumer.stop()
