"""Store, topic and journal against each other: equal when they are, and named when they are not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from crm_events import reconcile
from crm_events.reconcile import Seen
from crm_events.relay import Pace, Relay


def window_over(seen: Sequence[Seen]) -> reconcile.Window:
    """A journal: any list of events."""

    async def window(after: int, upto: int) -> Sequence[Seen]:
        return [one for one in seen if after < one.position <= upto]

    return window


async def relayed(store: Any, log: Any, tools: Any) -> None:
    made = Relay(
        "contacts", topic=log.topic, database_url=store.url, bootstrap_servers=log.bootstrap, schema_base_url="http://localhost:8001", pace=Pace(stand_by=0.05)
    )

    async def caught_up() -> bool:
        return await store.checkpoint() == await store.head()

    async with tools.running(made.run):
        await tools.eventually(caught_up)


async def test_store_and_topic_agree_event_by_event_although_records_were_sent_twice(store: Any, log: Any, tools: Any) -> None:
    await store.append(60)
    await relayed(store, log, tools)
    await store.connection.execute("update relay set position = 0, last = array_fill(0::bigint, array[12])")
    await relayed(store, log, tools)
    await store.append(3)  # arrived after the head was asked for
    there, here = await reconcile.store_count(store.connection, 60), await reconcile.topic_count(log.bootstrap, log.topic, "contacts", 60)
    assert all(there[partition].same(here[partition]) for partition in range(12))
    assert sum(one.count for one in here.values()) == sum(one.repeated for one in here.values()) == 60
    assert await reconcile.not_in_topic(reconcile.store_window(store.connection), here, 60) == ()


async def test_what_never_reached_the_topic_is_named(store: Any, log: Any, tools: Any) -> None:
    await store.append(24)
    await relayed(store, log, tools)
    late = await store.append(5)
    here = await reconcile.topic_count(log.bootstrap, log.topic, "contacts", 29)
    there = await reconcile.store_count(store.connection)
    assert [partition for partition in range(12) if not there[partition].same(here[partition])] == [1, 2, 3, 4, 5]
    assert set(await reconcile.not_in_topic(reconcile.store_window(store.connection), here, 29)) == set(late)


async def test_the_count_of_a_topic_ends_where_its_chain_is_broken(log: Any) -> None:
    sent = [log.envelope(0) for _ in range(5)]
    await log.send(*sent[:2], *sent[3:])
    tally = (await reconcile.topic_count(log.bootstrap, log.topic, "contacts", 5))[0]
    assert (tally.count, tally.last, tally.repeated) == (2, 2, 2)


async def test_of_a_topic_that_is_not_there_every_event_is_missing(store: Any, log: Any) -> None:
    stored = await store.append(3)
    tallies = await reconcile.topic_count(log.bootstrap, f"{log.topic}.lost", "contacts", 3)
    assert {tally.count for tally in tallies.values()} == {0}
    assert len(await reconcile.not_in_topic(reconcile.store_window(store.connection), tallies, 3)) == len(stored)


async def test_missing_doubled_and_strange_events_of_a_journal_are_named_across_windows(store: Any) -> None:
    await store.connection.execute(
        """insert into events select n, gen_random_uuid(), 1, gen_random_uuid(), 'contact.registered', 1, gen_random_uuid(), n % 12, now(), now(), '{}', '{}'
           from generate_series(1, 25000) n"""
    )
    journal = [Seen(one.partition, one.position, one.event_id) for one in await reconcile.store_window(store.connection)(0, 25_000)]
    journal.sort(key=lambda one: one.position)
    assert not await reconcile.differences(reconcile.store_window(store.connection), window_over(journal), 25_000)
    other = uuid4()
    changed = [*journal[:9_999], *journal[10_000:20_004], replace(journal[20_004], event_id=other), *journal[20_005:], journal[24_999]]
    found = await reconcile.differences(reconcile.store_window(store.connection), window_over(changed), 25_000)
    assert found.missing == (journal[9_999].event_id, journal[20_004].event_id)
    assert found.doubled == (journal[24_999].event_id,)
    assert found.strange == (other,)


async def test_the_digest_sees_two_events_that_changed_places_but_not_the_order_they_are_counted_in() -> None:
    one, two = Seen(3, 5, uuid4()), Seen(3, 9, uuid4())
    forth, back = await reconcile.count(window_over([one, two]), 9), await reconcile.count(window_over([two, one]), 9)
    swapped = await reconcile.count(window_over([replace(one, event_id=two.event_id), replace(two, event_id=one.event_id)]), 9)
    assert forth[3].same(back[3])
    assert not forth[3].same(swapped[3])
