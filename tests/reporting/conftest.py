"""Where do reporting's tests get a migrated database with an empty build from, and how are events told to it?"""

import asyncio
import base64
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from contacts_client import Api
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_chassis.migrating import upgrade, upgrade_vault
from crm_events.consuming.record import Record
from crm_events.topics import PARTITIONS, SOURCES
from crm_events.vault import LocalVault
from crm_reporting.app import reporting_app
from crm_reporting.builds import ensure_first
from crm_reporting.metrics import ProjectorMetrics
from crm_reporting.projector import Projector
from crm_reporting.settings import ReportingSettings
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from reporting_story import Story

KEY = base64.b64encode(bytes(range(32))).decode()


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


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(Path(tmp_path_factory.mktemp("issuer")))


@pytest.fixture(scope="session")
async def vault_url(databases: Any) -> AsyncIterator[str]:
    url = await databases.create()
    await upgrade_vault(url)
    yield url
    await databases.drop(url)


@pytest.fixture
def settings(reporting: str, vault_url: str, issuer: Issuer) -> ReportingSettings:
    """How the API of this test's database is set up; nothing but the tests' servers is looked for."""
    known = {"database_url": reporting, "vault_database_url": vault_url, "master_key": KEY, "index_key": KEY, "auth_jwks": str(issuer.jwks)}
    return ReportingSettings(**known, relay=False, timer=False, follow=False, kafka_bootstrap_servers="127.0.0.1:1")


@pytest.fixture
async def app(settings: ReportingSettings) -> AsyncIterator[FastAPI]:
    """The API, running."""
    made = reporting_app(settings)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def api(app: FastAPI, issuer: Issuer) -> AsyncIterator[Api]:
    """A client of it with every scope."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://reporting") as http:
        yield Api(http, issuer, issuer.token(EVERYTHING))


@pytest.fixture
async def story(connection: asyncpg.Connection, project: "Projecting", vault_url: str) -> AsyncIterator[Story]:
    """Tells this test's customers' touchpoints."""
    async with asyncpg.create_pool(vault_url, min_size=0, max_size=2) as pool:
        yield Story(connection, project, LocalVault(pool, bytes(range(32))))
