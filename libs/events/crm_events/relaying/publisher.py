"""How do records get into Kafka, all or an error within a deadline? One idempotent producer, its own batch per partition.

aiokafka's idempotent batches never expire, and after OutOfOrderSequenceNumber its producer never works again. So every wait here has an end, and any
error means: throw the producer away and start from the checkpoint. What was sent twice is dropped by its place in the chain.

A connection that broke is such an error, though aiokafka would make another in silence: the broker behind the new one may have lost what it acknowledged, and
a record sent there would stand before those it follows.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaConnectionError
from opentelemetry.trace import SpanKind

from crm_events.tracing import events, tracer
from crm_events.unawaited import look_at

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
        self._broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()
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
        self._watch()
        async with asyncio.timeout(self._deadline):
            await self._producer.start()

    async def publish(self, partitions: Mapping[int, Sequence[Outgoing]]) -> None:
        """Return when every record is acknowledged by all in-sync replicas. TimeoutError or KafkaError otherwise: some may be there, some not."""
        self._whole()
        began = time.time_ns()
        sending = asyncio.gather(*(self._send(partition, records) for partition, records in partitions.items()))
        sending.add_done_callback(look_at)  # where something else fails first, nobody waits for it
        try:
            await asyncio.wait((sending, self._broken), timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
            self._whole()
            if not sending.done():
                raise TimeoutError(f"the broker did not acknowledge within {self._deadline:g} s")
        except BaseException:
            sending.cancel()
            await self.close()  # at once: nothing of it goes out any more
            raise
        await sending
        if tracer() is not None:
            self._told(partitions, began)

    def _told(self, partitions: Mapping[int, Sequence[Outgoing]], began: int) -> None:
        told: dict[str, Any] = {"messaging.system": "kafka", "messaging.operation.type": "send", "messaging.destination.name": self._topic}
        each = ((dict(record.headers), told | {"messaging.destination.partition.id": str(number)}) for number, all_ in partitions.items() for record in all_)
        events(f"send {self._topic}", SpanKind.PRODUCER, began, each)

    def _whole(self) -> None:
        if self._broken.done():
            raise KafkaConnectionError(f"a connection to the broker broke: {self._broken.result()}")

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

    def _watch(self) -> None:
        client = self._producer.client
        told = client._on_connection_closed  # noqa: SLF001 - no public way to learn of it

        def closed(connection: object, reason: CloseReason | None) -> None:
            if reason not in (None, CloseReason.SHUTDOWN) and not self._broken.done():  # None: the bootstrap's, no longer needed
                self._broken.set_result(reason.name)
            told(connection, reason)

        client._on_connection_closed = closed  # noqa: SLF001

    async def close(self) -> None:
        """Let go of the producer by force, from whatever state: its own stop waits for batches that never expire."""
        self._producer._closed = True  # noqa: SLF001 - there is no public way to end it while batches wait
        sender = self._producer._sender.sender_task  # noqa: SLF001
        if sender is not None:
            sender.cancel()
        try:
            async with asyncio.timeout(self._deadline):
                await self._producer.client.close()  # ends what is on its way, for which the sender waits
                if sender is not None:
                    await asyncio.wait({sender})
        except Exception:
            log.exception("relay.producer_not_closed", topic=self._topic)
