"""Is an acknowledged command stored once, in order, and is everything else refused without a trace?"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest
from crm_events.deciding import Claim, Fact
from crm_events.language.contacts import NeedRecorded, NoteAdded, OwnerAssigned
from crm_events.refusals import AlreadyExists, Gone, KeptMoving, KeyReused, NotFound, Rejected, Taken, Unavailable, VersionConflict
from crm_events.sealing import is_sealed, unseal
from crm_events.store.append import Append, Appender, Part
from crm_events.store.metrics import StoreMetrics
from crm_events.store.store import EventStore, Target
from crm_events.store.verify import refold_stale, verify
from jars import JARS, PAST, Jar, JarEvent, command, evolve, note, opened
from prometheus_client import CollectorRegistry


async def positions(store: EventStore) -> list[int]:
    return [row["position"] for row in await store.pool.fetch("select position from events order by position")]


async def test_a_command_is_stored_as_events_and_answered_with_the_state(store: EventStore) -> None:
    jar, customer = uuid.uuid4(), uuid.uuid4()
    done = await store.handle(JARS, jar, command(occurred_at=PAST), note("راز"), key=customer)
    assert (done.part.version, done.part.state.notes, done.changed, done.replayed) == (1, 1, True, False)
    assert done.facts[0].occurred_at == PAST.replace(microsecond=123000), "the store keeps milliseconds"
    row = await store.pool.fetchrow("select * from events")
    assert "راز" not in row["payload"] and row["customer_id"] == customer and row["recorded_at"] == done.part.recorded_at
    text = done.first(NoteAdded).text
    assert is_sealed(text) and unseal(text, await store.vault.keys_for_reading([(await store.vault.keys_for_writing([customer]))[customer].id])) == "راز"
    assert await store.read(JARS, jar) == done.part


async def test_nothing_happens_before_what_a_stream_recorded_even_if_the_clock_was_set_back(store: EventStore) -> None:
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(), note())
    for table in ("streams", "events"):
        await store.pool.execute(f"update {table} set recorded_at = recorded_at + interval '1 hour'")
    ahead = (await store.read(JARS, jar)).recorded_at
    done = await store.handle(JARS, jar, command(), note())
    assert done.facts[0].occurred_at == done.part.recorded_at == ahead


async def test_the_same_command_is_done_once(store: EventStore) -> None:
    jar = uuid.uuid4()
    first = await store.handle(JARS, jar, command("a"), note())
    await store.handle(JARS, jar, command(), note("later"))
    again = await store.handle(JARS, uuid.uuid4(), command("a"), note("ignored"))
    assert again.replayed and again.part.stream_id == jar and again.part.version == 2
    assert [fact.event_id for fact in again.facts] == [fact.event_id for fact in first.facts] and again.token == first.token
    assert await positions(store) == [1, 2]


async def test_a_command_reads_no_more_rows_however_many_were_stored_before_it(url: str) -> None:
    waves, together = 30, 20
    connection = await asyncpg.connect(url)
    await connection.execute("vacuum analyze")

    async def told(name: str, store: EventStore) -> None:
        claimed = NeedRecorded(need_id=uuid.uuid4(), need=uuid.uuid4().hex)
        await store.handle(JARS, uuid.uuid4(), command(name), lambda _, now: [claimed, *note()(Jar(), now)])

    async with opened(url) as store:  # its plans are made while the tables are known to be empty, and stay
        for wave in range(waves):
            for _ in range(2):
                await asyncio.gather(*(told(f"{wave}.{number}", store) for number in range(together)))
    # The sessions that ended have told their figures.
    read = await connection.fetchval("select sum(idx_tup_read) from pg_stat_user_indexes")
    read += await connection.fetchval("select sum(seq_tup_read) from pg_stat_user_tables")
    await connection.close()
    assert 0 < read < waves * together * 20, read


async def test_a_key_sent_with_another_request_is_refused(store: EventStore) -> None:
    await store.handle(JARS, uuid.uuid4(), command("a"), note())
    with pytest.raises(KeyReused):
        await store.handle(JARS, uuid.uuid4(), replace(command("a"), fingerprint=b"other"), note())


async def test_a_refused_command_is_decided_anew_when_sent_again(store: EventStore) -> None:
    def refuse(jar: Jar, now: datetime) -> list[JarEvent]:
        raise Rejected("no", "Not now.")

    jar = uuid.uuid4()
    with pytest.raises(Rejected):
        await store.handle(JARS, jar, command("a"), refuse)
    assert (await store.handle(JARS, jar, command("a"), note())).part.version == 1


async def test_a_command_without_events_is_remembered_only_if_it_has_a_key(store: EventStore) -> None:
    for name, keyed in (("with a key", True), ("without", False)):
        done = await store.handle(JARS, uuid.uuid4(), command(name, keyed=keyed), lambda jar, now: [])
        assert not done.changed and done.part.version == 0
    assert await store.pool.fetchval("select array_agg(command_id) from commands") == [command("with a key").id]


@asynccontextmanager
async def appends_wait(url: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Nothing is appended inside the block until it ends; gives a way to wait until so many appends queue."""
    holder = await asyncpg.connect(url)
    await holder.execute("select pg_advisory_lock(7001)")

    async def queued(count: int) -> None:
        while await holder.fetchval("select count(*) from pg_locks where locktype = 'advisory' and not granted") < count:
            await asyncio.sleep(0)

    yield queued
    await holder.close()


