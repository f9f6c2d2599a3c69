"""Leases on a real PostgreSQL: one holder at a time, by the database's clock."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from crm_events import lease


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[asyncpg.Connection, asyncpg.Connection]]:
    first, second = await asyncpg.connect(database), await asyncpg.connect(database)
    await first.execute(lease.LEASES)
    yield first, second
    await first.close()
    await second.close()


async def test_a_lease_has_one_holder_however_many_ask_at_once(two: tuple[asyncpg.Connection, asyncpg.Connection]) -> None:
    asked = await asyncio.gather(*(lease.acquire(connection, "timer", f"p{n}") for n, connection in enumerate(two)))
    assert sum(one is not None for one in asked) == 1
    assert await lease.acquire(two[0], "timer", "late") is None


async def test_a_lapsed_lease_is_taken_with_a_new_epoch_and_the_former_holder_knows(two: tuple[asyncpg.Connection, asyncpg.Connection]) -> None:
    frozen = await lease.acquire(two[0], "timer", "frozen", seconds=0)
    taken = await lease.acquire(two[1], "timer", "awake")
    assert frozen is not None
    assert taken is not None
    assert taken.epoch == frozen.epoch + 1
    assert not await lease.renew(two[0], frozen)
    assert not await lease.still_mine(two[0], frozen)
    assert await lease.still_mine(two[1], taken)


async def test_a_release_by_a_former_holder_changes_nothing(two: tuple[asyncpg.Connection, asyncpg.Connection]) -> None:
    frozen = await lease.acquire(two[0], "timer", "frozen", seconds=0)
    taken = await lease.acquire(two[1], "timer", "awake")
    assert frozen is not None
    assert taken is not None
    await lease.release(two[0], frozen)
    assert await lease.still_mine(two[1], taken)
    await lease.release(two[1], taken)
    assert await lease.acquire(two[0], "timer", "next") is not None


async def test_an_owner_whose_session_was_lost_takes_its_lease_back_at_once_and_others_wait(two: tuple[asyncpg.Connection, asyncpg.Connection]) -> None:
    lost = await lease.acquire(two[0], "timer", "first")
    assert lost is not None
    assert await lease.acquire(two[1], "timer", "second") is None
    again = await lease.acquire(two[1], "timer", "first")
    assert again is not None
    assert again.epoch == lost.epoch + 1
    assert not await lease.renew(two[0], lost)
    assert await lease.acquire(two[0], "timer", "second") is None


async def test_nobody_takes_over_between_the_question_and_the_commit(two: tuple[asyncpg.Connection, asyncpg.Connection]) -> None:
    held = await lease.acquire(two[0], "timer", "first", seconds=0.3)
    assert held is not None
    async with two[0].transaction():
        assert await lease.still_mine(two[0], held)
        await two[0].execute("select pg_sleep(0.4)")  # the lease runs out meanwhile
        other = asyncio.create_task(lease.acquire(two[1], "timer", "second"))
        done, _ = await asyncio.wait({other}, timeout=0.2)
        assert not done
    taken = await other
    assert taken is not None
    assert taken.epoch == held.epoch + 1


async def test_a_lease_of_a_clock_that_was_set_back_by_an_hour_keeps_nobody_waiting_for_an_hour(two: tuple[asyncpg.Connection, asyncpg.Connection]) -> None:
    ahead = await lease.acquire(two[0], "timer", "ahead")
    assert ahead is not None
    await two[0].execute("update leases set until = until + interval '1 hour'")
    taken = await lease.acquire(two[1], "timer", "now")
    assert taken is not None
    assert taken.epoch == ahead.epoch + 1
    assert not await lease.renew(two[0], ahead)
