"""Do summaries, members and the feed end as the documents say, in whatever order merges and events arrived?"""

import asyncio
import uuid
from dataclasses import replace
from random import Random

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from crm_events.consuming.record import Record
from crm_events.language.contacts import ContactMerged, ContactRegistered, ContactUnmerged, InteractionRecorded, PrivacyErasureRequested
from crm_events.topics import FEED, PARTITIONS, declare
from crm_reporting import clusters
from crm_reporting.clusters import root_of
from crm_reporting.compose import compose, view
from crm_reporting.composer import compose_next
from crm_reporting.feed import FeedPublisher
from crm_reporting.folding import fold_all
from telling import START, Teller, entries

ANN, BOB, CAROL = (uuid.UUID(int=n) for n in (1, 2, 3))


def known(teller: Teller, *customers: uuid.UUID) -> None:
    for customer in customers:
        teller.tell(ContactRegistered(kind="person", contact_type="internal", roles=()), customer)


def spoke(teller: Teller, customer: uuid.UUID) -> None:
    identity = uuid.uuid4()
    teller.tell(InteractionRecorded(interaction_id=identity, channel="web", direction="inbound"), customer, stream=identity)


def merge(teller: Teller, absorbed: uuid.UUID, survivor: uuid.UUID) -> uuid.UUID:
    identity = uuid.uuid4()
    teller.tell(ContactMerged(merge_id=identity, survivor_id=survivor, cause="manual", evidence=()), absorbed)
    return identity


async def composed(connection: asyncpg.Connection, limit: int = 2_000) -> None:
    while await compose_next(connection, "b1", limit=limit):
        pass


async def summaries(connection: asyncpg.Connection) -> dict[str, tuple[tuple[str, ...], int]]:
    rows = await connection.fetch("select customer_id::text, member_ids::text[], interactions from b1.summary")
    return {row["customer_id"]: (tuple(row["member_ids"]), row["interactions"]) for row in rows}


async def feed(connection: asyncpg.Connection) -> dict[int, tuple[int, bool]]:
    rows = await connection.fetch("select customer_id, version, digest is not null as there from feed")
    return {row["customer_id"].int: (row["version"], row["there"]) for row in rows}


