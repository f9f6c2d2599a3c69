"""The relay between a real PostgreSQL and a real Kafka: order, chain, fencing, and a broker that forgets."""

import gc
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import psutil
import pytest
from crm_events.relay import Pace, Relay
from crm_events.relaying import checkpoint
from prometheus_client import CollectorRegistry

END = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'relay' and datname = current_database()"
PACE = Pace(lease=1.0, renew=0.2, kafka_deadline=5.0, stand_by=0.05, back_off_most=0.5, compare_tails=600)


def relay(store: Any, log: Any, pace: Pace = PACE, **options: Any) -> Relay:
    usual = {"topic": log.topic, "database_url": store.url, "bootstrap_servers": log.bootstrap, "schema_base_url": "http://localhost:8001"}
    return Relay("contacts", pace=pace, **usual | options)


@pytest.fixture(autouse=True)
def every_failure_is_read(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A future nobody looks at is logged whenever the collector comes by, amid whatever runs then."""
    yield
    gc.collect()
    told = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert not [each.getMessage() for each in told if "never retrieved" in each.getMessage()]


async def caught_up(store: Any) -> bool:
    return await store.checkpoint() == await store.head()


def cut(bootstrap: str) -> None:
    """Break every connection of this process to the broker, as its end would."""
    port = int(bootstrap.rpartition(":")[2])
    for connection in psutil.Process().net_connections("tcp"):
        if connection.raddr and connection.raddr.port == port and connection.status == psutil.CONN_ESTABLISHED:
            with socket.socket(fileno=os.dup(connection.fd)) as held:
                held.shutdown(socket.SHUT_RDWR)


async def test_every_event_reaches_its_partition_in_order_and_names_the_one_before_it(store: Any, log: Any, tools: Any) -> None:
    await store.append(100)
    made = relay(store, log, replace(PACE, rows=30))
    async with tools.running(made.run):
        await tools.eventually(lambda: caught_up(store))
        more = await store.append(7)
        made.wake()
        await tools.eventually(lambda: caught_up(store))
    records = await log.records()
    assert {UUID(tools.header(record, "ce_id")) for record in records} == set(store.ids)
    assert len(records) == 107
    assert len(more) == 7
    for partition, chain in tools.chain_of(records).items():
        positions = [position for _, position in chain]
        assert positions == [n for n in range(1, 108) if (n if n <= 100 else n - 100) % 12 == partition]
        assert [previous for previous, _ in chain] == [0, *positions[:-1]]


async def test_the_value_is_the_stored_text_and_the_key_the_customer(store: Any, log: Any, tools: Any) -> None:
    await store.append(1)
    await store.connection.execute("""update events set payload = '{"b":1.0, "a":1e2,"b":2}'""")
    async with tools.running(relay(store, log).run):
        await tools.eventually(lambda: caught_up(store))
    (record,) = await log.records()
    assert record.value == b'{"b":1.0, "a":1e2,"b":2}'
    assert record.key.decode() == str(await store.connection.fetchval("select customer_id from events"))
    assert tools.header(record, "ce_subject") == record.key.decode()
    assert record.timestamp_type == 1  # the broker's clock


async def test_an_event_about_no_customer_has_no_subject(store: Any, log: Any, tools: Any) -> None:
    await store.append(1, kind="sla_policy.defined")
    async with tools.running(relay(store, log).run):
        await tools.eventually(lambda: caught_up(store))
    assert "ce_subject" not in dict((await log.records())[0].headers)


@pytest.mark.parametrize("kind", ["work.logged", "feedback.captured", "feedback.acted_on", "idea.proposed", "idea.status_changed"])
async def test_what_may_be_about_nobody_has_a_subject_exactly_where_it_has_a_customer(store: Any, log: Any, tools: Any, kind: str) -> None:
    await store.append(2, kind=kind)  # keyed by their streams, as the store keeps what is about nobody
    await store.connection.execute("update events set stream_id = $1 where position = 2", uuid4())
    async with tools.running(relay(store, log).run):
        await tools.eventually(lambda: caught_up(store))
    nobodys, somebodys = sorted(await log.records(), key=lambda record: int(tools.header(record, "ce_position")))
    assert "ce_subject" not in dict(nobodys.headers)
    assert tools.header(nobodys, "ce_partitionkey") == tools.header(nobodys, "ce_streamid") == nobodys.key.decode()
    assert tools.header(somebodys, "ce_subject") == somebodys.key.decode() != tools.header(somebodys, "ce_streamid")


async def test_other_events_are_about_a_customer_even_where_its_id_is_their_streams(store: Any, log: Any, tools: Any) -> None:
    await store.append(1, kind="contact.registered")
    async with tools.running(relay(store, log).run):
        await tools.eventually(lambda: caught_up(store))
    [record] = await log.records()
    assert tools.header(record, "ce_subject") == tools.header(record, "ce_streamid") == record.key.decode()


async def test_two_relays_publish_each_event_once_and_the_second_takes_over(store: Any, log: Any, tools: Any) -> None:
    pace = replace(PACE, lease=600.0)  # nobody waits for its end: a leader that leaves lets go
    first, second = relay(store, log, pace), relay(store, log, pace)
    await store.append(24)
    async with tools.running(second.run):
        async with tools.running(first.run):
            await tools.eventually(lambda: caught_up(store))
            assert sum(one.status().leader for one in (first, second)) == 1
        await store.append(24)
        await tools.eventually(lambda: caught_up(store))
        assert second.status().leader
    assert len(await log.records()) == 48


async def test_a_frozen_leader_that_was_replaced_cannot_move_the_checkpoint(store: Any) -> None:
    other = await asyncpg.connect(store.url)
    frozen = await checkpoint.lead(store.connection, "contacts", "frozen", seconds=0)
    leader = await checkpoint.lead(other, "contacts", "awake")
    assert frozen is not None
    assert leader is not None
    with pytest.raises(checkpoint.Fenced):
        await checkpoint.move(store.connection, frozen, position=5, last=[5] * 12)
    with pytest.raises(checkpoint.Fenced):
        await checkpoint.renew(store.connection, frozen)
    moved = await checkpoint.move(other, leader, position=3, last=[3] * 12)
    assert moved.position == await store.checkpoint() == 3
    with pytest.raises(checkpoint.Fenced):  # not from a position left behind either
        await checkpoint.move(other, leader, position=9, last=[9] * 12)
    await other.close()


async def test_a_leader_whose_session_is_lost_leads_again_long_before_its_lease_ends(store: Any, log: Any, tools: Any) -> None:
    made = relay(store, log, replace(PACE, lease=3_600.0))
    async with tools.running(made.run):
        await tools.eventually(lambda: made.status().leader)
        await store.append(3)
        await store.connection.execute(END)
        await store.append(4)
        await tools.eventually(lambda: caught_up(store))


async def test_a_leader_replaced_while_it_runs_stands_down(store: Any, log: Any, tools: Any) -> None:
    made = relay(store, log)
    async with tools.running(made.run):
        await tools.eventually(lambda: made.status().leader)
        await store.connection.execute("update relay set owner = 'another', epoch = epoch + 1, until = clock_timestamp() + interval '1 hour'")
        await store.append(3)
        await tools.eventually(lambda: not made.status().leader)
        assert await store.checkpoint() == 0


async def test_what_was_acknowledged_but_not_checkpointed_is_sent_again_with_the_same_place_in_the_chain(store: Any, log: Any, tools: Any) -> None:
    made = relay(store, log)
    async with tools.running(made.run):
        await tools.eventually(lambda: made.status().leader)
        blocker = await asyncpg.connect(store.url)
        async with blocker.transaction():
            await blocker.execute("select from relay for update")  # the checkpoint cannot move …
            await store.append(12)

            async def acknowledged() -> bool:
                return len(await log.records()) == 12

            await tools.eventually(acknowledged)
            await blocker.execute(END)  # … and its owner dies
        await blocker.close()
        await tools.eventually(lambda: caught_up(store))
    records = await log.records()
    assert len(records) == 24
    for chain in tools.chain_of(records).values():
        assert chain[0] == chain[1]


async def test_a_topic_that_came_back_empty_is_filled_again_while_the_relay_runs(store: Any, log: Any, tools: Any) -> None:
    registry = CollectorRegistry()
    made = relay(store, log, replace(PACE, compare_tails=0.2, kafka_deadline=3.0), registry=registry)
    await store.append(36)
    async with tools.running(made.run):
        await tools.eventually(lambda: caught_up(store))
        await log.empty()

        async def filled() -> bool:
            return len(await log.records()) >= 36

        await tools.eventually(filled)
        await tools.eventually(lambda: caught_up(store))
    assert {UUID(tools.header(record, "ce_id")) for record in await log.records()} == set(store.ids)
    assert registry.get_sample_value("crm_relay_rewinds_total", {"source": "contacts"}) == 1


async def test_nothing_is_sent_over_a_new_connection_before_it_is_seen_what_the_broker_behind_it_has(store: Any, log: Any, tools: Any) -> None:
    await store.append(36)
    async with tools.running(relay(store, log).run):
        await tools.eventually(lambda: caught_up(store))
        await log.empty()
        cut(log.bootstrap)
        await store.append(36)

        async def filled() -> bool:
            return {UUID(tools.header(record, "ce_id")) for record in await log.records()} == set(store.ids)

        await tools.eventually(filled)
        await tools.eventually(lambda: caught_up(store))
    for chain in tools.chain_of(await log.records()).values():
        first = list(dict.fromkeys(position for _, position in chain))
        assert first == sorted(first)


async def test_what_others_write_over_old_positions_neither_stops_the_relay_nor_closes_the_store(store: Any, log: Any, tools: Any) -> None:
    await store.append(36)
    async with tools.running(relay(store, log).run):
        await tools.eventually(lambda: caught_up(store))
    for record in await log.records():
        for _ in range(25):  # more than a short look back sees
            told = [(name, str(uuid4()).encode() if name == "ce_id" else value) for name, value in record.headers]
            await log.producer.send(log.topic, record.value, key=record.key, partition=record.partition, headers=told)
    await log.producer.flush()
    await store.append(12)
    made = relay(store, log)
    async with tools.running(made.run):
        await tools.eventually(lambda: caught_up(store))
        assert made.status().trouble is None
    assert await store.connection.fetchval("select timeline from store") != ""


async def test_a_topic_that_came_back_short_is_filled_from_the_newest_mark_below(store: Any, log: Any, tools: Any) -> None:
    pace = replace(PACE, rows=12, mark_every=24)
    await store.append(120)
    async with tools.running(relay(store, log, pace).run):
        await tools.eventually(lambda: caught_up(store))
    kept = [record for record in await log.records() if int(tools.header(record, "ce_position")) <= 60]
    await log.empty()
    for record in sorted(kept, key=lambda one: one.offset):
        await log.producer.send(log.topic, record.value, key=record.key, partition=record.partition, headers=list(record.headers))
    await log.producer.flush()
    async with tools.running(relay(store, log, pace).run):

        async def filled() -> bool:
            return {UUID(tools.header(record, "ce_id")) for record in await log.records()} == set(store.ids)

        await tools.eventually(filled)
        await tools.eventually(lambda: caught_up(store))
    again = [int(tools.header(record, "ce_position")) for record in await log.records()][60:]
    assert len(await log.records()) == 60 + 72  # from the mark at 48, not from the beginning
    assert len(again) == 72


async def test_a_hole_in_the_store_stops_the_relay_before_it(store: Any, log: Any, tools: Any) -> None:
    await store.append(10)
    await store.connection.execute("delete from events where position = 4")
    made = relay(store, log)
    async with tools.running(made.run):
        await tools.eventually(lambda: "HoleInStore: position 4" in (made.status().trouble or ""))
    assert all(int(tools.header(record, "ce_position")) < 4 for record in await log.records())


async def test_a_store_that_lost_its_tail_is_not_published_over_the_old_positions(store: Any, log: Any, tools: Any) -> None:
    await store.append(12)
    async with tools.running(relay(store, log).run):
        await tools.eventually(lambda: caught_up(store))
    await store.connection.execute("delete from events where position > 6; update relay set position = 6, last = '{1,2,3,4,5,6,0,0,0,0,0,0}'")
    await store.append(1)
    made = relay(store, log)
    async with tools.running(made.run):
        await tools.eventually(lambda: "StoreBehindLog" in (made.status().trouble or ""))
    assert len(await log.records()) == 12


async def test_a_broker_that_is_away_shows_the_age_of_what_waits_and_is_waited_for(store: Any, log: Any, tools: Any) -> None:
    await store.append(1)
    away = replace(log, bootstrap="127.0.0.1:1")
    registry = CollectorRegistry()
    made = relay(store, away, replace(PACE, kafka_deadline=0.5), registry=registry)
    async with tools.running(made.run):
        await tools.eventually(lambda: made.status().trouble and made.status().age_seconds > 0.3)
        assert registry.get_sample_value("crm_relay_oldest_unpublished_seconds", {"source": "contacts"}) > 0.3
        assert registry.get_sample_value("crm_relay_errors_total", {"source": "contacts"}) >= 1
        assert not made.status().leader


async def test_a_broker_that_freezes_holds_nobody_up_and_the_chain_is_whole_afterwards(store: Any, log: Any, tools: Any) -> None:
    port = int(log.bootstrap.rpartition(":")[2])
    broker = next(one.pid for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN and one.laddr.port == port)
    made = relay(store, log, replace(PACE, kafka_deadline=0.5))
    async with tools.running(made.run):
        await tools.eventually(lambda: made.status().leader)
        os.kill(broker, signal.SIGSTOP)
        try:
            await store.append(24)
            await tools.eventually(lambda: "TimeoutError" in (made.status().trouble or ""))
        finally:
            os.kill(broker, signal.SIGCONT)
        await tools.eventually(lambda: caught_up(store))
    for chain in tools.chain_of(await log.records()).values():
        last = 0
        for previous, position in chain:
            assert position <= last or previous == last  # a reader takes it or has it; nothing is missing
            last = max(last, position)
        assert last > 12


async def test_a_database_that_ends_the_connection_is_connected_again(store: Any, log: Any, tools: Any) -> None:
    made = relay(store, log)
    async with tools.running(made.run):
        await tools.eventually(lambda: made.status().leader)
        await store.connection.execute(END)
        await store.append(12)
        await tools.eventually(lambda: caught_up(store))
    assert len(await log.records()) == 12


async def test_the_turn_is_shorter_while_requests_are_in_flight(store: Any, log: Any, tools: Any) -> None:
    await store.append(60)
    async with tools.running(relay(store, log, replace(PACE, rows_when_busy=20, mark_every=20), busy=lambda: True).run):
        await tools.eventually(lambda: caught_up(store))
    marks = await store.connection.fetch("select position from relay_mark order by position")
    assert [row["position"] for row in marks] == [20, 40, 60]  # a mark a turn at most
