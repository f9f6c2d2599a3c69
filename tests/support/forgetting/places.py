"""Where does the backbone keep or say anything? Every place is yielded as named bytes, so that a scan can tell where it found something."""

import errno
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer, TopicPartition
from crm_events.topics import DECLARED
from crm_local.parts import PARTS, SERVICES, VAULT
from crm_local.stack import Stack

CHUNK, OVERLAP = 32 << 20, 4096  # a needle is never longer than the overlap, however it is spelled
_TABLES = """
select n.nspname as room, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Some bytes, and what they are: a table's dump, a file's piece, a record."""

    name: str
    content: bytes


async def analyzed(stack: Stack) -> None:
    """The server takes its statistics of every table now, and not whenever it thinks of it: frequent values are copies too."""
    url = stack.surroundings().server_url
    for service in (*SERVICES, VAULT):
        connection = await asyncpg.connect(f"{url.rpartition('/')[0]}/{service.database}")
        await connection.execute("analyze")
        await connection.close()


async def dumps(stack: Stack) -> AsyncIterator[Place]:
    """Every row of every table of every database, as a logical backup would hold it, and the server's own catalogues."""
    url = stack.surroundings().server_url
    for database in (*(service.database for service in (*SERVICES, VAULT)), "postgres"):
        connection = await asyncpg.connect(f"{url.rpartition('/')[0]}/{database}")
        try:
            for row in await connection.fetch(_TABLES):
                yield Place(f"{database}: {row['room']}.{row['name']}", await _copied(connection, f'select * from "{row["room"]}"."{row["name"]}"'))
            for view in (
                "pg_stat_activity",
                "pg_stats",
                "pg_settings",
                "pg_prepared_statements",
            ):  # what the server shows of itself: texts of queries, frequent values
                yield Place(f"{database}: {view}", await _copied(connection, f"select v::text from {view} v"))
        finally:
            await connection.close()


async def records(stack: Stack) -> AsyncIterator[Place]:
    """Every record of every topic as a subscriber reads it, compression undone; those that were fetched together in one place."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.surroundings().bootstrap, auto_offset_reset="earliest", isolation_level="read_uncommitted")
    await consumer.start()
    try:
        parts = [TopicPartition(topic.name, number) for topic in DECLARED for number in range(topic.partitions)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        for part in parts:
            while await consumer.position(part) < ends[part]:
                fetched = (await consumer.getmany(part, timeout_ms=500)).get(part, [])
                told = (piece for record in fetched for piece in (record.key or b"", record.value or b"", *(value for _, value in record.headers)))
                if fetched:
                    yield Place(f"{part.topic}/{part.partition}@{fetched[0].offset}", b"\n".join(told))
    finally:
        await consumer.stop()


def files(stack: Stack, *rooms: str) -> Iterator[Place]:
    """Every byte of every file in the stack's folder, or in these of its folders: PostgreSQL's pages and write-ahead log, Kafka's segments, all logs."""
    for room in rooms or (".",):
        for file in sorted((stack.data_dir / room).rglob("*")):
            if file.is_file() and not file.is_symlink():
                yield from _pieces(file, str(file.relative_to(stack.data_dir)))


async def metrics(stack: Stack) -> AsyncIterator[Place]:
    """What each process tells whoever asks without a token."""
    around = stack.surroundings()
    async with httpx2.AsyncClient(timeout=20) as http:
        for part in PARTS:
            for path in ("/metrics", "/readyz", "/healthz", "/openapi.json"):
                answer = await http.get(f"{around.addresses.url(part.name)}{path}")
                yield Place(f"{part.name}{path}", answer.content)


async def _copied(connection: asyncpg.Connection, query: str) -> bytes:
    found = bytearray()

    async def take(data: bytes) -> None:
        found.extend(data)

    await connection.copy_from_query(query, output=take, format="text")
    return bytes(found)


def _pieces(file: Path, name: str) -> Iterator[Place]:
    """The file's data, holes left out: what was only set aside was never written."""
    try:
        with file.open("rb", buffering=0) as opened:
            at, end = 0, os.fstat(opened.fileno()).st_size
            while at < end:
                try:
                    start = os.lseek(opened.fileno(), at, os.SEEK_DATA)
                    stop = os.lseek(opened.fileno(), start, os.SEEK_HOLE)
                except OSError as error:
                    if error.errno == errno.ENXIO:  # nothing but a hole is left
                        return
                    start, stop = at, end
                while start < stop:
                    content = os.pread(opened.fileno(), min(CHUNK, stop - start), start)
                    if not content:
                        return
                    yield Place(f"{name}@{start}", content)
                    start += max(len(content) - OVERLAP, 1) if start + len(content) < stop else len(content)
                at = stop
    except FileNotFoundError:  # gone meanwhile: a file of a query that ended
        return
