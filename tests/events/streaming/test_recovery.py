"""Does a store that was restored from a backup get back all that reached Kafka, and only then take commands again?"""

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from crm_events import reconcile
from crm_events.language.contacts import NeedRecorded, OwnerAssigned
from crm_events.recovering.tail import Forked, Hole
from crm_events.recovery import Recovery, TakenBack, closed, take_back
from crm_events.refusals import Taken, Unavailable
from crm_events.relay import Pace, Relay
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from jars import JARS, PAST, command, migrated, note, opened

RESTORED = "update store set timeline = '00000000'"  # as a database that was restored from a backup finds itself
EVERYTHING = {
    "events": "select *, payload::text as told, metadata::text as about from events order by position",
    "streams": "select stream_id, type, version, customer_id, position, recorded_at, state_rev, state, due_at from streams order by stream_id",
    "commands": "select command_id, stream_id, version, first_position, position, recorded_at from commands order by command_id",
    "claims": "select * from claims order by scope, hash",
}


def need(name: str) -> Any:
    return lambda jar, now: [NeedRecorded(need_id=uuid.uuid4(), need=name)]


def owned(jar: Any, now: Any) -> list[OwnerAssigned]:
    return [OwnerAssigned(agent_id="agent-9")]


async def fill(store: EventStore, name: str, jars: int = 30) -> None:
    """Jars with notes, claims, owners; the first jars are touched again by each call."""
    for number in range(jars):
        jar = uuid.uuid5(uuid.NAMESPACE_OID, f"jar {number}")
        await store.handle(JARS, jar, command(f"{name} note {number}"), note(f"{name} {number}"))
        await store.handle(JARS, uuid.uuid4(), command(), need(f"{name} {number}"))
    await store.handle(JARS, uuid.uuid5(uuid.NAMESPACE_OID, "jar 1"), command(f"{name} owner", occurred_at=PAST), owned)


def relay(url: str, log: Any) -> Relay:
    return Relay(
        "contacts", topic=log.topic, database_url=url, bootstrap_servers=log.bootstrap, schema_base_url="http://localhost:8001", pace=Pace(stand_by=0.05)
    )


async def relayed(url: str, log: Any, tools: Any) -> None:
    connection = await asyncpg.connect(url)

    async def caught_up() -> bool:
        return await connection.fetchval("select coalesce((select position from relay), 0) = (select coalesce(max(position), 0) from events)")

    async with tools.running(relay(url, log).run):
        await tools.eventually(caught_up)
    await connection.close()


async def everything(url: str) -> dict[str, list[tuple[Any, ...]]]:
    connection = await asyncpg.connect(url)
    try:
        return {name: [tuple(row) for row in await connection.fetch(query)] for name, query in EVERYTHING.items()}
    finally:
        await connection.close()


async def send_again(log: Any, records: Sequence[Any]) -> None:
    for record in records:
        await log.producer.send(log.topic, record.value, key=record.key, partition=record.partition, headers=list(record.headers))
    await log.producer.flush()


async def run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture
async def lost(databases: Any, log: Any, tools: Any) -> AsyncIterator[tuple[str, str]]:
    """The URL of a store as it was last, all of it in Kafka, and of its backup from before the last events, restored."""
    url = await databases.create(await databases.template("event-store", migrated))
    async with opened(url) as store:
        await fill(store, "first")
    backup = await databases.create(url.rpartition("/")[2])
    async with opened(url) as store:
        await fill(store, "second", 40)
    await relayed(url, log, tools)
    await run(backup, RESTORED)
    yield url, backup
    await databases.drop(url)
    await databases.drop(backup)


async def test_all_that_reached_kafka_is_back_before_a_command_is_taken(lost: tuple[str, str], log: Any, tools: Any) -> None:
    url, backup = lost
    async with opened(backup) as store:
        with pytest.raises(Unavailable):
            await store.handle(JARS, uuid.uuid4(), command(), note())
        assert await closed(store)
        assert await take_back(store, topic=log.topic, bootstrap_servers=log.bootstrap) == TakenBack(82)  # one of them told by time alone
        assert await everything(backup) == await everything(url)
        assert (await verify(store)).differences == []
        again = await store.handle(JARS, uuid.uuid5(uuid.NAMESPACE_OID, "jar 3"), command("second note 3"), note("second 3"))
        assert again.replayed
        with pytest.raises(Taken):
            await store.handle(JARS, uuid.uuid4(), command(), need("second 7"))
        await fill(store, "third", 5)
    await relayed(backup, log, tools)
    connection = await asyncpg.connect(backup)
    stored, sent = await reconcile.store_count(connection), await reconcile.topic_count(log.bootstrap, log.topic, "contacts", 1_000)
    assert all(stored[partition].same(sent[partition]) for partition in stored)
    await connection.close()


async def test_several_replicas_take_the_tail_back_once_by_themselves(lost: tuple[str, str], log: Any, tools: Any) -> None:
    url, backup = lost
    async with opened(backup) as one, opened(backup) as other:
        works = [Recovery(store, topic=log.topic, bootstrap_servers=log.bootstrap) for store in (one, other)]

        async def is_open() -> bool:
            return not await closed(one)

        async with tools.running(works[0].run), tools.running(works[1].run):
            await tools.eventually(is_open)
    assert await everything(backup) == await everything(url)


async def test_the_whole_store_can_be_had_from_its_topic(lost: tuple[str, str], databases: Any, log: Any) -> None:
    url, _ = lost
    empty = await databases.create(await databases.template("event-store", migrated))
    async with opened(empty) as store:
        await take_back(store, topic=log.topic, bootstrap_servers=log.bootstrap)
    assert await everything(empty) == await everything(url)
    await databases.drop(empty)


