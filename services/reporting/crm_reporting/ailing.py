"""What ails the read model just now: a paused source, a partition that stands still, parked customers, a composer that does not keep up?"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
from crm_chassis.health import Health

from crm_reporting.projector_process import GROUP
from crm_reporting.reading import Reader

MANY = 100  # parked customers from which on readiness tells: it is the code then, not the customers
LATE = 30.0  # seconds an event may wait for any of our processes before an operator is told
BELIEVED = 1.0  # seconds one look serves all checks

_LOOK = """
select array(select source from paused order by source) as paused,
    array(select source || '/' || partition from offsets where consumer = $1 and broken is not null order by source, partition) as broken,
    (select count(*) from {build}.parked) as parked,
    greatest(coalesce((select max(id) from journal), 0) - c.cursor, 0) as composer_behind,
    coalesce((select extract(epoch from clock_timestamp() - applied_at)::float8 from journal where id = c.cursor + 1), 0) as composer_age
from {build}.composer c
"""


@dataclass(frozen=True, slots=True)
class Ailments:
    """`paused`: sources; `broken`: partitions that stand still, as `contacts/3`; `parked`: customers; `composer_age`: seconds its oldest event has waited."""

    paused: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    parked: int = 0
    composer_behind: int = 0
    composer_age: float = 0.0


async def ailments(pool: asyncpg.Pool, build: str) -> Ailments:
    """One look."""
    row = await pool.fetchrow(_LOOK.format(build=build), GROUP)
    return Ailments(tuple(row["paused"]), tuple(row["broken"]), row["parked"], row["composer_behind"], row["composer_age"]) if row else Ailments()


_CHECKS: dict[str, Callable[[Ailments], str | None]] = {
    "paused": lambda now: f"{', '.join(now.paused)}: an operator paused the projection" if now.paused else None,
    "partitions": lambda now: f"{len(now.broken)} partitions stand still: {', '.join(now.broken[:5])}" if now.broken else None,
    "parked": lambda now: f"the events of {now.parked} customers wait for an operator" if now.parked > MANY else None,
    "composer": lambda now: f"{now.composer_behind} events are not composed, the oldest for {now.composer_age:.0f} s" if now.composer_age > LATE else None,
}


class Looker:
    """Looks once for all checks of a readiness page. None of them makes the service unready: what it reads is old in part, and says so."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._lock = reader, asyncio.Lock()
        self._seen: tuple[float, Ailments] | None = None

    def add_to(self, health: Health) -> None:
        """Add the checks, each by its name."""
        for name, reason in _CHECKS.items():
            health.add(name, lambda reason=reason: self._asked(reason), required=False)  # type: ignore[misc]

    async def _asked(self, reason: Callable[[Ailments], str | None]) -> str | None:
        async with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > BELIEVED:
                self._seen = time.monotonic(), await ailments(self._reader.pool, await self._reader.build())
            return reason(self._seen[1])
