"""Do the servers the stack brings along serve, keep what they were given, and say why they cannot start?"""

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from crm_local import ports
from crm_local.failures import CannotStart
from crm_local.jars import kafka_jars, pinned
from crm_local.kafka import Kafka
from crm_local.postgres import Postgres
from crm_local.room import require_room


@pytest.fixture
def server(session_folder: Path) -> Iterator[Postgres]:
    """A PostgreSQL as the stack runs it: durable, with passwords. Not under pytest's own folder, which other accounts may not enter."""
    server = Postgres(session_folder / "durable")
    yield server
    server.remove()


async def test_a_database_of_a_test_is_empty_and_its_own(database: str) -> None:
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.execute("CREATE TABLE mine (id int)")
    await connection.close()


async def test_what_is_sent_to_kafka_is_read_from_it(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic("round-trip", num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait("round-trip", b"value", key=b"key")
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        consumer.assign([TopicPartition("round-trip", 0)])
        await consumer.seek_to_beginning()
        record = await consumer.getone()
    assert (record.key, record.value) == (b"key", b"value")


async def test_postgres_keeps_what_it_acknowledged_through_a_kill_and_its_settings(server: Postgres) -> None:
    server.start()
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    settings = {row["name"]: row["setting"] for row in await connection.fetch("SELECT name, setting FROM pg_settings")}
    port, pid = server.listening, server.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    psutil.Process(pid).wait(20)
    assert not server.ready()
    server.start()
    connection.terminate()
    connection = await asyncpg.connect(server.url)
    assert await connection.fetchval("SELECT n FROM kept") == 7
    assert server.listening == port
    await connection.close()
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "max_connections": "200",
        "shared_buffers": "65536",
        "checkpoint_timeout": "900",
    }
    assert wanted.items() <= settings.items()


async def test_postgres_asks_for_the_password(server: Postgres) -> None:
    server.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url_for("postgres", "postgres", "wrong"))


def test_two_starters_at_once_start_one_server(server: Postgres) -> None:
    twin = Postgres(server.data_dir)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: one.start(), (server, twin)))
    assert server.pid == twin.pid is not None
    assert server.ready()


def test_a_taken_port_is_told_with_the_way_out(server: Postgres, session_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for one in (Postgres(server.data_dir, port), Kafka(session_folder / "no-kafka", port)):
            with pytest.raises(CannotStart, match=rf"Port {port} .* taken .*--fresh-ports"):
                one.start()
        assert not ports.is_free(port)


def test_a_full_disk_is_told_before_it_fails(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="needs 1000000000 MB"):
        require_room(tmp_path, "Kafka", 10**9)


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"PostgreSQL cannot write to .*file/data: Not a directory"):
        Postgres(tmp_path / "file" / "data").start()


def test_an_archive_that_is_not_the_tested_one_is_refused(kafka: str, tmp_path: Path) -> None:
    del kafka  # its start has filled the cache
    jars = {jar.name: jar for jar in kafka_jars()}
    coordinate = "com.google.re2j:re2j:1.8"
    copy = tmp_path / "kafka" / "re2j-1.8.jar"
    copy.parent.mkdir()
    shutil.copy(jars[copy.name], copy)
    wanted = {coordinate: pinned()[coordinate]}
    assert kafka_jars(tmp_path, wanted) == [copy]
    with copy.open("ab") as archive:
        archive.write(b"!")
    with pytest.raises(CannotStart, match=r"re2j-1\.8\.jar is not the archive this project was tested with"):
        kafka_jars(tmp_path, wanted)
