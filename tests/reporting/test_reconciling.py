"""Does reconciling name what is missing or doubled, and nothing else?"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import asyncpg
import pytest
from crm_events.consuming.record import Record
from crm_reporting.reconciling import Reconciled, reconcile
from histories import history

_STORED = """
insert into events (position, stream_id, version, event_id, type, schema_version, customer_id, partition, occurred_at, recorded_at, payload, metadata)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '{}')
"""
_ONE_MORE = """
insert into events (position, stream_id, version, event_id, type, schema_version, customer_id, partition, occurred_at, recorded_at, payload, metadata)
select position + 1, gen_random_uuid(), 1, gen_random_uuid(), type, 1, customer_id, partition, occurred_at, recorded_at, payload, '{}'
from events order by position desc limit 1
"""


def of_contacts(seed: int) -> list[Record]:
    return [record for record in history(seed, customers=5).told if record.source == "contacts"]


async def store(connection: asyncpg.Connection, records: Sequence[Record]) -> None:
    rows = [
        (r.position, r.stream_id, r.version, r.event_id, r.type, r.schema_version, r.key, r.partition, r.occurred_at, r.recorded_at, r.value.decode())
        for r in records
    ]
    await connection.executemany(_STORED, rows)


@pytest.fixture
async def contacts(databases, reporting: str) -> AsyncIterator[str]:
    """The URL of a store, migrated and empty."""
    url = await databases.create(reporting.rpartition("/")[2])
    yield url
    await databases.drop(url)


@pytest.fixture
def ask(connection: asyncpg.Connection, kafka: str, topics: dict[str, str]) -> Callable[[dict[str, str]], Awaitable[Reconciled]]:
    async def asked(stores: dict[str, str]) -> Reconciled:
        [found] = await reconcile(connection, kafka, stores, topics={"contacts": topics["contacts"]})
        return found

    return asked


async def test_what_is_missing_anywhere_is_named(contacts: str, connection: asyncpg.Connection, project, send, ask) -> None:
    records = of_contacts(31)
    there = await asyncpg.connect(contacts)
    await store(there, records)
    await send(records)
    await project(records)
    found = await ask({"contacts": contacts})
    assert found.equal
    assert found.store == found.topic == found.journal
    assert found.journal.events == len(records)
    assert (found.missing, found.doubled, found.strange, found.missing_in_topic) == ((), (), (), ())
    lost = records[len(records) // 2]
    await connection.execute("delete from journal where event_id = $1", lost.event_id)
    await there.execute(_ONE_MORE)
    found = await ask({"contacts": contacts})
    beyond = str(await there.fetchval("select event_id from events order by position desc limit 1"))
    assert not found.equal
    assert found.missing == (str(lost.event_id), beyond)
    assert found.missing_in_topic == (beyond,)
    assert [row["equal"] for row in await connection.fetch("select equal from reconciliation order by id")] == [True, False]
    await there.close()


async def test_without_the_store_topic_and_journal_are_compared(connection: asyncpg.Connection, project, send, ask) -> None:
    records = of_contacts(32)
    await send(records)
    await project(records)
    found = await ask({})
    assert found.equal
    assert found.store is None
    await connection.execute("delete from journal where position = 3")
    assert not (await ask({})).equal


async def test_a_record_sent_twice_is_no_difference(contacts: str, project, send, ask) -> None:
    records = of_contacts(33)
    there = await asyncpg.connect(contacts)
    await store(there, records)
    await there.close()
    await send(records)
    await send(records[-5:])
    await project(records)
    assert (await ask({"contacts": contacts})).equal
