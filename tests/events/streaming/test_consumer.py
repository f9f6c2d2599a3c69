"""The reader between a real Kafka and a real PostgreSQL: once in effect, in order, nothing missing, and every trouble kept to its partition."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition
from crm_events.consumer import Consumer, Stalled, Tempo
from crm_events.consuming import offsets
from crm_events.consuming.chain import Place
from crm_events.consuming.record import Record
from crm_events.consuming.standing import Standing
from prometheus_client import CollectorRegistry

END = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'reader' and datname = current_database()"
TEMPO = Tempo(poll=0.05, session=6.0, retry_least=0.2, grace=2.0)


@dataclass
class Reader:
    """A database that is read into, and consumers that read into it. `seen` has no unique key: what is applied twice is there twice."""

    url: str
    log: Any
    connection: asyncpg.Connection
    applied: list[int] = field(default_factory=list)
    poison: set[int] = field(default_factory=set)

    async def connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.url, server_settings={"application_name": "reader"})

    async def apply(self, connection: Any, records: Sequence[Record]) -> None:
        for record in records:
            if record.position in self.poison:
                raise ZeroDivisionError(f"cannot apply {record.position}")
        self.applied.append(len(records))
        await connection.executemany(
            "insert into seen (position, partition, event_id) values ($1, $2, $3)", [(one.position, one.partition, one.event_id) for one in records]
        )

    def consumer(self, **options: Any) -> Consumer:
        usual = {"topics": {self.log.topic: "contacts"}, "apply": self.apply, "share": False, "tempo": TEMPO}
        return Consumer(group=self.log.topic, bootstrap_servers=self.log.bootstrap, connect=self.connect, **usual | options)

    async def positions(self, partition: int | None = None) -> list[int]:
        """In the order in which they were applied."""
        rows = await self.connection.fetch("select position from seen where $1::int is null or partition = $1 order by id", partition)
        return [row["position"] for row in rows]

    async def offset(self, partition: int) -> asyncpg.Record:
        return await self.connection.fetchrow("select * from offsets where partition = $1", partition)

    async def broken(self) -> dict[int, str]:
        return {row["partition"]: row["broken"] for row in await self.connection.fetch("select * from offsets where broken is not null")}

    def saw(self, count: int) -> Any:
        async def enough() -> bool:
            return await self.connection.fetchval("select count(*) from seen") >= count

        return enough


@pytest.fixture
async def reader(databases: Any, log: Any) -> AsyncIterator[Reader]:
    async def prepare(url: str) -> None:
        connection = await asyncpg.connect(url)
        await offsets.ensure(connection)
        await connection.execute(
            """create table seen (id bigint generated always as identity, position bigint, partition int, event_id uuid);
               create table parked (position bigint, error text)"""
        )
        await connection.close()

    url = await databases.create(template=await databases.template("streaming-reader", prepare))
    connection = await asyncpg.connect(url)
    yield Reader(url, log, connection)
    await connection.close()
    await databases.drop(url)


async def test_every_record_is_applied_once_and_in_the_order_of_its_partition(reader: Reader, log: Any, tools: Any) -> None:
    sent = await log.fill(504)
    registry = CollectorRegistry()
    consumer = reader.consumer(registry=registry)
    async with tools.running(consumer.run):
        await tools.eventually(reader.saw(504))
        sent += await log.fill(96)
        await tools.eventually(reader.saw(600))
        await tools.eventually(lambda: sum(one.lag for one in consumer.status()) == 0)
    for partition in range(12):
        assert await reader.positions(partition) == [one.position for one in sent if one.partition == partition]
        row = await reader.offset(partition)
        assert (row["next"], row["last"], row["source"]) == (50, log.chain[partition], "contacts")
    assert not registry.get_sample_value("crm_consumer_searches_total", {"group": log.topic})


async def test_a_record_sent_twice_is_applied_once(reader: Reader, log: Any, tools: Any) -> None:
    sent = await log.fill(36)
    await log.send(*sent[12:])
    await log.fill(12)
    async with tools.running(reader.consumer().run):
        await tools.eventually(reader.saw(48))
    assert sorted(await reader.positions()) == list(range(1, 49))


async def test_a_reader_goes_on_from_the_offsets_in_its_database_whatever_kafka_believes(reader: Reader, log: Any, tools: Any) -> None:
    await log.fill(24)
    first = reader.consumer(share=True)
    async with tools.running(first.run):
        await tools.eventually(reader.saw(24))
    await reader.connection.execute("delete from seen where position > 12; update offsets set next = 1, last = partition + 1")
    async with tools.running(reader.consumer(share=True).run):
        await tools.eventually(reader.saw(24))
    assert sorted(await reader.positions()) == list(range(1, 25))


async def test_two_readers_that_fight_over_every_partition_apply_each_record_once(reader: Reader, log: Any, tools: Any) -> None:
    registry = CollectorRegistry()
    first, second = (reader.consumer(batch=20, registry=registry) for _ in range(2))
    async with tools.running(first.run, second.run):
        for _ in range(10):
            await log.fill(60)
        await tools.eventually(reader.saw(600), seconds=40)
        await tools.eventually(lambda: all(sum(one.lag for one in each.status()) == 0 for each in (first, second)))
    assert sorted(await reader.positions()) == list(range(1, 601))
    for partition in range(12):
        assert await reader.positions(partition) == sorted(await reader.positions(partition))
    assert registry.get_sample_value("crm_consumer_fresh_starts_total", {"group": log.topic}) > 2  # they did fight


async def test_kafkas_group_shares_the_partitions_out_and_hands_those_of_a_leaver_on(reader: Reader, log: Any, tools: Any) -> None:
    first, second = reader.consumer(share=True), reader.consumer(share=True)
    async with tools.running(first.run):
        await tools.eventually(lambda: len(first.status()) == 12)
        async with tools.running(second.run):
            await tools.eventually(lambda: len(first.status()) == len(second.status()) == 6)
            await log.fill(120)
            await tools.eventually(reader.saw(120))
        await tools.eventually(lambda: len(first.status()) == 12)
        await log.fill(120)
        await tools.eventually(reader.saw(240))

        async def told() -> bool:
            known = await log.admin.list_consumer_group_offsets(log.topic)
            return sum(one.offset for one in known.values()) == 240

        await tools.eventually(told)  # lag tools see the truth
    assert sorted(await reader.positions()) == list(range(1, 241))


async def test_a_missing_record_stops_its_partition_only_and_nothing_beyond_it_is_applied(reader: Reader, log: Any, tools: Any) -> None:
    sent = [log.envelope(n % 12) for n in range(48)]
    missing = sent[12 + 5]
    await log.send(*(one for one in sent if one is not missing))
    registry = CollectorRegistry()
    consumer = reader.consumer(registry=registry)
    async with tools.running(consumer.run):
        await tools.eventually(reader.saw(48 - 3))
        await tools.eventually(reader.broken)
        assert (await reader.broken()).keys() == {5}
        await log.fill(24)
        await tools.eventually(reader.saw(48 - 3 + 22))
        assert await reader.positions(5) == [sent[5].position]
        assert (await reader.offset(5))["last"] == sent[5].position
        stands = {one.partition: one.broken for one in consumer.status() if one.broken}
        assert stands.keys() == {5}
        assert f"follows position {sent[5].position}" in stands[5]
        where = {"group": log.topic, "topic": log.topic, "partition": "5"}
        await tools.eventually(lambda: registry.get_sample_value("crm_consumer_partition_broken", where) == 1)
        await log.send(*[one for one in sent if one.partition == 5][1:])  # the relay fills the log again, behind newer records
        await log.send(log.envelope(5, previous=sent[41].position))
        await tools.eventually(lambda: not any(one.broken for one in consumer.status()))
        await tools.eventually(lambda: reader.saw(72 - 2 + 1)())
    assert await reader.positions(5) == [one.position for one in sent if one.partition == 5] + [73]
    assert await reader.broken() == {}


async def test_a_topic_that_came_back_empty_and_was_filled_again_loses_and_doubles_nothing(reader: Reader, log: Any, tools: Any) -> None:
    sent = await log.fill(120)
    consumer = reader.consumer()
    async with tools.running(consumer.run):
        await tools.eventually(reader.saw(120))
    await log.empty()
    await log.send(*(log.envelope(n) for n in range(12)))  # the relay has not noticed yet
    async with tools.running(consumer.run):
        await tools.eventually(reader.saw(132))
        await log.send(*sent)
        await log.fill(12)
        await tools.eventually(reader.saw(144))
    assert sorted(await reader.positions()) == list(range(1, 145))


async def test_foreign_bytes_are_put_aside_as_they_came_and_the_chain_goes_on(reader: Reader, log: Any, tools: Any) -> None:
    await log.fill(12)
    await log.send_alien(3, headers=[("x", b"\xfe"), ("ce_type", b"contact.registered")])
    await log.send_alien(3, value=None)
    await log.fill(12)
    async with tools.running(reader.consumer().run):
        await tools.eventually(reader.saw(24))
    rows = await reader.connection.fetch('select * from alien order by "offset"')
    assert [(row["partition"], row["offset"], row["key"], row["value"]) for row in rows] == [(3, 1, b"k", b"\x00\xff"), (3, 2, b"k", None)]
    assert rows[0]["headers"] == '[["x","\\\\xfe"],["ce_type","contact.registered"]]'
    row = await reader.offset(3)
    assert (row["next"], row["last"]) == (4, log.chain[3])


async def test_a_record_that_cannot_be_applied_is_parked_alone(reader: Reader, log: Any, tools: Any) -> None:
    await log.fill(240)
    reader.poison = {17, 18, 230}

    async def reject(connection: Any, record: Record, error: Exception) -> None:
        await connection.execute("insert into parked values ($1, $2)", record.position, str(error))

    async with tools.running(reader.consumer(reject=reject).run):
        await tools.eventually(reader.saw(237))
    assert sorted(await reader.positions()) == sorted(set(range(1, 241)) - reader.poison)
    assert {row["position"]: row["error"] for row in await reader.connection.fetch("select * from parked")} == {n: f"cannot apply {n}" for n in reader.poison}


async def test_a_record_that_cannot_be_applied_or_parked_stops_its_partition_before_it_until_it_can(reader: Reader, log: Any, tools: Any) -> None:
    sent = await log.fill(240)
    reader.poison = {125}
    consumer = reader.consumer()
    async with tools.running(consumer.run):
        await tools.eventually(reader.broken)
        await tools.eventually(reader.saw(240 - 10))
        assert "ZeroDivisionError: cannot apply 125" in (await reader.broken())[sent[124].partition]
        assert await reader.positions(sent[124].partition) == [one.position for one in sent[:124] if one.partition == sent[124].partition]
        reader.poison = set()
        await tools.eventually(reader.saw(240))
    assert sorted(await reader.positions()) == list(range(1, 241))
    assert await reader.broken() == {}


async def test_a_database_that_ends_the_connection_again_and_again_costs_nothing(reader: Reader, log: Any, tools: Any) -> None:
    async with tools.running(reader.consumer(batch=10).run):
        for _ in range(6):
            await log.fill(60)
            await reader.connection.execute(END)
        await tools.eventually(reader.saw(360))
    assert sorted(await reader.positions()) == list(range(1, 361))


async def test_a_reader_frozen_inside_its_transaction_stops_nobody_for_long(reader: Reader, log: Any, tools: Any) -> None:
    woken = asyncio.Event()

    async def frozen(connection: Any, records: Sequence[Record]) -> None:
        await woken.wait()
        await reader.apply(connection, records)

    async def inside() -> bool:
        return await reader.connection.fetchval("select true from pg_stat_activity where state = 'idle in transaction' and datname = current_database()")

    sent = await log.fill(24)
    async with tools.running(reader.consumer(apply=frozen).run):
        await tools.eventually(inside)
        async with tools.running(reader.consumer().run):
            await tools.eventually(reader.saw(len(sent)))
            woken.set()
            await log.fill(24)
            await tools.eventually(reader.saw(48))
    assert sorted(await reader.positions()) == list(range(1, 49))


async def test_what_runs_before_and_after_sees_every_batch_and_types_not_asked_for_are_skipped(reader: Reader, log: Any, tools: Any) -> None:
    before: list[int] = []
    after: list[int] = []

    async def prepare(records: Sequence[Record]) -> None:
        before.extend(one.position for one in records)

    async def notify() -> None:
        after.append(len(before))

    await log.fill(12)
    await log.fill(12, type="contact.merged")
    await log.fill(12)
    async with tools.running(reader.consumer(types={"contact.merged"}, before=prepare, after=notify).run):
        await tools.eventually(reader.saw(12))
        await tools.eventually(lambda: after and after[-1] == 12)
    assert sorted(await reader.positions()) == sorted(before) == list(range(13, 25))
    assert {row["next"] for row in await reader.connection.fetch("select next from offsets")} == {3}


async def test_a_reader_that_gets_nowhere_while_records_wait_ends_its_process() -> None:
    class Stuck:
        """A log that goes on, of which nothing arrives."""

        def highwater(self, tp: TopicPartition) -> int | None:
            return None

        async def ends(self, tps: Any) -> dict[TopicPartition, int]:
            return dict.fromkeys(tps, 9)

    async def never(*_: Any) -> Any:
        raise AssertionError

    consumer = Consumer(group="g", topics={"t": "contacts"}, bootstrap_servers="", connect=never, apply=never, tempo=Tempo(watchdog=60))
    consumer._standing = {TopicPartition("t", 0): Standing("contacts", Place(8, 8), Place(8, 8))}
    consumer._moved_at = consumer._looked_at = asyncio.get_running_loop().time() - 61
    with pytest.raises(Stalled):
        await consumer._watch(Stuck())  # type: ignore[arg-type]
    consumer._standing = {TopicPartition("t", 0): Standing("contacts", Place(9, 8), Place(9, 8))}
    consumer._moved_at = consumer._looked_at = asyncio.get_running_loop().time() - 61
    await consumer._watch(Stuck())  # type: ignore[arg-type]
