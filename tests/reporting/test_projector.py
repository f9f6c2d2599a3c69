"""Does every event become journal, documents and facts exactly once, whatever is wrong with some of them?"""

import asyncio
import uuid
from collections import Counter

import asyncpg
import orjson
import pytest
from crm_events.consuming.offsets import Moved
from crm_events.language.contacts import ContactIdentifierAdded, ContactRegistered, InteractionRecorded, PrivacyErasureRequested
from crm_events.language.reference import TargetSet
from crm_reporting import builds
from crm_reporting.documents import decode
from crm_reporting.facts import TABLES, facts
from crm_reporting.folding import fold_all
from crm_reporting.parking import drain, drop_event, parked, retry_unknown
from crm_reporting.projector_process import ProjectorProcess
from crm_reporting.settings import ReportingSettings
from histories import history
from prometheus_client import CollectorRegistry
from telling import START, Teller, entries

ANN, BOB = uuid.uuid4(), uuid.uuid4()


def interaction(teller: Teller, customer: uuid.UUID, **wrong) -> None:
    """One interaction; `wrong` fields make it unfoldable though it is journalled."""
    identity = uuid.uuid4()
    event = InteractionRecorded(interaction_id=identity, channel="web", direction="inbound")
    payload = orjson.loads(event.payload()) | wrong
    teller.record("interaction.recorded", orjson.dumps(payload), customer, source="contacts", stream=identity)


async def documents(connection: asyncpg.Connection, build: str = "b1") -> dict[tuple[str, str], dict]:
    rows = await connection.fetch(f"select source, customer_id::text, doc from {build}.document")
    return {(row["source"], row["customer_id"]): decode(row["doc"]) for row in rows}


def expected(teller: Teller) -> dict[tuple[str, str], dict]:
    return {where: folded.document for where, folded in fold_all(entries(teller.told)).items()}


async def journal(connection: asyncpg.Connection) -> list[tuple[int, str, int]]:
    return [tuple(row) for row in await connection.fetch("select id, source, position from journal order by id")]


async def test_documents_are_the_fold_and_facts_the_rows_of_all_events(connection: asyncpg.Connection, project) -> None:
    teller = history(1, customers=12)
    await project(teller.told, batch=37)
    assert await documents(connection) == expected(teller)
    wanted = Counter(table for entry in entries(teller.told) for table, _ in facts(entry))
    for table in TABLES:
        assert await connection.fetchval(f"select count(*) from b1.{table}") == wanted[table], table


async def test_journal_ids_have_no_gap_and_keep_each_sources_order(connection: asyncpg.Connection, project) -> None:
    teller = history(2, customers=8)
    await project(teller.told, batch=11)
    rows = await journal(connection)
    assert [row[0] for row in rows] == list(range(1, len(teller.told) + 1))
    assert [row[1:] for row in rows] == [(record.source, record.position) for record in teller.told]


