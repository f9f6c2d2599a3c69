"""Which real servers do the tests run on, and how does each test get a database of its own?

One PostgreSQL and one Kafka per pytest process, started when the first test asks, under build/test-<pid>/, removed at the end.
"""

import gc
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil
import pytest
from collector import Collector
from crm_local import issuing, sheet
from crm_local.kafka import Kafka
from crm_local.postgres import TESTS, Postgres
from crm_local.stack import Stack
from hypothesis import settings

# A busy machine is no counterexample: examples are judged by what they show, not by how long they took.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let no collection come amid examples: on Python 3.11 a finalizer that logs a traceback breaks the parse it interrupts (CPython's gh-106905)."""
    if not hasattr(getattr(item, "obj", None), "hypothesis"):
        return (yield)
    gc.collect()
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


BUILD = Path(__file__).resolve().parent.parent / "build"


@dataclass
class Databases:
    """Fresh databases on the session's server."""

    server_url: str
    admin: asyncpg.Connection
    _templates: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        return f"{self.server_url.rpartition('/')[0]}/{name}"

    async def create(self, template: str = "template0") -> str:
        """Return the URL of a new database, a copy of the one named `template` (which nobody may be connected to)."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        await self.admin.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return self.url(name)

    async def drop(self, url: str) -> None:
        """Drop the database at `url`, ending whoever is still connected."""
        await self.admin.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    async def template(self, key: str, prepare: Callable[[str], Awaitable[None]]) -> str:
        """Return the name of a database made once a session by `prepare(url)`, to be copied by `create(template=name)` in milliseconds."""
        if key not in self._templates:
            url = await self.create()
            await prepare(url)
            self._templates[key] = url.rpartition("/")[2]
        return self._templates[key]


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        _sweep()
    folder = BUILD / f"test-{os.getpid()}"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(session_folder: Path) -> Iterator[str]:
    """The superuser's URL of a real PostgreSQL; durable against the death of processes, not of the machine (fsync off)."""
    server = Postgres(session_folder / "postgres", settings=TESTS, auth="trust")
    server.start()
    yield server.url
    server.remove()


@pytest.fixture(scope="session")
def kafka(session_folder: Path) -> Iterator[str]:
    """The bootstrap address of a real Kafka, without topics."""
    broker = Kafka(session_folder / "kafka", memory="512m", brief=True)
    broker.start()
    yield broker.url
    broker.remove()


@pytest.fixture(scope="session")
async def databases(postgres: str) -> AsyncIterator[Databases]:
    """Where fresh databases come from, when a test needs several or copies of a prepared one."""
    admin = await asyncpg.connect(postgres)
    yield Databases(postgres, admin)
    await admin.close()


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    """The URL of a fresh, empty database, dropped after the test."""
    url = await databases.create()
    yield url
    await databases.drop(url)


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the backbone's processes tell traces: those that a caller follows, and no others."""
    with Collector().listening() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
        yield collector


@pytest.fixture(scope="session")
def backbone(session_folder: Path, collector: Collector) -> Iterator[Stack]:
    """The whole backbone as `make up` starts it, on servers and ports of its own: for journeys, and for tests that stop parts of it."""
    backbone = Stack(session_folder / "stack")
    yield backbone
    backbone.down()


@pytest.fixture
def stack(backbone: Stack) -> dict[str, str]:
    """What a client of the running backbone knows, as in build/stack.env: four URLs, the broker, a token. Starts what an earlier test stopped."""
    around = backbone.up(fresh_ports=True)
    return sheet.write(backbone.data_dir, around.addresses, around.bootstrap, issuing.token(backbone.data_dir))


def _sweep() -> None:
    """Remove what a killed session left: its servers outlive it by design."""
    for folder in BUILD.glob("test-*"):
        if psutil.pid_exists(int(folder.name.removeprefix("test-"))):
            continue
        Stack(folder / "stack").down()
        Postgres(folder / "postgres").remove()
        Kafka(folder / "kafka").remove()
        shutil.rmtree(folder, ignore_errors=True)