async def test_nothing_is_added_where_nothing_was_lost(lost: tuple[str, str], log: Any) -> None:
    url, _ = lost
    before = await everything(url)
    async with opened(url) as store:
        assert await take_back(store, topic=log.topic, bootstrap_servers=log.bootstrap) == TakenBack(0)
    assert await everything(url) == before


async def test_what_was_sent_once_more_behind_the_tail_does_not_hide_it(lost: tuple[str, str], log: Any) -> None:
    url, backup = lost
    records = sorted(await log.records(), key=lambda record: int(dict(record.headers)["ce_position"]))
    await send_again(log, [record for record in records[:60] for _ in range(9)])  # a relay on its way again from an old checkpoint
    async with opened(backup) as store:
        await take_back(store, topic=log.topic, bootstrap_servers=log.bootstrap)
    assert await everything(backup) == await everything(url)


async def test_what_others_wrote_over_the_same_positions_is_not_taken_for_ours(lost: tuple[str, str], log: Any) -> None:
    url, backup = lost
    altered = [
        replace(record, headers=[(name, str(uuid.uuid4()).encode() if name == "ce_id" else told) for name, told in record.headers])
        for record in await log.records()
    ]
    await send_again(log, altered)
    async with opened(backup) as store:
        await take_back(store, topic=log.topic, bootstrap_servers=log.bootstrap)
    assert await everything(backup) == await everything(url)


async def test_a_topic_that_is_not_there_is_no_proof_that_nothing_is_lost(lost: tuple[str, str], log: Any) -> None:
    _, backup = lost
    async with opened(backup) as store:
        with pytest.raises(Hole, match="the topic is not there"):
            await take_back(store, topic=f"{log.topic}.other", bootstrap_servers=log.bootstrap)
        assert await closed(store)


async def test_an_acknowledged_position_that_is_in_no_partition_stops_it_until_the_loss_is_accepted(lost: tuple[str, str], log: Any, tools: Any) -> None:
    _, backup = lost
    head = len((await everything(backup))["events"])
    records = sorted(await log.records(), key=lambda record: int(dict(record.headers)["ce_position"]))
    await log.empty()
    gone = head + 4  # of a stream that goes on after it
    kept = [record for position, record in enumerate(records, 1) if position != gone]
    await send_again(log, kept)
    jar = uuid.uuid5(uuid.NAMESPACE_OID, "jar 1")
    async with opened(backup) as store:
        with pytest.raises(Hole, match=f"position {gone} "):
            await take_back(store, topic=log.topic, bootstrap_servers=log.bootstrap)
        assert await closed(store)
        taken = await take_back(store, topic=log.topic, bootstrap_servers=log.bootstrap, accept_loss=True)
        assert taken.lost == 1
        assert (await verify(store)).differences == []
        assert (await store.read(JARS, jar)).version == 5, "the versions after the lost one stay what they were"
        assert len(await store.history(JARS, jar)) == 4
        await fill(store, "third", 3)
    await relayed(backup, log, tools)


async def test_a_store_that_went_on_by_itself_is_told_apart_from_its_topic(lost: tuple[str, str], log: Any) -> None:
    _, backup = lost
    await run(backup, "update store set timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
    async with opened(backup) as store:
        await fill(store, "another")
        await run(backup, RESTORED)
        with pytest.raises(Forked):
            await take_back(store, topic=log.topic, bootstrap_servers=log.bootstrap)
        assert await closed(store)


async def test_a_relay_that_finds_the_topic_ahead_closes_the_store(lost: tuple[str, str], log: Any, tools: Any) -> None:
    _, backup = lost
    await run(backup, "update store set timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")  # a copy put back: the same timeline
    made = relay(backup, log)
    async with opened(backup) as store, tools.running(made.run):
        await tools.eventually(lambda: closed(store))
        work = Recovery(store, topic=log.topic, bootstrap_servers=log.bootstrap, on_open=made.wake)
        async with tools.running(work.run):
            await tools.eventually(lambda: made.status().leader and made.status().trouble is None)
        assert work.trouble is None
        assert (await verify(store)).differences == []


async def test_a_store_that_grew_past_its_topic_by_itself_sends_nothing_and_is_closed(lost: tuple[str, str], log: Any, tools: Any) -> None:
    _, backup = lost
    await run(backup, "update store set timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
    made, sent = relay(backup, log), len(await log.records())
    async with opened(backup) as store:
        await fill(store, "another", 60)
        async with tools.running(made.run):
            await tools.eventually(lambda: "StoreBehindLog" in (made.status().trouble or ""))
        assert await closed(store)
        await run(backup, "update store set timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
        await Recovery(store, topic=log.topic, bootstrap_servers=log.bootstrap).before_serving()
        assert await closed(store)
    assert len(await log.records()) == sent


async def test_a_store_behind_its_topic_is_closed_before_the_first_request(lost: tuple[str, str], log: Any) -> None:
    url, backup = lost
    await run(backup, "update store set timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
    for database, behind in ((url, False), (backup, True)):
        async with opened(database) as store:
            await Recovery(store, topic=log.topic, bootstrap_servers=log.bootstrap).before_serving()
            assert await closed(store) == behind


async def test_a_broker_that_is_away_leaves_writes_closed_and_is_waited_for(lost: tuple[str, str], log: Any, tools: Any) -> None:
    _, backup = lost
    async with opened(backup) as store:
        work = Recovery(store, topic=log.topic, bootstrap_servers="127.0.0.1:1")
        async with tools.running(work.run):
            await tools.eventually(lambda: work.trouble is not None)
        assert await closed(store)