async def test_a_row_of_the_journal_is_the_event_as_it_came(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    record = teller.tell(ContactRegistered(kind="person", name="s1.مریم \\ \t \n", contact_type="internal", roles=()), ANN)
    await project([record])
    row = await connection.fetchrow("select * from journal")
    assert row["payload"].encode() == record.value
    assert (row["event_id"], row["occurred_at"], row["recorded_at"]) == (record.event_id, record.occurred_at, record.recorded_at)
    assert (row["customer_id"], row["subject"], row["stream_id"], row["version"], row["actor"]) == (ANN, ANN, ANN, 1, "agent:7")


async def test_an_event_told_twice_is_loud_and_changes_nothing(connection: asyncpg.Connection, project) -> None:
    teller = history(3)
    await project(teller.told)
    before = await documents(connection)
    with pytest.raises(asyncpg.UniqueViolationError):
        await project(teller.told[:1])
    assert await documents(connection) == before


async def test_a_fold_that_fails_parks_its_customer_and_nobody_else(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    interaction(teller, ANN)
    interaction(teller, ANN, channel=7)
    interaction(teller, ANN)
    interaction(teller, BOB)
    await project(teller.told)
    [mark] = await parked(connection, "b1")
    assert (mark.source, mark.customer_id, mark.position) == ("contacts", str(ANN), 2)
    assert "channel" in mark.reason
    found = await documents(connection)
    assert [found["contacts", str(one)]["interactions"]["count"] for one in (ANN, BOB)] == [1, 1]
    assert await connection.fetchval("select count(*) from journal") == 4
    assert await connection.fetchval("select count(*) from b1.interaction") == 3  # facts depend on their event alone


async def test_a_dropped_event_lets_the_others_through_as_if_nothing_had_failed(connection: asyncpg.Connection, project) -> None:
    teller, whole = Teller(), Teller()
    for one in (teller, whole):
        interaction(one, ANN)
    interaction(teller, ANN, channel=7)
    for one in (teller, whole):
        interaction(one, ANN)
    await project(teller.told)
    assert await drain(connection, "b1", "contacts", str(ANN)) is False  # nothing has changed: it fails again
    [mark] = await parked(connection, "b1")
    assert mark.attempts == 2
    assert await drop_event(connection, "b1", "contacts", str(ANN), str(uuid.uuid4()), reason="no such event", by="agent:7") is None
    assert await drop_event(connection, "b1", "contacts", str(ANN), mark.event_id, reason="channel is no text", by="agent:7") is True
    assert await parked(connection, "b1") == []
    assert (await documents(connection))["contacts", str(ANN)]["interactions"]["count"] == 2
    assert await connection.fetchval("select reason from dropped") == "channel is no text"
    assert await connection.fetchval("select count(*) from requests where cause = 'drained'") == 1
    interaction(teller, ANN)
    await project(teller.told[-1:])
    assert (await documents(connection))["contacts", str(ANN)]["interactions"]["count"] == 3


@pytest.mark.parametrize("broken", [b"", b"not json", b'{"channel": "we', b"\xff\xfe", b'"\\ud800"', b"\0", b"NaN"])
async def test_a_payload_that_is_no_json_is_journalled_and_stops_its_customer_alone(connection: asyncpg.Connection, project, broken: bytes) -> None:
    teller = Teller()
    interaction(teller, ANN)
    teller.record("interaction.recorded", broken, ANN, source="contacts")
    interaction(teller, ANN)
    interaction(teller, BOB)
    await project(teller.told)
    assert len(await journal(connection)) == 4
    [mark] = await parked(connection, "b1")
    assert (mark.customer_id, mark.position) == (str(ANN), 2)
    found = await documents(connection)
    assert [found["contacts", str(who)]["interactions"]["count"] for who in (ANN, BOB)] == [1, 1]
    assert await drop_event(connection, "b1", "contacts", str(ANN), mark.event_id, reason="no JSON", by="agent:7") is True
    assert (await documents(connection))["contacts", str(ANN)]["interactions"]["count"] == 2


async def test_an_unknown_type_waits_for_a_process_that_knows_it(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    interaction(teller, ANN)
    teller.record("contact.cloned", b'{"by":"aliens"}', ANN, source="contacts")
    interaction(teller, ANN)
    await project(teller.told)
    assert await retry_unknown(connection, "b1") == 0
    [mark] = await parked(connection, "b1")
    assert "contact.cloned" in mark.reason
    # a newer release has the type: told here by renaming the event to one that is known
    await connection.execute(
        'update journal set type = \'note.added\', payload = \'{"note_id": "0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d11", "text": "t"}\' where type like \'%cloned\''
    )
    await connection.execute("update b1.parked set type = 'note.added'")
    assert await retry_unknown(connection, "b1") == 1
    assert (await documents(connection))["contacts", str(ANN)]["events"] == 3


async def test_an_input_of_figures_is_no_customers_event(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    target = TargetSet(name="csat", version=2, value="0.8", unit="share", scope="company", valid_from=START)
    await project([teller.tell(target)])
    row = await connection.fetchrow("select kind, name, version, valid_from, valid_to, value ->> 'value' as value from reference_input")
    assert tuple(row) == ("target", "csat", 2, START, None, "0.8")
    assert await documents(connection) == {}
    assert await connection.fetchval("select count(*) from journal where subject is null") == 1


async def test_whoever_asks_to_be_forgotten_can_be_looked_up_no_more(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    identifier = ContactIdentifierAdded(identifier_id=uuid.uuid4(), kind="email", value="s1.v", normalised="s1.n")
    for customer in (ANN, BOB):
        teller.tell(identifier, customer)
        await connection.execute("insert into terms values ($1, $2, 'name', now(), 1)", customer.bytes, customer)
    teller.tell(PrivacyErasureRequested(request_id=uuid.uuid4()), ANN)
    await project(teller.told)
    assert [row["customer_id"] for row in await connection.fetch("select customer_id from terms")] == [BOB]
    assert [row["customer_id"] for row in await connection.fetch("select customer_id from to_index")] == [BOB]
    assert await connection.fetchval("select customer_id from erased") == ANN


async def test_what_the_database_refuses_is_journalled_and_parked(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    interaction(teller, ANN, duration_seconds=2**53 - 1)
    record = teller.told[0]
    async with connection.transaction():
        await project.projector.reject(connection, record, ValueError("out of range"))
    assert len(await journal(connection)) == 1
    [mark] = await parked(connection, "b1")
    assert "out of range" in mark.reason


async def test_many_failing_folds_stop_the_process(project) -> None:
    teller = Teller()
    for _ in range(101):
        interaction(teller, uuid.uuid4(), channel=7)
    await project(teller.told[:100])
    assert not project.ended.is_set()
    await project(teller.told[100:])
    assert project.ended.is_set()
    assert project.projector.overwhelmed


async def test_nothing_is_written_to_a_build_that_is_no_longer_active(connection: asyncpg.Connection, project) -> None:
    teller = history(5)
    await project(teller.told[:3])
    async with connection.transaction():
        await connection.execute("update builds set state = 'draining'")
        await builds.lay_out(connection, state="active")
    with pytest.raises(Moved):
        await project(teller.told[3:])
    assert project.ended.is_set()
    assert len(await journal(connection)) == 3


async def test_a_drain_and_a_batch_for_the_same_customer_wait_for_each_other(connection: asyncpg.Connection, project, reporting: str) -> None:
    teller = Teller()
    interaction(teller, ANN, channel=7)
    await project(teller.told)
    await connection.execute("insert into dropped select source, position, event_id, customer_id, 'r', 'agent:7' from journal")
    interaction(teller, ANN)
    other = await asyncpg.connect(reporting)
    try:
        async with connection.transaction():
            await project.projector.apply(connection, teller.told[1:])
            draining = asyncio.create_task(drain(other, "b1", "contacts", str(ANN)))
            while not await connection.fetchval("select true from pg_locks where not granted limit 1"):
                assert not draining.done()
                await asyncio.sleep(0.01)
        assert await draining is True
    finally:
        await other.close()
    assert (await documents(connection))["contacts", str(ANN)]["interactions"]["count"] == 1


async def test_events_on_kafka_are_in_the_documents_and_a_restart_doubles_none(
    connection: asyncpg.Connection, reporting: str, kafka: str, topics, send
) -> None:
    teller = history(9, customers=20)
    process_settings = ReportingSettings(database_url=reporting, kafka_bootstrap_servers=kafka, index_key="A" * 43 + "=", auth_jwks="none")
    half = len(teller.told) // 2
    for part in (teller.told[:half], teller.told[half:]):
        await send(part)
        stop = asyncio.Event()
        running = asyncio.create_task(ProjectorProcess(process_settings, CollectorRegistry(), topics=topics).run(stop))
        until = teller.told.index(part[-1]) + 1
        while await connection.fetchval("select count(*) from journal") < until:
            assert not running.done()
            await asyncio.sleep(0.02)
        stop.set()
        await running
    assert await documents(connection) == expected(teller)
    assert [row[0] for row in await journal(connection)] == list(range(1, len(teller.told) + 1))
