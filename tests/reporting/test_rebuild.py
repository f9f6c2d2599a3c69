"""Is a build that was made again from the journal the same, and does nobody notice the switch?"""

import asyncio
import os
import signal
import sys
import uuid
from contextlib import suppress
from datetime import timedelta

import asyncpg
import pytest
from crm_events.language.contacts import ContactRegistered
from crm_reporting import builds, rebuild, rebuilding
from crm_reporting.comparing import compare
from crm_reporting.composer import compose_next
from crm_reporting.facts import TABLES
from crm_reporting.following import follow
from crm_reporting.journal import Gap
from crm_reporting.parking import parked
from crm_reporting.rebuilding import rebuild as make_again
from crm_reporting.sharing import Helpers
from crm_reporting.switching import retire_old, switch
from histories import history
from telling import Teller


async def composed(connection: asyncpg.Connection, build: str = "b1") -> None:
    while await compose_next(connection, build):
        pass


async def state(connection: asyncpg.Connection) -> dict[str, str]:
    return {row["build"]: row["state"] for row in await connection.fetch("select build, state from builds")}


async def count(connection: asyncpg.Connection, what: str) -> int:
    return await connection.fetchval(f"select count(*) from {what}")


async def same_rows(connection: asyncpg.Connection, one: str, other: str, tables: tuple[str, ...]) -> None:
    for table in tables:
        columns = "customer_id, digest" if table in ("document", "summary") else "*"
        for first, second in ((one, other), (other, one)):
            assert await count(connection, f"(select {columns} from {first}.{table} except select {columns} from {second}.{table}) x") == 0, table


async def test_a_rebuilt_build_has_the_same_documents_facts_and_summaries(connection, project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "CHUNK", 5)
    teller = history(21, customers=25)
    await project(teller.told)
    await composed(connection)
    done = await make_again(connection)
    assert (done.build, done.switched, done.was_active) == ("b2", True, "b1")
    assert done.compared
    assert done.compared.equal
    assert done.compared.documents == await count(connection, "b1.document") > 25
    await same_rows(connection, "b1", "b2", ("document", "summary", "member", *TABLES))
    assert await state(connection) == {"b1": "draining", "b2": "active"}


async def test_the_feed_is_told_only_of_what_differs(connection: asyncpg.Connection, project) -> None:
    teller = history(22, customers=6)
    await project(teller.told)
    await composed(connection)
    changed = await connection.fetchval("select customer_id from feed order by 1 limit 1")
    gone = uuid.uuid4()
    await connection.execute("update feed set pending = false, digest = case when customer_id = $1 then 'another' else digest end", changed)
    await connection.execute("insert into feed values ($1, 7, 'x', now(), false)", gone)  # the old definition showed one more customer
    await make_again(connection)
    rows = await connection.fetch("select customer_id, version, digest is null as gone from feed where pending order by 3")
    assert [tuple(row) for row in rows] == [(changed, 2, False), (gone, 8, True)]


async def test_writes_and_reads_go_on_through_a_rebuild(connection: asyncpg.Connection, project, reporting: str) -> None:
    teller = history(23, customers=20)
    half = len(teller.told) // 2
    await project(teller.told[:half])
    other, reader = await asyncpg.connect(reporting), await asyncpg.connect(reporting)
    failed_reads = []
    rebuilt = asyncio.create_task(make_again(other))

    async def read() -> None:
        while not rebuilt.done():
            active = await builds.active(reader)
            found = await reader.fetchval(f"select count(*) from {active.name}.document") if active else 0
            failed_reads.extend([active] if not found else [])

    reading = asyncio.create_task(read())
    written = half
    while written < len(teller.told):  # until the switch, to b1; then as a projector does: read which build is active, and go on there
        with suppress(builds.NoBuild, Exception):
            project.projector.build = (await builds.ensure_first(connection)).name
            await project(teller.told[written : written + 7])
            written += 7
    done = await rebuilt
    await reading
    project.projector.build = done.build
    assert failed_reads == []
    assert await count(connection, "journal") == len(teller.told)
    await follow(connection, "b1")
    while await follow(connection, "b1"):
        pass
    assert (await compare(connection, "b2", "b1")).equal
    await other.close()
    await reader.close()


