"""Is every RFM digit the quintile that counting would give, and a fixed bound where there are few?"""

import uuid
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg
import pytest
from crm_reporting.kpis.asking import Asked, figure
from crm_reporting.kpis.catalogue import KPIS
from crm_reporting.rfm import FEWEST, Scores, fixed, scale_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_LINE = """
insert into b1.transaction_line (source, position, n, partition, event_id, customer_id, occurred_at, recorded_at, transaction_id, member_id, kind, line,
    channel, sku, category, quantity, list_amount, paid_amount, currency)
select 'loyalty', p, 1, 0, gen_random_uuid(), c, at, at, gen_random_uuid(), c, 'sale', 1, 'web', 's', 'k', 1, paid, paid, currency
from unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::text[]) t(p, c, at, paid, currency)
"""

Sales = list[tuple[uuid.UUID, datetime, int, str]]


async def told(connection: asyncpg.Connection, sales: Sales) -> None:
    columns = [list(column) for column in zip(*sales, strict=True)]
    await connection.execute(_LINE, list(range(1, len(sales) + 1)), *columns)


def population(random: Random, customers: int) -> Sales:
    """Few distinct days, counts and prices: many ties. Some buy in another currency too, a few in that alone, some not at all (price 0)."""
    sales: Sales = []
    for _ in range(customers):
        customer = uuid.UUID(int=random.getrandbits(128), version=4)
        for _ in range(random.choice([1, 1, 1, 2, 3, 7])):
            at = NOW - timedelta(days=random.choice([1, 5, 40, 100, 200, 500]))
            sales.append((customer, at, random.choice([0, 100, 100, 250, 900]), random.choices(["EUR", "IRR"], [9, 1])[0]))
    return sales


def counted(sales: Sales) -> dict[uuid.UUID, tuple[datetime, int, int | None]]:
    """By customer: last purchase, purchases, spend in EUR (None: never bought in it), by a plain loop."""
    found: dict[uuid.UUID, tuple[datetime, int, int | None]] = {}
    for customer, at, paid, currency in sales:
        if paid:
            last, times, spend = found.get(customer, (at, 0, None))
            found[customer] = max(last, at), times + 1, (spend or 0) + paid if currency == "EUR" else spend
    return found


def quintile(values: list[float], value: float) -> int:
    """1 + ⌊5 × those lower ÷ all⌋."""
    return 1 + 5 * sum(other < value for other in values) // len(values)


@pytest.mark.parametrize("seed", [1, 2])
async def test_digits_are_quintiles_by_rank_with_ties_together(connection: asyncpg.Connection, seed: int) -> None:
    sales = population(Random(seed), 700)
    await told(connection, sales)
    buyers = {customer: seen for customer, seen in counted(sales).items() if seen[2] is not None}
    assert len(buyers) >= FEWEST
    scale = await scale_of(connection, "b1", NOW, NOW)
    lasts, times, spends = ([float(seen[n].timestamp() if n == 0 else seen[n]) for seen in buyers.values()] for n in range(3))
    cells: dict[str, int] = {}
    for last, number, spend in buyers.values():
        cell = f"{quintile(lasts, last.timestamp())}{quintile(times, number)}{quintile(spends, spend)}"
        assert scale.score(last_at=last, purchases=number, spend=spend) == cell
        cells[cell] = cells.get(cell, 0) + 1
    answer = await figure(connection, "b1", Asked(KPIS["rfm"], NOW - timedelta(days=365), NOW, NOW))
    assert {group["key"]: group["value"] for group in answer["groups"]} == cells
    assert answer["value"] == len(counted(sales)), "who never bought in the main currency is a customer without a score"


async def test_below_five_hundred_bounds_are_fixed(connection: asyncpg.Connection) -> None:
    sales = population(Random(3), 60)
    await told(connection, sales)
    buyers = {customer: seen for customer, seen in counted(sales).items() if seen[2] is not None}
    mean = sum(seen[2] or 0 for seen in buyers.values()) / len(buyers)
    scale = await scale_of(connection, "b1", NOW, NOW)
    assert scale.currency == "EUR"
    cells: dict[str, int] = {}
    for last, number, spend in buyers.values():
        days, share = (NOW - last).days, (spend or 0) / mean
        digits = (
            5 if days <= 30 else 4 if days <= 90 else 3 if days <= 180 else 2 if days <= 365 else 1,
            5 if number >= 10 else 4 if number >= 5 else 3 if number >= 3 else 2 if number >= 2 else 1,
            5 if share >= 2 else 4 if share >= 1 else 3 if share >= 0.5 else 2 if share >= 0.25 else 1,
        )
        cell = "".join(map(str, digits))
        assert scale.score(last_at=last, purchases=number, spend=spend or 0) == cell
        cells[cell] = cells.get(cell, 0) + 1
    answer = await figure(connection, "b1", Asked(KPIS["rfm"], NOW - timedelta(days=365), NOW, NOW))
    assert {group["key"]: group["value"] for group in answer["groups"]} == cells


def test_a_bound_belongs_to_the_better_digit() -> None:
    scale = fixed(NOW, "EUR", 1000.0)
    assert scale.score(last_at=NOW - timedelta(days=30), purchases=10, spend=2000) == "555"
    assert scale.score(last_at=NOW - timedelta(days=30, milliseconds=1), purchases=9, spend=1999) == "444"
    assert scale.score(last_at=NOW - timedelta(days=90), purchases=5, spend=1000) == "444"
    assert scale.score(last_at=NOW - timedelta(days=91), purchases=4, spend=999) == "333"
    assert scale.score(last_at=NOW - timedelta(days=180), purchases=3, spend=500) == "333"
    assert scale.score(last_at=NOW - timedelta(days=181), purchases=2, spend=499) == "222"
    assert scale.score(last_at=NOW - timedelta(days=365), purchases=2, spend=250) == "222"
    assert scale.score(last_at=NOW - timedelta(days=366), purchases=1, spend=249) == "111"


async def test_who_bought_in_no_currency_that_counts_has_no_score(connection: asyncpg.Connection, reporting: str) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    at = NOW - timedelta(days=3)
    await told(connection, [(one, at, 100, "EUR"), (two, at, 100, "IRR"), (uuid.uuid4(), at, 100, "EUR")])
    async with asyncpg.create_pool(reporting, min_size=0, max_size=1) as pool:
        scores = Scores(pool)
        bought = {"count": 1, "last": at.isoformat()}
        assert await scores.of("b1", {"purchases": bought | {"paid": {"EUR": 100}}}, NOW, NOW) == "514"
        assert await scores.of("b1", {"purchases": bought | {"paid": {"IRR": 100}}}, NOW, NOW) is None
        assert await scores.of("b1", {}, NOW, NOW) is None
        await scores.close()


async def test_a_scale_of_the_past_knows_only_what_was_told_by_then(connection: asyncpg.Connection) -> None:
    await told(connection, [(uuid.uuid4(), NOW - timedelta(days=day), 100, "EUR") for day in range(1, 40)])
    assert (await scale_of(connection, "b1", NOW - timedelta(days=100), NOW)).currency is None
    assert (await scale_of(connection, "b1", NOW, NOW - timedelta(days=100))).currency is None
    assert (await scale_of(connection, "b1", NOW - timedelta(days=20), NOW)).currency == "EUR"
