"""Do the numbers about connections and keys say what is so at that moment?"""

import asyncio
import uuid

import asyncpg
import pytest
from crm_events.metrics import measure_pool
from crm_events.vault import SCHEMA, LocalVault
from prometheus_client import CollectorRegistry


async def test_a_pool_tells_how_many_are_lent_and_how_many_wait(database: str) -> None:
    registry = CollectorRegistry()

    def told(name: str) -> float | None:
        return registry.get_sample_value(name, {"pool": "one"})

    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        measure_pool(registry, "one", pool)
        assert (told("crm_pool_limit_connections"), told("crm_pool_connections"), told("crm_pool_waiting_requests")) == (1, 0, 0)
        async with pool.acquire():
            waiting = asyncio.create_task(pool.fetchval("select 1"))
            with pytest.raises(TimeoutError):
                await pool.acquire(timeout=0.01)
            assert (told("crm_pool_connections"), told("crm_pool_waiting_requests")) == (1, 1)  # who gave up waits no more
        assert await waiting == 1
        assert (told("crm_pool_connections"), told("crm_pool_waiting_requests")) == (0, 0)


async def test_the_vault_counts_round_trips_and_those_that_fail(database: str) -> None:
    registry = CollectorRegistry()
    async with asyncpg.create_pool(database, min_size=0, max_size=1) as pool:
        vault = LocalVault(pool, bytes(32), registry)
        with pytest.raises(asyncpg.UndefinedTableError):
            await vault.keys_for_writing([uuid.uuid4()])
        await pool.execute(SCHEMA)
        keys = await asyncio.gather(*(vault.keys_for_writing([uuid.uuid4()]) for _ in range(20)))
        await vault.keys_for_reading([key.id for found in keys for key in found.values()])
    assert registry.get_sample_value("crm_vault_errors_total", {"call": "writing"}) == 1
    assert registry.get_sample_value("crm_vault_errors_total", {"call": "reading"}) == 0
    assert registry.get_sample_value("crm_vault_duration_seconds_count", {"call": "writing"}) == 2  # twenty callers shared one trip
    assert registry.get_sample_value("crm_vault_duration_seconds_count", {"call": "reading"}) == 1