async def test_a_rebuild_that_was_killed_goes_on_where_it_stopped(connection: asyncpg.Connection, project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "EVENTS_A_RANGE", 60)
    teller = history(24, customers=20)
    await project(teller.told)
    begun = await rebuild.begin(connection)
    ranges = await connection.fetch("select n, low, high from rebuild_range order by n")
    assert len(ranges) > 3
    for row in ranges[:2]:
        async with connection.transaction():
            documents, facts = await rebuild._fold_range(connection, begun.name, row["low"], row["high"], begun_target := await count(connection, "journal"))
            await connection.execute(rebuild._FOLDED, begun.name, row["n"], documents, facts)
    assert begun_target == len(teller.told)
    done = await make_again(connection)
    assert done.build == begun.name
    assert done.compared
    assert done.compared.equal
    assert await count(connection, "rebuild_range where done_at is null") == 0


def helping() -> bool:
    return os.environ["ASKED_BY"] != str(os.getpid())


async def fold_where_helpers_die(connection: asyncpg.Connection, build: str) -> None:
    """A helper is killed amid its first range; whoever asked begins when that was so."""

    async def die(connection: asyncpg.Connection, *_: object) -> None:
        await connection.execute("select nextval('began')")  # which no rollback takes back
        os.kill(os.getpid(), signal.SIGKILL)

    if helping():
        rebuild._fold_range = die
    else:
        await until(connection, "began where is_called")
    await rebuild.fold_ranges(connection, build)


async def fold_with_helpers(connection: asyncpg.Connection, build: str) -> None:
    """Whoever asked begins when a helper has a range done."""
    if not helping():
        await until(connection, "rebuild_range where done_at is not null")
    await rebuild.fold_ranges(connection, build)


async def until(connection: asyncpg.Connection, what: str) -> None:
    async with asyncio.timeout(30):
        while await count(connection, what) == 0:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("fold", [fold_with_helpers, fold_where_helpers_die])
async def test_processes_share_a_rebuild_and_one_that_dies_costs_nothing(connection: asyncpg.Connection, project, reporting: str, monkeypatch, fold) -> None:
    monkeypatch.setattr(rebuild, "EVENTS_A_RANGE", 60)
    monkeypatch.setattr(rebuilding, "fold_ranges", fold)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("ASKED_BY", str(os.getpid()))
    await connection.execute("create sequence began")
    await project(history(21, customers=25).told)
    await composed(connection)
    done = await make_again(connection, helpers=Helpers(reporting, 2, "critical"))
    assert done.switched
    assert done.compared
    assert done.compared.equal
    assert await count(connection, "rebuild_range where done_at is null or composed_at is null") == 0
    await same_rows(connection, "b1", "b2", ("document", "summary", "member", *TABLES))


async def test_who_is_merged_in_a_circle_or_into_nobody_known_is_composed(connection: asyncpg.Connection, project) -> None:
    teller = Teller()
    ids = [uuid.uuid4() for _ in range(3)]
    for one in ids:
        teller.tell(ContactRegistered(kind="person", contact_type="internal", roles=()), one)
    await project(teller.told)
    into = [ids[1], ids[0], uuid.uuid4()]  # as edges of different partitions may show it for a while
    await connection.executemany("update b1.document set merged_into = $2 where customer_id = $1", list(zip(ids, into, strict=True)))
    await connection.execute("insert into rebuild_range (build, n, low) values ('b1', 1, '00000000-0000-0000-0000-000000000000')")
    await rebuild.compose_ranges(connection, "b1")
    assert await count(connection, "b1.summary") == 0
    await rebuild.compose_rootless(connection, "b1")
    rows = await connection.fetch("select customer_id, member_ids from b1.summary")
    assert {row["customer_id"]: set(row["member_ids"]) for row in rows} == {min(ids[:2]): set(ids[:2]), into[2]: {ids[2], into[2]}}


