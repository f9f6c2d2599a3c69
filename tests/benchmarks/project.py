"""How fast does a backlog become journal, documents and facts? Against a handler with a transaction an event, and against only fetching and decoding."""

import asyncio
import base64
import json
import os
import time
import uuid
from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from crm_chassis.migrating import upgrade
from crm_events.topics import PARTITIONS
from crm_reporting.builds import ensure_first

from benchmarks.backlog import EVENTS, interleaved, published
from benchmarks.children import child
from benchmarks.harness import ROUNDS, Ground, Measure, peak_mb

HANDLED = 2_000  # events of the handler's, some seconds' worth
KEY = base64.b64encode(bytes(32)).decode()


def settings(ground: Ground, url: str, **more: str) -> dict[str, str]:
    """The environment of a process of reporting that is asked nothing over HTTP."""
    told = {"DATABASE_URL": url, "INDEX_KEY": KEY, "AUTH_JWKS": "none", "LOG_LEVEL": "warning"}
    return {**os.environ, **told, "KAFKA_BOOTSTRAP_SERVERS": ground.kafka.url, **more}


async def prepared(ground: Ground) -> str:
    """A migrated database of reporting, its first build active and empty."""
    url = await ground.database()
    await upgrade("crm_reporting", url)
    connection = await asyncpg.connect(url)
    await ensure_first(connection)
    await connection.close()
    return url


async def projected(ground: Ground, names: Mapping[str, str]) -> tuple[str, float, float]:
    """A database with the whole backlog projected; events a second from the first commit on, and the projector's greatest memory."""
    url = await prepared(ground)
    connection = await asyncpg.connect(url)
    async with child(["projector"], settings(ground, url, TOPICS=json.dumps(dict(names)))) as process:
        first = began = 0.0
        while (done := await connection.fetchval("select coalesce(max(id), 0) from journal")) < EVENTS:
            if done and not first:
                first, began = done, time.perf_counter()
            if process.returncode is not None:
                raise AssertionError(f"the projector ended with {process.returncode}")
            await asyncio.sleep(0.02)
        rate, peak = (EVENTS - first) / (time.perf_counter() - began), peak_mb(process.pid)
    await connection.close()
    return url, rate, peak


async def _handler(ground: Ground, names: Mapping[str, str]) -> float:
    """As the framework's examples show it: a handler, a transaction, a row."""
    from faststream import FastStream
    from faststream.kafka import KafkaBroker, KafkaMessage

    url = await ground.database()
    pool = await asyncpg.create_pool(url, min_size=4, max_size=4)
    await pool.execute("create table counts (customer_id uuid primary key, events bigint not null, last jsonb not null)")
    broker, done = KafkaBroker(ground.kafka.url, logger=None), 0
    begun, enough = asyncio.Event(), asyncio.Event()

    @broker.subscriber(*names.values(), group_id=f"rival-{uuid.uuid4().hex[:6]}", auto_offset_reset="earliest")
    async def handle(body: dict[str, Any], message: KafkaMessage) -> None:
        nonlocal done
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "insert into counts values ($1, 1, $2) on conflict (customer_id) do update set events = counts.events + 1, last = excluded.last",
                uuid.UUID(message.headers["ce_partitionkey"]), orjson.dumps(body).decode(),
            )  # fmt: skip
        done += 1
        begun.set()
        if done == HANDLED:
            enough.set()

    app = FastStream(broker, logger=None)
    running = asyncio.create_task(app.run())
    await begun.wait()
    began, first = time.perf_counter(), done
    await enough.wait()
    rate = (done - first) / (time.perf_counter() - began)
    app.exit()
    await running
    await pool.close()
    await ground.drop(url)
    return rate


async def _consume(ground: Ground, names: Mapping[str, str]) -> float:
    """Only fetched and decoded."""
    consumer = AIOKafkaConsumer(bootstrap_servers=ground.kafka.url, enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=1 << 20)
    await consumer.start()
    consumer.assign([TopicPartition(name, partition) for name in names.values() for partition in range(PARTITIONS)])
    done, began = 0, time.perf_counter()
    while done < EVENTS:
        for records in (await consumer.getmany(timeout_ms=1_000, max_records=2_000)).values():
            for record in records:
                {name: value.decode() for name, value in record.headers}
                orjson.loads(record.value)
            done += len(records)
    rate = EVENTS / (time.perf_counter() - began)
    await consumer.stop()
    return rate


async def project(ground: Ground) -> list[Measure]:
    """From Kafka into journal, documents and facts, by one projector."""
    names = await published(ground, interleaved())
    ours, single, consumed, peaks = [], [], [], []
    for _ in range(ROUNDS):
        url, rate, peak = await projected(ground, names)
        ours.append(rate)
        peaks.append(peak)
        await ground.drop(url)
        single.append(await _handler(ground, names))
        consumed.append(await _consume(ground, names))
    return [
        Measure.ratio("project_vs_txn", ours, single),
        Measure.ratio("project_vs_consume", ours, consumed),
        Measure("project_rss_mb", peaks, ours=peaks),
    ]
