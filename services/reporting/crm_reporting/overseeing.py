"""Is anything parked, lost, or being made again? The database is asked every few seconds, whoever wrote it; and once a day the places are compared."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import orjson
import structlog
from crm_events.lease import acquire, owner_name, release
from crm_events.topics import SOURCES
from prometheus_client import CollectorRegistry

from crm_reporting import builds
from crm_reporting.metrics import COMPARED, DIFFERENCE, PARKED, REBUILD
from crm_reporting.own_process import OwnProcesses

LOOK = 5.0  # seconds
FIRST = 900.0  # seconds a process leaves the others alone that start with it; not as long as between two comparisons, for it may never live so long
AGAIN = 3600.0  # seconds after a comparison that did not come to an end
LEASE = 3600.0  # seconds one replica may take for it

_PARKED = "select source, count(*) as n from {build}.parked group by source"
_BUILDING = """
select count(r.n) filter (where r.done_at is not null)::float8 / greatest(count(r.n), 1) as done
from builds b left join rebuild_range r on r.build = b.build where b.state = 'building' group by b.build order by b.build desc limit 1
"""
_LAST = """
select extract(epoch from at)::float8 as at, extract(epoch from clock_timestamp() - at)::float8 as age, report
from reconciliation order by id desc limit 1
"""
_DIFFERENT = ("missing_in_topic", "missing", "doubled", "strange")

log = structlog.get_logger(__name__)


class Overseer:
    """`hours` between two comparisons, 0 = only when somebody asks. Any number of replicas may run one: they tell the same, and one of them compares."""

    def __init__(self, pool: asyncpg.Pool, processes: OwnProcesses, registry: CollectorRegistry, *, hours: float) -> None:
        self._pool, self._processes, self._hours = pool, processes, hours
        self._parked, self._difference, self._compared, self._rebuild = (metric.on(registry) for metric in (PARKED, DIFFERENCE, COMPARED, REBUILD))
        self._owner, self._not_before = owner_name(), time.monotonic() + min(FIRST, hours * 3600)
        self._rebuild.set(1)

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop`."""
        while not stop.is_set():
            try:
                age = await self.look()
                if self._hours and time.monotonic() > self._not_before and (age is None or age > self._hours * 3600):
                    self._not_before = time.monotonic() + AGAIN
                    await self._compare()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("the read model cannot be looked at", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK)

    async def look(self) -> float | None:
        """Tell the metrics how things stand; seconds since the last comparison, None if there was none."""
        async with self._pool.acquire(timeout=LOOK) as connection:
            active = await builds.active(connection)
            marks = {row["source"]: row["n"] for row in await connection.fetch(_PARKED.format(build=active.name))} if active else {}
            done = await connection.fetchval(_BUILDING)
            last = await connection.fetchrow(_LAST)
        for source in SOURCES:
            self._parked.labels(source).set(marks.get(source, 0))
        self._rebuild.set(1 if done is None else done)
        if last is None:
            return None
        for one in orjson.loads(last["report"]):
            self._difference.labels(one["source"]).set(difference(one))
            self._compared.labels(one["source"]).set(last["at"])
        age: float = last["age"]
        return age

    async def _compare(self) -> None:
        async with self._pool.acquire(timeout=LOOK) as connection:
            lease = await acquire(connection, "reconcile", self._owner, seconds=LEASE)
        if lease is None:
            return
        try:
            await self._processes.start("reconcile", "reconcile")
        finally:
            async with self._pool.acquire(timeout=LOOK) as connection:
                await release(connection, lease)


def difference(one: Mapping[str, Any]) -> int:
    """How many events of one source are not where they belong; at least 1 where the places differ (of each kind a thousand are named at most)."""
    named = sum(len(one[kind]) for kind in _DIFFERENT)
    places = [one[place]["events"] for place in ("store", "topic", "journal") if one[place]]
    return 0 if one["equal"] else max(named, max(places) - min(places), 1)
