"""How do records get into Kafka, all or an error within a deadline? One idempotent producer, its own batch per partition.

aiokafka's idempotent batches never expire, and after OutOfOrderSequenceNumber its producer never works again. So every wait here has an end, and any
error means: throw the producer away and start from the checkpoint. What was sent twice is dropped by its place in the chain.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

log = structlog.get_logger(__name__)

BATCH_BYTES = 256 * 1024  # an event of more is sent as a batch of its own: the first record always fits
REQUEST_MS = 5_000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record: key, value and headers as they go over the wire."""

    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Publisher:
    """A producer for one topic, from `start` to the first error. Not to be used again after one."""

    def __init__(self, bootstrap_servers: str, topic: str, *, deadline: float) -> None:
        self._topic = topic
        self._deadline = deadline
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=REQUEST_MS,
        )

    async def start(self) -> None:
        """Connect. TimeoutError or KafkaError when the broker is away."""
        async with asyncio.timeout(self._deadline):
            await self._producer.start()

    async def publish(self, partitions: Mapping[int, Sequence[Outgoing]]) -> None:
        """Return when every record is acknowledged by all in-sync replicas. TimeoutError or KafkaError otherwise: some may be there, some not."""
        async with asyncio.timeout(self._deadline):
            await asyncio.gather(*(self._send(partition, records) for partition, records in partitions.items()))

    async def _send(self, partition: int, records: Sequence[Outgoing]) -> None:
        waiting = []
        batch = self._producer.create_batch()
        for record in records:
            if batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers) is None:
                waiting.append(await self._producer.send_batch(batch, self._topic, partition=partition))
                batch = self._producer.create_batch()
                batch.append(key=record.key, value=record.value, timestamp=None, headers=record.headers)
        batch.close()
        waiting.append(await self._producer.send_batch(batch, self._topic, partition=partition))
        await asyncio.gather(*waiting)

    async def close(self) -> None:
        """Let go of the producer, in the end by force: its own stop waits for batches that never expire."""
        try:
            async with asyncio.timeout(self._deadline):
                await self._abandon()
                await self._producer.stop()
        except Exception:
            log.exception("relay.producer_not_closed", topic=self._topic)

    async def _abandon(self) -> None:
        sender = self._producer._sender  # noqa: SLF001 - no public way to end the sender while batches wait
        if sender.sender_task is not None and not sender.sender_task.done():
            sender.sender_task.cancel()
            with contextlib.suppress(Exception):
                await asyncio.wait({sender.sender_task})
        self._producer._message_accumulator.fail_all(KafkaTimeoutError())  # noqa: SLF001 - else stop() waits for ever
