"""What is the last position that the log really holds, per partition? Read from the broker, not remembered.

A broker that came back short or empty says nothing by itself: it takes new records behind the hole. Comparing its tails with the checkpoint shows it.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition


@dataclass(frozen=True, slots=True)
class Tails:
    """`last[p]`: the highest `ce_position` among the last records of partition p; 0: it is empty and never held more than it does now.

    None: cannot be told (only foreign records at the end, or the log's beginning was deleted). `ids`: the event at each of these positions.
    """

    last: dict[int, int | None]
    ids: dict[int, UUID]

    @property
    def highest(self) -> int:
        """The highest position of all partitions."""
        return max((each or 0 for each in self.last.values()), default=0)


async def tails(bootstrap_servers: str, topic: str, source: str, partitions: int, *, deadline: float, reach: int) -> Tails:
    """What `source` has among the last `reach` records of each partition. TimeoutError or KafkaError when the broker is away."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100, request_timeout_ms=5_000
    )
    try:
        async with asyncio.timeout(deadline):
            await consumer.start()
            return await _read(consumer, topic, source, [TopicPartition(topic, number) for number in range(partitions)], reach)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, topic: str, source: str, all_of_it: list[TopicPartition], reach: int) -> Tails:
    consumer.assign(all_of_it)
    starts, ends = await consumer.beginning_offsets(all_of_it), await consumer.end_offsets(all_of_it)
    found: dict[int, int | None] = {tp.partition: None if ends[tp] else 0 for tp in all_of_it}
    seen: dict[int, UUID] = {}
    waiting = {tp for tp in all_of_it if ends[tp] > starts[tp]}
    consumer.pause(*(tp for tp in all_of_it if tp not in waiting))
    for tp in waiting:
        consumer.seek(tp, max(starts[tp], ends[tp] - reach))
    while waiting:
        for tp, records in (await consumer.getmany(*waiting, timeout_ms=500)).items():
            there = [position for position, event_id in _events(records, source) if seen.setdefault(position, event_id)]  # the first holds, as for every reader
            found[tp.partition] = max(filter(None, (found[tp.partition], *there)), default=None)
            if records[-1].offset >= ends[tp] - 1:
                waiting.discard(tp)
                consumer.pause(tp)
    return Tails(found, {position: seen[position] for position in found.values() if position})


def _events(records: Iterable[ConsumerRecord], source: str) -> Iterable[tuple[int, UUID]]:
    mine = f"/{source}".encode()
    for record in records:
        headers = dict(record.headers)
        if headers.get("ce_source") == mine:
            with contextlib.suppress(ValueError):
                yield int(headers.get("ce_position") or b""), UUID((headers.get("ce_id") or b"").decode())
