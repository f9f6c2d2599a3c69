"""Is what time makes true written once, as of the moment it was due, and never before a history is filled in?"""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from crm_events.language.contacts import NeedRecorded, OwnerAssigned
from crm_events.store.timer import Timer
from jars import JARS, Jar, command, note, opened


async def due(store, minutes_ago: float) -> uuid.UUID:
    """A jar that became due so long ago, told as it happened."""
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(), lambda jar, now: [OwnerAssigned(agent_id="a")])
    await store.pool.execute("update events set occurred_at = occurred_at - $1::interval", timedelta(minutes=60 + minutes_ago))
    await store.pool.execute("update events set recorded_at = recorded_at - $1::interval", timedelta(minutes=60 + minutes_ago))
    await store.pool.execute("update streams set state_rev = 0")
    await store.read(JARS, jar)
    moment = await store.pool.fetchval("select occurred_at from events")
    await store.pool.execute(
        "update streams set state_rev = 1, state = state || jsonb_build_object('due', $1::text, 'due_at', $2::bigint)",
        (moment + timedelta(hours=1)).isoformat(), int((moment + timedelta(hours=1)).timestamp() * 1e6),
    )  # fmt: skip
    return jar


async def told(store, jar: uuid.UUID) -> list[tuple[str, str]]:
    return [(type(each.fact.event).__name__, each.actor) for each in await store.history(JARS, jar)]


async def test_what_is_due_is_written_once_as_of_its_moment(store) -> None:
    jar = await due(store, minutes_ago=3)
    looked = [await Timer(store).tick(), await Timer(store).tick()]
    assert looked == [1, 0]
    assert await told(store, jar) == [("OwnerAssigned", "agent:7"), ("NeedRecorded", "timer")]
    assigned, filed = await store.history(JARS, jar)
    assert filed.fact.occurred_at == assigned.fact.occurred_at + timedelta(hours=1)


async def test_a_late_timer_and_an_early_command_leave_the_same_history(store) -> None:
    late, early = await due(store, minutes_ago=3), uuid.uuid4()
    await store.handle(JARS, late, command(), note())
    assert [name for name, _ in await told(store, late)] == ["OwnerAssigned", "NeedRecorded", "NoteAdded"]
    assert (await store.read(JARS, early)).version == 0


async def test_a_stream_being_filled_from_the_past_is_left_alone(store) -> None:
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(occurred_at=datetime(2024, 1, 1, tzinfo=UTC)), lambda jar, now: [OwnerAssigned(agent_id="a")])
    assert await Timer(store).tick() == 0
    await store.pool.execute("update events set recorded_at = recorded_at - interval '16 minutes'")
    assert await Timer(store).tick() == 1
    assert (await told(store, jar))[-1] == ("NeedRecorded", "timer")


async def test_an_aggregate_that_stays_due_is_left_out_and_does_not_hold_up_others(url) -> None:
    def stubborn(jar: Jar, now: datetime):
        return [] if jar.notes else JARS.advance(jar, now)

    async with opened(url, replace(JARS, advance=stubborn)) as store:
        stuck = uuid.uuid4()
        await store.handle(JARS, stuck, command(), note())
        await store.pool.execute("update streams set state = state || jsonb_build_object('due', '2024-01-01T00:00:00Z', 'due_at', 1)")
        timer = Timer(store)
        assert [await timer.tick(), await timer.tick()] == [1, 0]
        assert store.metrics.advanced.labels("failed")._value.get() == 1


async def test_one_of_two_timers_leads_and_the_other_takes_over(store) -> None:
    first, second, stop_first, stop_second = Timer(store), Timer(store), asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(first.run(stop_first))
    async with asyncio.timeout(10):
        while not first.leads:
            await asyncio.sleep(0)
        other = asyncio.create_task(second.run(stop_second))
        jar = await due(store, minutes_ago=3)
        while len(await store.history(JARS, jar)) < 2:
            await asyncio.sleep(0)
        assert not second.leads
        stop_first.set()
        await running
        while not second.leads:
            await asyncio.sleep(0)
        stop_second.set()
        await other


@pytest.mark.parametrize("clock_is_ahead", [timedelta(hours=1)])
async def test_nothing_is_due_before_its_time(store, clock_is_ahead: timedelta) -> None:
    jar = uuid.uuid4()
    await store.handle(JARS, jar, command(), lambda jar, now: [OwnerAssigned(agent_id="a")])
    assert await Timer(store).tick() == 0
    done = await store.read(JARS, jar)
    assert done.state.due - clock_is_ahead <= done.recorded_at
    assert not any(isinstance(each.fact.event, NeedRecorded) for each in await store.history(JARS, jar))
