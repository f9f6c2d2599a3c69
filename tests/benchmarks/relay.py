"""How fast do stored events reach Kafka? Against the producer alone with the records ready in memory, and against the outbox as people write it."""

import asyncio
import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from crm_events.codec import headers
from crm_events.relay import Relay
from crm_events.relaying import reading
from crm_events.topics import PARTITIONS

from benchmarks.append import prepared
from benchmarks.harness import ROUNDS, Ground, Measure

EVENTS, OUTBOX_SECONDS = 300_000, 8.0
SCHEMAS = "http://localhost:8001"

_FILL = """
insert into events
select n, gen_random_uuid(), 1, gen_random_uuid(), 'interaction.recorded', 1, c, n % 12, now(), now(),
  json_build_object('interaction_id', c, 'channel', 'phone', 'direction', 'inbound', 'text', repeat('x', 280)),
  json_build_object('command_id', gen_random_uuid(), 'actor', 'agent:7')
from (select n, gen_random_uuid() as c from generate_series(1, $1::int) n) x
"""

_OUTBOX = """
create table if not exists outbox as
select position as id, customer_id, payload::text as payload, null::timestamptz as published_at from events limit 60000
"""


async def topic(ground: Ground) -> str:
    name = f"b.{uuid.uuid4().hex[:10]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.kafka.url)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        while name not in await admin.list_topics():
            await asyncio.sleep(0.05)
    finally:
        await admin.close()
    return name


async def filled(ground: Ground, events: int) -> str:
    url = await ground.database()
    await prepared(url)
    connection = await asyncpg.connect(url)
    await connection.execute(_FILL.replace("$1", str(events)))
    await connection.execute("vacuum analyze events")
    await connection.execute("checkpoint")
    await connection.close()
    return url


async def _ours(ground: Ground, url: str) -> float:
    made = Relay("contacts", topic=await topic(ground), database_url=url, bootstrap_servers=ground.kafka.url, schema_base_url=SCHEMAS)
    connection, stop = await asyncpg.connect(url), asyncio.Event()
    began = time.perf_counter()
    running = asyncio.create_task(made.run(stop))
    while (await connection.fetchval("select position from relay") or 0) < EVENTS:
        await asyncio.sleep(0.02)
    took = time.perf_counter() - began
    stop.set()
    await running
    await connection.execute("truncate relay, relay_mark")
    await connection.close()
    return EVENTS / took


async def _send_batch(ground: Ground, url: str) -> float:
    connection = await reading.connect(url, deadline=60)
    records: dict[int, list[tuple[bytes, bytes, list[tuple[str, bytes]]]]] = defaultdict(list)
    for start in range(0, EVENTS, 10_000):
        for row in await reading.after(connection, start, 10_000):
            event = reading.envelope(row, "contacts", 0, ())
            records[event.partition].append((str(event.key).encode(), event.payload, headers(event, SCHEMAS)))
    await connection.close()
    name = await topic(ground)
    producer = AIOKafkaProducer(bootstrap_servers=ground.kafka.url, acks="all", enable_idempotence=True, max_batch_size=1 << 20)
    await producer.start()
    now = int(datetime.now(UTC).timestamp() * 1000)

    async def send(partition: int) -> None:
        batch = producer.create_batch()
        for key, value, head in records[partition]:
            if batch.append(key=key, value=value, timestamp=now, headers=head) is None:
                await (await producer.send_batch(batch, name, partition=partition))
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=now, headers=head)
        await (await producer.send_batch(batch, name, partition=partition))

    began = time.perf_counter()
    await asyncio.gather(*map(send, records))
    took = time.perf_counter() - began
    await producer.stop()
    return EVENTS / took


async def _outbox(ground: Ground, url: str) -> float:
    """The table of messages that most write: rows locked, sent, marked, a hundred a transaction."""
    connection = await asyncpg.connect(url)
    await connection.execute(_OUTBOX)
    await connection.execute("update outbox set published_at = null where published_at is not null")
    await connection.execute("create index if not exists outbox_waiting on outbox (id) where published_at is null")
    await connection.execute("vacuum analyze outbox")
    name, done = await topic(ground), 0
    producer = AIOKafkaProducer(bootstrap_servers=ground.kafka.url, acks="all", enable_idempotence=True)
    await producer.start()
    began = time.perf_counter()
    while time.perf_counter() < began + OUTBOX_SECONDS:
        async with connection.transaction():
            rows = await connection.fetch("select id, customer_id, payload from outbox where published_at is null order by id limit 100 for update skip locked")
            sent = [await producer.send(name, row["payload"].encode(), key=str(row["customer_id"]).encode()) for row in rows]
            await asyncio.gather(*sent)
            await connection.execute("update outbox set published_at = now() where id = any($1::bigint[])", [row["id"] for row in rows])
            done += len(rows)
    rate = done / (time.perf_counter() - began)
    await producer.stop()
    await connection.close()
    return rate


async def relay(ground: Ground) -> list[Measure]:
    """From the table to acknowledged."""
    url = await filled(ground, EVENTS)
    ours, ready, outbox = [], [], []
    for _ in range(ROUNDS):
        ours.append(await _ours(ground, url))
        ready.append(await _send_batch(ground, url))
        outbox.append(await _outbox(ground, url))
    await ground.drop(url)
    return [Measure.ratio("relay_vs_send_batch", ours, ready), Measure.ratio("relay_vs_outbox", ours, outbox)]
