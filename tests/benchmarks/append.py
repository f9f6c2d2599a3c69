"""How many commands does the store take? Against what people write instead: a statement of its own for each, over a pool."""

import asyncio
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from crm_contacts.interaction import INTERACTIONS, Interaction, record
from crm_events.command import Command
from crm_events.language.contacts import InteractionRecorded
from crm_events.store.store import Done, EventStore, open_store
from crm_events.vault import LocalVault
from jars import migrated

from benchmarks.harness import ROUNDS, Ground, Measure, many, percentile

CLIENTS, SECONDS, CUSTOMERS = 32, 6.0, 500
TEXT = "Asked about the delivery of last week's order; was told it leaves on Monday. " * 2

# The same rows in one statement, ordered by a sequence: quick, but a reader by position can miss events that commit late.
_CTE = """
with moved as (
  insert into streams values ($1, $2, 1, $3, 0, now(), 1, $4) on conflict (stream_id) do update set version = streams.version + 1, state = excluded.state
  where streams.version = 0 returning version),
noted as (insert into commands select $5, $6, $1, version, 0, 0, now() from moved returning 1)
insert into events
select nextval('positions'), $1, version, $7, 'interaction.recorded', 1::smallint, $3, 0::smallint, now(), now(), $8, $9 from moved, noted returning position
"""


async def prepared(url: str) -> None:
    await migrated(url)
    connection = await asyncpg.connect(url)
    await connection.execute("create sequence positions")
    await connection.close()


def opening(url: str, keys: asyncpg.Pool) -> dict[str, Any]:
    """How contacts' store is opened."""
    return {"source": "contacts", "database_url": url, "vault": LocalVault(keys, bytes(32)), "index_key": bytes(32), "aggregates": [INTERACTIONS]}


async def _ours(ground: Ground) -> tuple[float, float]:
    """Commands a second, and the 99th percentile in milliseconds."""
    url = await ground.database()
    await prepared(url)
    customers = [uuid.uuid4() for _ in range(CUSTOMERS)]
    async with (
        asyncpg.create_pool(url, min_size=1, max_size=2) as keys,
        open_store(**opening(url, keys)) as store,
    ):
        await store.vault.keys_for_writing(customers)
        await many(CLIENTS, 1.0, lambda number: tell(store, customers[number]))
        rate, took = await many(CLIENTS, SECONDS, lambda number: tell(store, customers[number]))
    await ground.drop(url)
    return rate, percentile(took, 0.99) * 1000


async def tell(store: EventStore, customer: uuid.UUID) -> Done[Interaction]:
    """One command: an event of some 300 B with a sealed text, on a stream of its own."""
    interaction = uuid.uuid4()
    event = InteractionRecorded(interaction_id=interaction, channel="phone", direction="inbound", kind="call", purpose="service", text=TEXT, agent_id="agent-7")
    command = Command(uuid.uuid4(), bytes(32), "agent:7", keyed=True)
    return await store.handle(INTERACTIONS, interaction, command, lambda known, _: record(known, event), key=customer)


async def _cte(ground: Ground, *, ordered: bool) -> float:
    url = await ground.database()
    await prepared(url)
    connections = [await asyncpg.connect(url) for _ in range(8)]
    payload = orjson.dumps({"interaction_id": str(uuid.uuid4()), "channel": "phone", "direction": "inbound", "kind": "call", "text": TEXT}).decode()
    metadata = orjson.dumps({"actor": "agent:7"}).decode()

    async def act(number: int) -> None:
        connection, stream = connections[number], uuid.uuid4()
        arguments = (stream, "interaction", uuid.uuid4(), payload, uuid.uuid4(), bytes(32), uuid.uuid4(), payload, metadata)
        if not ordered:
            await connection.fetchval(_CTE, *arguments)
            return
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(7001)")
            await connection.fetchval(_CTE, *arguments)

    await many(8, 0.5, act)
    rate, _ = await many(8, SECONDS, act)
    for connection in connections:
        await connection.close()
    await ground.drop(url)
    return rate


async def append(ground: Ground) -> list[Measure]:
    """Store commands against the CTE, and the CTE under the order lock."""
    ours, late, free, locked = [], [], [], []
    for _ in range(ROUNDS):
        rate, p99 = await _ours(ground)
        ours.append(rate)
        late.append(p99)
        free.append(await _cte(ground, ordered=False))
        locked.append(await _cte(ground, ordered=True))
    return [
        Measure.ratio("append_vs_cte", ours, free),
        Measure.ratio("append_vs_ordered_cte", ours, locked),
        Measure("append_p99_ms", late, ours=late),
    ]


async def append_vs_pyeventsourcing(ground: Ground) -> list[Measure]:
    """Store commands against pyeventsourcing's recorder with its default settings, from eight threads."""
    ours, rival = [], []
    for _ in range(ROUNDS):
        rate, _ = await _ours(ground)
        ours.append(rate)
        rival.append(await _pyeventsourcing(ground))
    return [Measure.ratio("append_vs_pyeventsourcing", ours, rival)]


async def _pyeventsourcing(ground: Ground) -> float:
    from eventsourcing.persistence import StoredEvent
    from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

    url = await ground.database()
    host, port, name = "127.0.0.1", ground.postgres.listening, url.rpartition("/")[2]

    def run() -> float:
        datastore = PostgresDatastore(dbname=name, host=host, port=str(port), user="postgres", password="")
        recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
        recorder.create_table()
        state = orjson.dumps({"channel": "phone", "text": TEXT, "at": datetime.now(UTC).isoformat()})
        until = [0.0]

        def client() -> int:
            done = 0
            while time.perf_counter() < until[0]:
                recorder.insert_events([StoredEvent(originator_id=uuid.uuid4(), originator_version=1, topic="interaction:Recorded", state=state)])
                done += 1
            return done

        with ThreadPoolExecutor(8) as pool:
            until[0] = time.perf_counter() + SECONDS
            began = time.perf_counter()
            done = sum(task.result() for task in [pool.submit(client) for _ in range(8)])
            rate = done / (time.perf_counter() - began)
        datastore.close()
        return rate

    rate = await asyncio.to_thread(run)
    await ground.drop(url)
    return rate
