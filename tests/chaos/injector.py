"""Who else may write on our topics? A careless neighbour: it sends again what was sent, in another order, altered, and things that were never ours."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from crm_events.topics import PARTITIONS, SOURCES

from chaos.ground import Ground

READ = 400  # records of a topic it knows


@dataclass
class Injector:
    """Remembers each record it sends in `ground.injected`."""

    ground: Ground
    producer: AIOKafkaProducer
    known: dict[str, list[ConsumerRecord]] = field(default_factory=dict)

    async def read(self, topic: str) -> Sequence[ConsumerRecord]:
        """The last records of a topic, in order on each partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.ground.around.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            parts = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            consumer.assign(parts)
            ends, found = await consumer.end_offsets(parts), list[ConsumerRecord]()
            for part in parts:
                consumer.seek(part, max(0, ends[part] - READ // PARTITIONS))
            for part in parts:
                while await consumer.position(part) < ends[part]:
                    found += (await consumer.getmany(part, timeout_ms=500)).get(part, [])
        finally:
            await consumer.stop()
        self.known[topic] = [record for record in found if "ce_position" in dict(record.headers)]
        return self.known[topic]

    async def send(self, topic: str, partition: int, *, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> None:
        sent = await self.producer.send_and_wait(topic, value=value, key=key, headers=list(headers), partition=partition)
        self.ground.injected.add((topic, partition, sent.offset))

    async def again(self, record: ConsumerRecord, **other: Any) -> None:
        """Send a record a second time, with `other` key, value or headers."""
        told = {"key": record.key, "value": record.value, "headers": record.headers} | other
        await self.send(record.topic, record.partition, **told)

    async def aliens(self, rng: random.Random) -> int:
        """Records that were never ours, on partitions where ours are; how many."""
        count = 0
        for source, topic in SOURCES.items():
            newest = {record.partition: record for record in await self.read(topic)}
            for record in newest.values():  # another's, and just what would follow
                told = dict(record.headers)
                next_one = {"ce_source": b"/elsewhere", "ce_previous": told["ce_position"], "ce_position": b"%d" % (int(told["ce_position"]) + 1)}
                await self.again(record, headers=list((told | next_one).items()))
                count += 1
            record = rng.choice(self.known.get(topic) or await self.read(topic) or [None])
            partition = record.partition if record else 0
            mine = record.headers if record else []
            without = [(name, value) for name, value in mine if name != rng.choice(["ce_position", "ce_previous"])]
            other = [(name, b"/" + b"elsewhere" if name == "ce_source" else value) for name, value in mine]
            odd = [(name, b"nine" if name == "ce_position" else value) for name, value in mine]
            for key, value, headers in (
                (None, b"", []),
                (b"\xff\xfe\x00", b"\x00\xff not json {", []),
                (record.key if record else b"x", b'{"name": ', without),
                (b"not-an-id", record.value if record else b"{}", other),
                (b"", b"", [("ce_source", b"/" + source.encode()), ("ce_position", b"-7"), ("ce_previous", b"")]),
                (record.key if record else None, None, mine),  # a tombstone with our headers
                (record.key if record else None, b"[]", odd),
            ):
                if key is not None or value is not None:
                    await self.send(topic, partition, key=key, value=value, headers=headers)
                    count += 1
        return count
