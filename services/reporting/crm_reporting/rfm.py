"""How does a customer's buying compare with everybody's? Recency, frequency, monetary value: a digit from 1 to 5 each (KPI 112).

Quintiles by rank: a value's digit is 1 + ⌊5 × (customers with a lower value) ÷ customers⌋, so ties get the same digit; for recency a later last purchase is
the higher value. Below 500 customers quintiles jump with every purchase, so fixed bounds hold: days since the last purchase, purchases, and spend as a multiple
of the mean customer's. Money counts in the one currency most customers buy in; who bought in others only has no monetary digit, and no score.
Source: Data Mining Techniques in CRM (what-when-how), and the glossary of datahubpro.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import structlog
from crm_events.lease import Connection

from crm_reporting.roots import ROOTS_AT

FEWEST = 500
FRESH = 300.0  # seconds until the live scale is made again, beside the reads: it moves with the whole population, not with one purchase
KEPT = 16  # scales of the past that stay in memory

log = structlog.get_logger(__name__)

_RECENT_DAYS = (365, 180, 90, 30)  # at most so many days: 2, 3, 4, 5
_PURCHASES = (2, 3, 5, 10)  # at least so many: 2, 3, 4, 5
_MEANS = (0.25, 0.5, 1.0, 2.0)  # at least so many times the mean: 2, 3, 4, 5

BUYERS = f"""
{ROOTS_AT},
bought as (
    select coalesce(r.root, p.customer_id) as root, p.currency, count(*) as purchases, max(p.occurred_at) as last_at, sum(p.paid_amount)::bigint as spend
    from {{build}}.purchase p left join root r on r.customer_id = p.customer_id
    where p.occurred_at <= $1 and p.recorded_at <= $2 group by 1, 2),
main as (select currency from bought group by currency order by count(*) desc, currency limit 1),
buyer as (
    select root, sum(purchases)::bigint as purchases, max(last_at) as last_at, sum(spend) filter (where currency = (select currency from main))::bigint as spend
    from bought group by root having bool_or(currency = (select currency from main)))
"""
_SCALE = f"""
with recursive {BUYERS},
ranked as (
    select count(*) over () as n, avg(spend) over () as mean, last_at, purchases, spend,
        5 * (rank() over (order by last_at) - 1) / count(*) over () as r, 5 * (rank() over (order by purchases) - 1) / count(*) over () as f,
        5 * (rank() over (order by spend) - 1) / count(*) over () as m
    from buyer),
bounds as (
    select 'recency' as what, r as digit, extract(epoch from min(last_at))::float8 as lowest from ranked group by r
    union all select 'frequency', f, min(purchases)::float8 from ranked group by f
    union all select 'monetary', m, min(spend)::float8 from ranked group by m)
select what, digit, lowest, (select max(n) from ranked) as n, (select max(mean)::float8 from ranked) as mean, (select currency from main) as currency
from bounds
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """What is compared with. Each of the three: (lowest value, digit) pairs, ascending."""

    at: datetime
    currency: str | None
    recency: tuple[tuple[float, int], ...] = ()
    frequency: tuple[tuple[float, int], ...] = ()
    monetary: tuple[tuple[float, int], ...] = ()

    def score(self, *, last_at: datetime, purchases: int, spend: int) -> str:
        """Three digits."""
        return "".join(
            str(_digit(bounds, value))
            for bounds, value in ((self.recency, last_at.timestamp()), (self.frequency, float(purchases)), (self.monetary, float(spend)))
        )


def _digit(bounds: Sequence[tuple[float, int]], value: float) -> int:
    place = bisect_right(bounds, (value, 5))
    return bounds[place - 1][1] if place else 1


def fixed(at: datetime, currency: str | None, mean: float) -> Scale:
    """The bounds for few customers."""
    days = tuple(((at - timedelta(days=most)).timestamp(), digit) for digit, most in enumerate(_RECENT_DAYS, 2))
    counts = tuple((float(least), digit) for digit, least in enumerate(_PURCHASES, 2))
    return Scale(at, currency, days, counts, tuple((times * mean, digit) for digit, times in enumerate(_MEANS, 2)))


async def scale_of(connection: "Connection | asyncpg.Pool", build: str, at: datetime, known_at: datetime) -> Scale:
    """The scale of everybody who had bought by `at`, of what was recorded by `known_at`; customers as merges stood then."""
    rows = await connection.fetch(_SCALE.format(build=build), at, known_at)
    if not rows:
        return Scale(at, None)
    if rows[0]["n"] < FEWEST:
        return fixed(at, rows[0]["currency"], rows[0]["mean"])
    bounds: dict[str, list[tuple[float, int]]] = {"recency": [], "frequency": [], "monetary": []}
    for row in rows:
        bounds[row["what"]].append((row["lowest"], row["digit"] + 1))
    return Scale(at, rows[0]["currency"], *(tuple(sorted(bounds[what])) for what in ("recency", "frequency", "monetary")))


def _noted(made: "asyncio.Task[Scale]") -> None:
    if not made.cancelled() and (error := made.exception()):
        log.warning("the rfm scale could not be made again", error=type(error).__name__)


class Scores:
    """Scales by build, kept in memory: of now for some minutes, of the past for as long as there is room."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._live: dict[str, tuple[float, Scale]] = {}
        self._past: dict[tuple[str, datetime, datetime], Scale] = {}
        self._lock = asyncio.Lock()
        self._renewing: asyncio.Task[Scale] | None = None

    async def close(self) -> None:
        """Make no scale any more."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)

    async def of(self, build: str, loyalty: Mapping[str, Any], at: datetime, known_at: datetime) -> str | None:
        """The score of a customer by the sum of their documents; None without a purchase in the currency that counts."""
        bought = loyalty.get("purchases", {})
        if not bought.get("count"):
            return None
        scale = await (self._now(build, at) if at == known_at and time.time() - at.timestamp() < FRESH else self._then(build, at, known_at))
        spend = bought.get("paid", {}).get(scale.currency)
        return None if spend is None else scale.score(last_at=datetime.fromisoformat(bought["last"]), purchases=bought["count"], spend=spend)

    async def _now(self, build: str, at: datetime) -> Scale:
        """Only the first read of a build waits for its scale."""
        made, scale = self._live.get(build, (0.0, None))
        if scale is None:
            async with self._lock:
                made, scale = self._live.get(build, (0.0, None))
                return scale or await self._make(build, at)
        if time.monotonic() - made > FRESH and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.create_task(self._make(build, at))
            self._renewing.add_done_callback(_noted)
        return scale

    async def _make(self, build: str, at: datetime) -> Scale:
        scale = await scale_of(self._pool, build, at, at)
        self._live = {build: (time.monotonic(), scale)}
        return scale

    async def _then(self, build: str, at: datetime, known_at: datetime) -> Scale:
        key = (build, at, known_at)
        if key not in self._past:
            self._past[key] = await scale_of(self._pool, build, at, known_at)
            if len(self._past) > KEPT:
                del self._past[next(iter(self._past))]
        return self._past[key]