async def test_a_merge_makes_one_row_of_two_and_its_reversal_two_of_one(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    known(teller, ANN, BOB)
    spoke(teller, BOB)
    await project(teller.told)
    await composed(connection)
    before = await summaries(connection)
    identity = merge(teller, BOB, ANN)
    await project(teller.told[-1:])
    await composed(connection)
    assert await summaries(connection) == {str(ANN): ((str(ANN), str(BOB)), 1)}
    assert await connection.fetchval("select root from b1.member where customer_id = $1", BOB) == ANN
    teller.tell(ContactUnmerged(merge_id=identity, survivor_id=ANN), BOB)
    await project(teller.told[-1:])
    await composed(connection)
    assert await summaries(connection) == before
    assert await connection.fetchval("select count(*) from b1.member") == 0


async def arrive(random: Random, teller: Teller, connection: asyncpg.Connection, project) -> None:
    """Each customer's events keep their order; those of different customers come as it happens, in batches composed now and then."""
    queues: dict[uuid.UUID, list[Record]] = {}
    for record in teller.told:
        queues.setdefault(record.key, []).append(record)
    while queues:
        customer = random.choice(sorted(queues))
        some, queues[customer] = queues[customer][:3], queues[customer][3:]
        await project(some)
        if not queues[customer]:
            del queues[customer]
        if random.random() < 0.4:
            await compose_next(connection, "b1", limit=random.randrange(1, 6))


def random_history(random: Random, teller: Teller, customers: list[uuid.UUID]) -> dict[str, str]:
    """Merges and reversals that make circles on the way, should their edges come in another order. The edges that stand at the end."""
    standing: dict[uuid.UUID, tuple[uuid.UUID, uuid.UUID]] = {}
    for _ in range(random.randrange(4, 16)):
        child, parent = random.sample(customers, 2)
        if child in standing and random.random() < 0.6:
            into, identity = standing.pop(child)
            teller.tell(ContactUnmerged(merge_id=identity, survivor_id=into), child)
        elif child not in standing:
            standing[child] = (parent, merge(teller, child, parent))
        spoke(teller, random.choice(customers))
    return {str(child): str(into) for child, (into, _) in standing.items()}


def expected(teller: Teller, edges: dict[str, str], customers: list[uuid.UUID]) -> dict[str, tuple[tuple[str, ...], int]]:
    folded = fold_all(entries(teller.told))
    roots: dict[str, list[str]] = {}
    for customer in map(str, customers):
        roots.setdefault(root_of(customer, edges), []).append(customer)
    found = {}
    for root, members in roots.items():
        documents = [(source, one.document) for (source, customer), one in folded.items() if customer in members]
        if documents:
            shown = view(compose(root, members, documents), now=None, calendars={})
            found[root] = ((root, *sorted(set(members) - {root})), shown["contact"]["interactions"])
    return found


async def test_any_order_of_arrival_ends_in_the_same_summaries(connection: asyncpg.Connection, project) -> None:
    teller, wanted = Teller(), {}
    for seed in range(40):
        random, before = Random(seed), len(teller.told)
        customers = [uuid.UUID(int=seed * 10 + n) for n in range(1, 7)]
        edges = random_history(random, teller, customers)
        here = replace(teller, told=teller.told[before:])
        await arrive(random, here, connection, project)
        wanted |= expected(here, edges, customers)
    await composed(connection)
    assert await summaries(connection) == wanted
    assert {customer for customer, (_, there) in (await feed(connection)).items() if there} == {uuid.UUID(root).int for root in wanted}


async def test_a_circle_of_edges_has_one_root_in_both_ways_of_asking(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    for child, parent in ((CAROL, ANN), (ANN, BOB), (BOB, CAROL)):
        merge(teller, child, parent)
    await project(teller.told)
    asked = await clusters.roots(connection, "b1", map(str, (ANN, BOB, CAROL)))
    assert set(asked.values()) == {str(ANN)}
    assert {root_of(str(one), {str(CAROL): str(ANN), str(ANN): str(BOB), str(BOB): str(CAROL)}) for one in (ANN, BOB, CAROL)} == {str(ANN)}
    assert await clusters.members(connection, "b1", [str(ANN)]) == {str(ANN): [str(ANN), str(BOB), str(CAROL)]}


async def test_a_cluster_of_the_past_has_the_edges_of_the_past(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    known(teller, ANN, BOB)
    identity = merge(teller, BOB, ANN)
    merged_at = teller.told[-1].recorded_at
    teller.tell(ContactUnmerged(merge_id=identity, survivor_id=ANN), BOB)
    await project(teller.told)
    ended_at = teller.told[-1].recorded_at

    async def then(as_of, known_at) -> tuple[str, list[str]]:
        return await clusters.cluster_then(connection, "b1", str(BOB), as_of=as_of, known_at=known_at)

    assert await then(merged_at, ended_at) == (str(ANN), [str(ANN), str(BOB)])
    assert await then(ended_at, merged_at) == (str(ANN), [str(ANN), str(BOB)])
    assert await then(ended_at, ended_at) == (str(BOB), [str(BOB)])
    assert await then(START, ended_at) == (str(BOB), [str(BOB)])


async def test_only_what_changed_is_told_and_each_time_with_the_next_version(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    known(teller, ANN, BOB)
    await project(teller.told)
    await composed(connection)
    assert await feed(connection) == {1: (1, True), 2: (1, True)}
    await connection.execute("update feed set pending = false")
    spoke(teller, BOB)
    await project(teller.told[-1:])
    await connection.execute("insert into requests (customer_id, cause) values ($1, 'sweep')", ANN)
    await composed(connection)
    assert await feed(connection) == {1: (1, True), 2: (2, True)}
    assert [row["customer_id"] for row in await connection.fetch("select customer_id from feed where pending")] == [BOB]
    assert await connection.fetchval("select count(*) from requests") == 0


async def test_a_composer_that_slept_writes_nothing_old_over_anything_new(connection: asyncpg.Connection, project, reporting: str) -> None:
    teller = Teller()
    known(teller, ANN)
    await project(teller.told)
    other = await asyncpg.connect(reporting)
    try:
        async with other.transaction():  # the first has taken the cursor and sleeps; more happens meanwhile
            await other.fetchval("select cursor from b1.composer for update")
            spoke(teller, ANN)
            await project(teller.told[-1:])
            second = asyncio.create_task(compose_next(connection, "b1"))
            while not await other.fetchval("select true from pg_locks where not granted limit 1"):
                await asyncio.sleep(0.01)
            assert await compose_next_in(other) == 2
        assert await second == 0
    finally:
        await other.close()
    assert (await summaries(connection))[str(ANN)][1] == 1


async def compose_next_in(connection: asyncpg.Connection) -> int:
    return await compose_next(connection, "b1")


async def test_an_erased_customer_is_shown_to_nobody(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    known(teller, ANN, BOB)
    merge(teller, BOB, ANN)
    await project(teller.told)
    await composed(connection)
    teller.tell(PrivacyErasureRequested(request_id=uuid.uuid4()), BOB)
    await project(teller.told[-1:])
    await composed(connection)
    row = await connection.fetchrow("select erased, view::text as view, type from b1.summary")
    assert tuple(row) == (True, "{}", None)
    assert (await feed(connection))[1] == (2, False)


async def told_of_two(connection: asyncpg.Connection, project, kafka: str) -> tuple[Teller, uuid.UUID, uuid.UUID, FeedPublisher]:
    """Two customers the feed was told of, and the publisher that did."""
    await declare(kafka, "reporting")
    teller, ann, bob = Teller(), uuid.uuid4(), uuid.uuid4()
    known(teller, ann, bob)
    await project(teller.told)
    await composed(connection)
    publisher = FeedPublisher(kafka, public_url="http://reporting.test")
    await publisher.start()
    assert await publisher.publish_next(connection, "b1") == 2
    return teller, ann, bob, publisher


async def test_the_feed_holds_the_newest_version_of_each_customer_and_tombstones(connection: asyncpg.Connection, project, kafka: str) -> None:
    teller, ann, bob, first = await told_of_two(connection, project, kafka)
    merge(teller, bob, ann)
    await project(teller.told[-1:])
    await composed(connection)
    second = FeedPublisher(kafka, public_url="http://reporting.test")
    await second.start()
    with pytest.raises(KafkaError):  # it was replaced: whatever it still holds must not get behind what is sent now
        await first.publish_next(connection, "b1")
    assert await second.publish_next(connection, "b1") == 2
    assert await second.publish_next(connection, "b1") == 0
    for publisher in (first, second):
        await publisher.close()
    held = await everything(kafka)
    assert held[str(bob)][1] is None
    headers, value = held[str(ann)]
    assert (headers["ce_type"], headers["ce_source"], headers["ce_sequence"]) == (b"customer.changed", b"/reporting", b"2")
    assert (value["version"], value["member_ids"]) == (2, [str(ann), str(bob)])
    assert "tenure_days" not in value["view"]["profile"]


async def test_everybody_is_told_again_when_the_feeds_topic_came_back_with_less(connection: asyncpg.Connection, project, kafka: str) -> None:
    _, ann, bob, publisher = await told_of_two(connection, project, kafka)
    await publisher.find_lost(connection)
    assert await publisher.publish_next(connection, "b1") == 0
    await connection.execute("update feed_reach set reach = reach + 1")  # as if one more record had been there
    await publisher.find_lost(connection)
    assert await publisher.publish_next(connection, "b1") == 2
    await publisher.find_lost(connection)
    assert await publisher.publish_next(connection, "b1") == 0
    await publisher.close()
    held = await everything(kafka)
    assert {str(ann), str(bob)} <= held.keys()


async def everything(kafka: str) -> dict[str, tuple[dict[str, bytes], dict | None]]:
    """What a reader of the whole feed holds at its end."""
    held = {}
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(FEED, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for messages in (await consumer.getmany(timeout_ms=200)).values():
                for message in messages:
                    held[message.key.decode()] = (dict(message.headers), message.value and orjson.loads(message.value))
    finally:
        await consumer.stop()
    return held
