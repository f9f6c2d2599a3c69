"""What do the tests of relay and readers share? A store filled by hand, topics of their own, and things that run until the test has seen enough."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from crm_events.codec import headers
from crm_events.envelope import Envelope
from crm_events.topics import PARTITIONS, partition_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def eventually(true: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until `true()` (or what it returns, awaited) holds, and return it."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = true()
        found = await found if asyncio.iscoroutine(found) else found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(*runs: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run until the block ends. A task that failed fails the test."""
    stop = asyncio.Event()
    tasks = [asyncio.ensure_future(run(stop)) for run in runs]
    try:
        yield tasks  # type: ignore[misc]
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def customer_in(partition: int) -> uuid.UUID:
    """A customer id that Kafka's partitioner sends there."""
    while partition_of(candidate := uuid.uuid4()) != partition:
        pass
    return candidate


@dataclass
class Store:
    """The tables of an event store; events are written as the append function would: gapless, in order."""

    url: str
    connection: asyncpg.Connection
    source: str = "contacts"
    ids: list[uuid.UUID] = field(default_factory=list)

    async def append(self, events: int, *, partitions: Sequence[int] = range(PARTITIONS), kind: str = "contact.registered") -> list[uuid.UUID]:
        """Events spread over the partitions in turn; their ids."""
        after = await self.head()
        ids = [uuid.uuid4() for _ in range(events)]
        rows = [
            (
                after + n,
                uuid.uuid4(),
                event_id,
                kind,
                partitions[n % len(partitions)],
                NOW,
                f'{{"n": {n}}}',
                f'{{"command_id":"{uuid.uuid4()}","actor":"timer"}}',
            )
            for n, event_id in enumerate(ids, 1)
        ]
        await self.connection.executemany("insert into events values ($1, $2, 1, $3, $4, 1, $2, $5, $6, clock_timestamp(), $7, $8)", rows)
        self.ids += ids
        return ids

    async def head(self) -> int:
        return await self.connection.fetchval("select coalesce(max(position), 0) from events")

    async def checkpoint(self) -> int:
        return await self.connection.fetchval("select position from relay") or 0


@dataclass
class Log:
    """One topic of the broker, made for one test."""

    bootstrap: str
    topic: str
    admin: AIOKafkaAdminClient
    producer: AIOKafkaProducer
    chain: dict[int, int] = field(default_factory=dict)
    position: int = 0

    async def create(self) -> None:
        await self.admin.create_topics([NewTopic(self.topic, PARTITIONS, 1, topic_configs={"message.timestamp.type": "LogAppendTime"})])

        async def there() -> bool:
            return self.topic in await self.admin.list_topics()

        await eventually(there)

    async def empty(self) -> None:
        """Delete the topic and create it again: the broker forgot everything."""
        await self.admin.delete_topics([self.topic])

        async def gone() -> bool:
            return self.topic not in await self.admin.list_topics()

        await eventually(gone)
        await self.create()

    def envelope(self, partition: int, **changed: Any) -> Envelope:
        """The next event of `contacts` on a partition, chained to the one before it."""
        self.position += 1
        customer = customer_in(partition)
        told: dict[str, Any] = {
            "source": "contacts", "position": self.position, "partition": partition, "stream_id": customer, "version": 1, "event_id": uuid.uuid4(),
            "type": "contact.registered", "schema_version": 1, "key": customer, "subject": customer, "occurred_at": NOW, "recorded_at": NOW,
            "payload": b'{"n": %d}' % self.position, "command_id": uuid.uuid4(), "actor": "timer", "previous": self.chain.get(partition, 0),
        } | changed  # fmt: skip
        self.chain[partition] = told["position"]
        return Envelope(**told)

    async def send(self, *envelopes: Envelope) -> list[Envelope]:
        for e in envelopes:
            await self.producer.send(self.topic, e.payload, key=str(e.key).encode(), partition=e.partition, headers=headers(e, "http://localhost:8001"))
        await self.producer.flush()
        return list(envelopes)

    async def fill(self, events: int, *, partitions: Sequence[int] = range(PARTITIONS), **changed: Any) -> list[Envelope]:
        return await self.send(*(self.envelope(partitions[n % len(partitions)], **changed) for n in range(events)))

    async def send_alien(
        self, partition: int, *, key: bytes | None = b"k", value: bytes | None = b"\x00\xff", headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        await self.producer.send_and_wait(self.topic, value, key=key, partition=partition, headers=list(headers))

    async def records(self) -> list[ConsumerRecord]:
        """Everything in the topic."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20)
        await consumer.start()
        try:
            tps = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            found: list[ConsumerRecord] = []
            while len(found) < sum(ends.values()):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += records
            return found
        finally:
            await consumer.stop()


def header(record: ConsumerRecord, name: str) -> str:
    return dict(record.headers)[name].decode()


def chain_of(records: Sequence[ConsumerRecord]) -> Mapping[int, list[tuple[int, int]]]:
    """(previous, position) of each partition, in the log's order."""
    chains: dict[int, list[tuple[int, int]]] = {}
    for record in records:
        chains.setdefault(record.partition, []).append((int(header(record, "ce_previous")), int(header(record, "ce_position"))))
    return chains


class Tools:
    """The functions above, for tests that cannot import this file."""

    eventually = staticmethod(eventually)
    running = staticmethod(running)
    header = staticmethod(header)
    chain_of = staticmethod(chain_of)
    customer_in = staticmethod(customer_in)


@pytest.fixture(scope="session")
def tools() -> type[Tools]:
    return Tools


@pytest.fixture(scope="session")
async def _clients(kafka: str) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaProducer]]:
    admin, producer = AIOKafkaAdminClient(bootstrap_servers=kafka), AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await admin.start()
    await producer.start()
    yield admin, producer
    await producer.stop()
    await admin.close()


@pytest.fixture
async def log(kafka: str, _clients: tuple[AIOKafkaAdminClient, AIOKafkaProducer]) -> AsyncIterator[Log]:
    """A fresh topic of twelve partitions."""
    made = Log(kafka, f"t.{uuid.uuid4().hex[:10]}", *_clients)
    await made.create()
    yield made
    await made.admin.delete_topics([made.topic])


@pytest.fixture
async def store(databases: Any) -> AsyncIterator[Store]:
    """An empty event store."""

    async def prepare(url: str) -> None:
        connection = await asyncpg.connect(url)
        for script in ("schema.sql", "append.sql"):
            await connection.execute(files("crm_events.store").joinpath(script).read_text())
        await connection.close()

    url = await databases.create(template=await databases.template("streaming-store", prepare))
    connection = await asyncpg.connect(url)
    yield Store(url, connection)
    await connection.close()
    await databases.drop(url)