async def test_a_build_that_differs_at_an_unchanged_definition_is_refused(connection: asyncpg.Connection, project) -> None:
    await project(history(25, customers=4).told)
    await connection.execute("update b1.document set digest = 'broken' where ctid = (select ctid from b1.document limit 1)")
    await connection.execute("delete from b1.stage_entry where position = (select min(position) from b1.stage_entry)")
    done = await make_again(connection)
    assert not done.switched
    assert done.compared
    assert done.compared.differ == 1
    assert done.compared.facts_differ == ("stage_entry",)
    assert await state(connection) == {"b1": "active", "b2": "refused"}
    assert "stage_entry" in await connection.fetchval("select reason from builds where build = 'b2'")


async def test_an_event_told_between_comparison_and_switch_is_in_the_new_build(connection: asyncpg.Connection, project) -> None:
    teller, ann = history(26, customers=3), uuid.uuid4()
    await project(teller.told)
    done = await make_again(connection, and_switch=False)
    assert await state(connection) == {"b1": "active", "b2": "ready"}
    teller.tell(ContactRegistered(kind="person", contact_type="internal", roles=()), ann)
    await project(teller.told[-1:])
    assert await switch(connection, done.build) == "b1"
    assert await count(connection, f"b2.document where customer_id = '{ann}'") == 1
    assert await count(connection, f"b2.summary where customer_id = '{ann}'") == 1


async def test_going_back_is_the_same_switch(connection: asyncpg.Connection, project) -> None:
    teller, ann = history(27, customers=3), uuid.uuid4()
    await project(teller.told)
    await make_again(connection)
    project.projector.build = "b2"
    teller.tell(ContactRegistered(kind="person", contact_type="internal", roles=()), ann)
    await project(teller.told[-1:])
    assert await switch(connection, "b1") == "b2"
    assert await state(connection) == {"b1": "active", "b2": "draining"}
    await same_rows(connection, "b1", "b2", ("document", *TABLES))


async def test_what_a_fold_cannot_take_is_parked_again_and_its_facts_are_there(connection: asyncpg.Connection, project) -> None:
    teller, ann = Teller(), uuid.uuid4()
    teller.tell(ContactRegistered(kind="person", contact_type="internal", roles=()), ann)
    teller.record("contact.cloned", b"{}", ann, source="contacts")
    await project(teller.told)
    done = await make_again(connection)
    assert done.switched
    assert [(mark.customer_id, mark.position) for mark in await parked(connection, "b2")] == [(str(ann), 2)]
    assert await count(connection, "b2.stage_entry") == 1


async def test_following_stops_at_a_missing_id(connection: asyncpg.Connection, project) -> None:
    await project(history(28).told)
    await make_again(connection, and_switch=False)
    await connection.execute("update journal set id = id + 1000 where id = (select max(id) from journal)")
    await connection.execute("update builds set followed = followed - 1 where build = 'b2'")
    with pytest.raises(Gap):
        await follow(connection, "b2")


async def test_a_build_is_kept_a_day_and_then_dropped(connection: asyncpg.Connection, project) -> None:
    await project(history(29).told)
    await make_again(connection)
    assert await retire_old(connection) == []
    assert await retire_old(connection, kept=timedelta()) == ["b1"]
    assert await state(connection) == {"b1": "retired", "b2": "active"}
    assert await connection.fetchval("select count(*) from pg_namespace where nspname = 'b1'") == 0


async def test_code_of_another_definition_does_not_touch_the_active_build(connection: asyncpg.Connection) -> None:
    await connection.execute("update builds set definition = 'older'")
    with pytest.raises(builds.NoBuild, match="reporting rebuild"):
        await builds.ensure_first(connection)
    assert await builds.mine(connection) is None