async def test_one_command_sent_through_two_processes_is_stored_once(url: str, store: EventStore) -> None:
    async with opened(url) as other:
        async with appends_wait(url) as queued:
            sent = [asyncio.create_task(each.handle(JARS, uuid.uuid4(), command("a"), lambda jar, now: [])) for each in (store, other)]
            await queued(2)
        done = await asyncio.gather(*sent)
    assert sorted(each.replayed for each in done) == [False, True]


async def test_forty_commands_at_once_on_one_stream_all_count(store: EventStore) -> None:
    jar = uuid.uuid4()
    done = await asyncio.gather(*(store.handle(JARS, jar, command(), note()) for _ in range(40)))
    assert sorted(each.part.version for each in done) == list(range(1, 41))
    assert await positions(store) == list(range(1, 41))


async def test_two_processes_on_one_stream_lose_nothing(url: str, store: EventStore) -> None:
    jar = uuid.uuid4()
    async with opened(url) as other:
        done = await asyncio.gather(*(each.handle(JARS, jar, command(), note()) for _ in range(15) for each in (store, other)), return_exceptions=True)
        won = [each for each in done if not isinstance(each, Exception)]
        assert {type(each) for each in done if isinstance(each, Exception)} <= {KeptMoving}
        assert sorted(each.part.version for each in won) == list(range(1, len(won) + 1)) and len(won) >= 15
        assert (await store.read(JARS, jar)).version == len(won)
        assert (await verify(other)).differences == []


async def test_a_stale_if_match_is_refused_and_the_current_version_told(store: EventStore) -> None:
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(), note())
    answers = await asyncio.gather(*(store.handle(JARS, jar, command(if_match=1), note()) for _ in range(10)), return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert {answer.current for answer in answers if isinstance(answer, VersionConflict)} == {2}


async def test_a_claim_is_held_by_one_stream_however_many_ask(store: EventStore) -> None:
    decide = lambda jar, now: [NeedRecorded(need_id=uuid.uuid4(), need="tea")]  # noqa: E731
    answers = await asyncio.gather(*(store.handle(JARS, uuid.uuid4(), command(), decide) for _ in range(10)), return_exceptions=True)
    won = [answer for answer in answers if not isinstance(answer, Exception)]
    assert len(won) == 1 and await store.holders("need", "tea") == [won[0].part.stream_id]
    assert {answer.holder for answer in answers if isinstance(answer, Taken)} == {won[0].part.stream_id}
    assert b"tea" not in (await store.pool.fetchval("select hash from claims")), "only a keyed hash is kept"


async def test_a_command_over_two_streams_is_done_whole_or_not_at_all(store: EventStore) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    await store.handle(JARS, two, command(), lambda jar, now: [NeedRecorded(need_id=uuid.uuid4(), need="tea")])
    both = [Target(JARS, one), Target(JARS, two)]
    with pytest.raises(Taken):
        await store.handle_all(command(), both, lambda jars, now: [[NeedRecorded(need_id=uuid.uuid4(), need="tea")], [*note()(jars[1], now)]])
    assert (await store.read(JARS, one)).version == 0 and (await store.read(JARS, two)).version == 1
    done = await store.handle_all(command(), both, lambda jars, now: [note()(jars[0], now), note()(jars[1], now)])
    assert [part.version for part in done.parts] == [1, 2] and len({part.recorded_at for part in done.parts}) == 1
    assert await positions(store) == [1, 2, 3]


async def test_a_check_only_stream_must_stand_still(url: str, store: EventStore) -> None:
    watched, moved, asked = uuid.uuid4(), uuid.uuid4(), list[int]()
    await store.handle(JARS, watched, command(), note())

    def decide(jars: list[Jar], now: datetime) -> list[list[JarEvent]]:
        asked.append(jars[1].notes)
        return [note()(jars[0], now), []]

    async with opened(url) as other:
        async with appends_wait(url) as queued:
            first = asyncio.create_task(other.handle(JARS, watched, command(), note()))
            await queued(1)
            second = asyncio.create_task(store.handle_all(command(), [Target(JARS, moved), Target(JARS, watched)], decide))
            await queued(2)
        await asyncio.gather(first, second)
    assert asked == [1, 2], "loaded before the watched stream moved, so decided again"
    assert (await store.read(JARS, watched)).version == 2


async def test_what_was_due_comes_before_what_is_decided(store: EventStore) -> None:
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(occurred_at=PAST), lambda jar, now: [OwnerAssigned(agent_id="a")])
    early = await store.handle(JARS, jar, command(occurred_at=PAST + timedelta(minutes=30)), note())
    assert [type(fact.event) for fact in early.facts] == [NoteAdded], "a command of the past advances only to its own moment"
    assert early.part.state.needs == ("filed",), "shown as of now"
    done = await store.handle(JARS, jar, command(), note())
    assert [type(fact.event) for fact in done.facts] == [NeedRecorded, NoteAdded]
    assert done.facts[0].occurred_at == PAST.replace(microsecond=123000) + timedelta(hours=1)


