"""What one service knows of another's customers: edges and erasures, in whatever order and however often they come."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from crm_events.consumer import Tempo
from crm_events.consuming import offsets
from crm_events.consuming.record import Record
from crm_events.follower import EDGES, CustomerEdges, cluster, erased


@pytest.fixture
async def ours(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await offsets.ensure(connection)
    await connection.execute(EDGES)
    yield connection
    await connection.close()


async def edge(ours: asyncpg.Connection, child: UUID, parent: UUID | None, position: int = 1) -> None:
    await ours.execute("insert into customer_edge (customer_id, merged_into, position) values ($1, $2, $3)", child, parent, position)


async def test_a_customer_never_merged_is_a_cluster_of_its_own(ours: asyncpg.Connection) -> None:
    alone = uuid4()
    assert await cluster(ours, alone) == [alone]


async def test_any_member_finds_the_whole_tree_with_the_root_first(ours: asyncpg.Connection) -> None:
    root, left, right, leaf = (uuid4() for _ in range(4))
    await edge(ours, left, root)
    await edge(ours, right, root)
    await edge(ours, leaf, left)
    await edge(ours, uuid4(), uuid4())
    for member in (root, left, right, leaf):
        found = await cluster(ours, member)
        assert found[0] == root
        assert sorted(found) == sorted([root, left, right, leaf])


async def test_edges_that_show_a_cycle_for_a_while_still_give_one_root_to_all(ours: asyncpg.Connection) -> None:
    a, b, c, outside = sorted(uuid4() for _ in range(4))
    await edge(ours, a, b)
    await edge(ours, b, c)
    await edge(ours, c, a)
    await edge(ours, outside, b)
    for member in (a, b, c, outside):
        assert await cluster(ours, member) == [a, b, c, outside]


async def test_a_long_chain_is_walked_to_its_end(ours: asyncpg.Connection) -> None:
    ids = [uuid4() for _ in range(40)]
    for child, parent in pairwise(ids):
        await edge(ours, child, parent)
    assert (await cluster(ours, ids[0]))[0] == ids[-1]
    assert len(await cluster(ours, ids[20])) == 40


def contact_event(kind: str, key: UUID, position: int, value: bytes = b"{}") -> Record:
    return Record("contacts", "t", 0, position, 0, position, position - 1, {"ce_type": kind.encode(), "ce_partitionkey": str(key).encode()}, value)


async def test_a_replay_of_older_events_changes_nothing(ours: asyncpg.Connection) -> None:
    child, parent = uuid4(), uuid4()
    merged = contact_event("contact.merged", child, 3, b'{"survivor_id":"%s"}' % str(parent).encode())
    unmerged = contact_event("contact.unmerged", child, 7)
    forgotten = contact_event("privacy.erasure_requested", child, 9)
    follower = CustomerEdges({"t": "contacts"}, group="g", bootstrap_servers="", connect=lambda: asyncpg.connect())
    await follower._apply(ours, [merged])
    assert await cluster(ours, child) == [parent, child]
    await follower._apply(ours, [unmerged])
    await follower._apply(ours, [merged])
    assert await cluster(ours, child) == [child]
    await follower._apply(ours, [forgotten])
    await follower._apply(ours, [merged, unmerged])
    assert await cluster(ours, child) == [child]
    assert await erased(ours, [child, parent]) == {child}


async def test_the_follower_keeps_the_edges_from_the_topic_and_hands_further_types_on(ours: asyncpg.Connection, database: str, log: Any, tools: Any) -> None:
    seen: list[str] = []

    async def note(connection: Any, record: Record) -> None:
        seen.append(record.type)

    parent = uuid4()
    (merged,) = await log.fill(1, partitions=[4], type="contact.merged", payload=b'{"survivor_id":"%s"}' % str(parent).encode())
    await log.fill(12, type="interaction.recorded")
    (forgotten,) = await log.fill(1, partitions=[7], type="privacy.erasure_requested")
    await log.fill(1, partitions=[7], type="points.earned")
    follower = CustomerEdges(
        {log.topic: "contacts"}, more={"points.earned": note, "contact.merged": note}, group=log.topic, bootstrap_servers=log.bootstrap,
        connect=lambda: asyncpg.connect(database), share=False, tempo=Tempo(poll=0.05),
    )  # fmt: skip
    async with tools.running(follower.run):
        await tools.eventually(lambda: len(seen) == 2)
        await tools.eventually(lambda: sum(one.next for one in follower.status()) == 15)
    assert sorted(seen) == ["contact.merged", "points.earned"]
    assert await cluster(ours, merged.key) == [parent, merged.key]
    assert await erased(ours, [merged.key, forgotten.key]) == {forgotten.key}
