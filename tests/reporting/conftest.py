"""Where do reporting's tests get a migrated database with an empty build from, and how are events told to it?"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from crm_chassis.migrating import upgrade
from crm_events.consuming.record import Record
from crm_events.topics import PARTITIONS, SOURCES
from crm_reporting.builds import ensure_first
from crm_reporting.metrics import ProjectorMetrics
from crm_reporting.projector import Projector
from prometheus_client import CollectorRegistry


async def prepared(url: str) -> None:
    await upgrade("crm_reporting", url)
    connection = await asyncpg.connect(url)
    await ensure_first(connection)
    await connection.close()


@pytest.fixture
async def reporting(databases) -> AsyncIterator[str]:
    """The URL of a database of reporting: migrated, build b1 active and empty."""
    url = await databases.create(await databases.template("reporting", prepared))
    yield url
    await databases.drop(url)


@pytest.fixture
async def connection(reporting: str) -> AsyncIterator[asyncpg.Connection]:
    made = await asyncpg.connect(reporting)
    yield made
    await made.close()


@pytest.fixture
async def topics(kafka: str) -> AsyncIterator[dict[str, str]]:
    """Topics of this test's own, by source."""
    names = {source: f"{topic}-{uuid.uuid4().hex[:8]}" for source, topic in SOURCES.items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names.values()])
        yield names
        await admin.delete_topics(list(names.values()))
    finally:
        await admin.close()


@pytest.fixture
def send(kafka: str, topics: dict[str, str]) -> Callable[[Sequence[Record]], Awaitable[None]]:
    """Publish records to `topics`, as a relay would."""

    async def sent(records: Sequence[Record]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=5) as producer:
            waiting = []
            for record in records:
                key, headers = str(record.key).encode(), list(record.headers.items())
                waiting.append(await producer.send(topics[record.source], record.value, key=key, partition=record.partition, headers=headers))
            await asyncio.gather(*waiting)

    return sent


class Projecting:
    """A projector without Kafka: batches as the consumer would hand them over, each in its transaction."""

    def __init__(self, connection: asyncpg.Connection, build: str = "b1") -> None:
        self.connection, self.ended = connection, asyncio.Event()
        self.projector = Projector(build, ProjectorMetrics(CollectorRegistry()), self.ended)

    async def __call__(self, records: Sequence[Record], *, batch: int = 50) -> None:
        for start in range(0, len(records), batch):
            async with self.connection.transaction():
                await self.projector.apply(self.connection, records[start : start + batch])


@pytest.fixture
def project(connection: asyncpg.Connection) -> Projecting:
    return Projecting(connection)