async def test_a_customers_own_token_reaches_only_his_streams(store: EventStore) -> None:
    jar, customer, stranger = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    await store.handle(JARS, jar, command(), note(), key=customer)
    with pytest.raises(NotFound):
        await store.handle(JARS, jar, command(only_for={stranger}), note())
    assert (await store.handle(JARS, jar, command(only_for={customer}), note())).part.version == 2


async def test_an_id_in_use_for_something_else_is_told_so(url: str, store: EventStore) -> None:
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(), note())
    async with opened(url, replace(JARS, stream_type="crock")) as other:
        crocks = other.folds["crock"].aggregate
        assert (await other.read(crocks, jar)).version == 0
        with pytest.raises(AlreadyExists):
            await other.handle(crocks, jar, command(), note())


async def test_an_erased_customer_is_written_about_no_more(store: EventStore) -> None:
    jar = uuid.uuid4()
    done = await store.handle(JARS, jar, command(), note())
    await store.vault.destroy([jar, uuid.UUID(int=9)])
    with pytest.raises(Gone):
        await store.handle(JARS, jar, command(), note())
    with pytest.raises(Gone):
        await store.handle(JARS, uuid.UUID(int=9), command(), note())
    assert await store.vault.keys_for_reading([uuid.UUID(done.first(NoteAdded).text.split(".")[1])]) == {}


async def test_a_new_fold_refolds_what_an_old_one_wrote(url: str, store: EventStore) -> None:
    jars = [uuid.uuid4() for _ in range(3)]
    for jar in jars:
        await store.handle(JARS, jar, command(), note())

    def counting_twice(jar: Jar, fact: Fact[JarEvent]) -> Jar:
        return replace(evolve(jar, fact), notes=jar.notes + 2)

    async with opened(url, replace(JARS, evolve=counting_twice, revision=2)) as newer:
        assert (await newer.read(JARS, jars[0])).state.notes == 2
        assert (await newer.handle(JARS, jars[0], command(), note())).part.state.notes == 4
        assert await refold_stale(newer) == 2
        assert (await verify(newer)).differences == []
    assert "is not the fold" not in str((await verify(store)).differences)
    assert (await store.read(JARS, jars[0])).state.notes == 2, "the old program refolds the new one's row: correct during a rolling deploy"


async def test_verify_names_a_row_that_is_not_the_fold_of_its_events(store: EventStore) -> None:
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(), note())
    await store.pool.execute("update streams set state = jsonb_set(state, '{notes}', '5')")
    assert str(jar) in (await verify(store)).differences[0]


async def test_a_command_whose_connection_dies_in_mid_commit_is_stored_once(url: str, store: EventStore) -> None:
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(), note())
    async with appends_wait(url) as queued:
        waiting = asyncio.create_task(store.handle(JARS, jar, command("a"), note()))
        await queued(1)
        store._appender._connection.terminate()  # the client is gone; its backend still waits for the lock, and will commit
    assert (await waiting).part.version == 2
    assert await positions(store) == [1, 2]


async def test_a_restored_database_takes_no_writes(store: EventStore) -> None:
    await store.pool.execute("update store set timeline = '000000FF'")
    with pytest.raises(Unavailable):
        await store.handle(JARS, uuid.uuid4(), command(), note())
    assert await positions(store) == []


async def test_a_database_that_is_away_is_told_as_such(postgres: str) -> None:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect("postgresql://127.0.0.1:1/none")

    appender = Appender(connect, StoreMetrics(CollectorRegistry()))
    with pytest.raises(Unavailable) as told:
        await appender.append(Append(uuid.uuid4(), b"", [Part(uuid.uuid4(), "jar", 1, 1, uuid.uuid4(), 1, None)], [], []))
    assert not told.value.unknown


async def test_what_another_command_of_the_same_batch_lets_go_can_be_taken(url: str) -> None:
    def claims(_: Jar, event: NeedRecorded | OwnerAssigned) -> list[Claim]:
        return [Claim("need", event.need)] if isinstance(event, NeedRecorded) else [Claim("need", event.agent_id, take=False)]

    jar, other = uuid.uuid4(), uuid.uuid4()
    async with opened(url, replace(JARS, claims=claims)) as store:
        await store.handle(JARS, jar, command(), lambda j, now: [NeedRecorded(need_id=uuid.uuid4(), need="shelf")])
        await asyncio.gather(
            store.handle(JARS, jar, command(), lambda j, now: [OwnerAssigned(agent_id="shelf")]),
            store.handle(JARS, other, command(), lambda j, now: [NeedRecorded(need_id=uuid.uuid4(), need="shelf")]),
        )
        assert await store.holders("need", "shelf") == [other]
