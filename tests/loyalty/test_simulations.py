"""Does a simulation say exactly what the real thing then does, and leave no trace of having been asked?"""

import asyncio
import random
from typing import Any

import pytest
from crm_events.store.store import EventStore
from loyalty_client import RULE, Till, ok

GREEN = RULE | {"id": "سبز", "when": {"categories": ["چای"]}, "multiplier": "2", "stop": True}
GOLDEN = RULE | {"id": "طلایی", "when": {"tiers": ["gold"]}}
DEAR = RULE | {"id": "گران", "when": {"min_amount": 100_000}, "basis": "order"}


def goods(*lines: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [{"sku": f"s{n}", "category": kind, "quantity": many, "list_price": price, "paid_price": price} for n, (kind, many, price) in enumerate(lines)]


async def told(store: EventStore) -> int:
    return int(await store.pool.fetchval("select count(*) from events"))


@pytest.mark.parametrize("seed", range(3))
async def test_what_a_basket_would_earn_is_what_it_then_earns(till: Till, store: EventStore, seed: int) -> None:
    chance = random.Random(seed)
    member = await till.member(programme=await till.programme(earning=[GREEN, GOLDEN, DEAR, RULE], pending_days=3))
    where = f"/v1/members/{member['id']}"
    for _ in range(6):
        lines = goods(*((chance.choice(["چای", "کتری", "قند"]), chance.randint(1, 3), chance.randint(50, 60_000)) for _ in range(chance.randint(1, 4))))
        before = await told(store)
        asked = ok(await till.post(f"{where}/simulations", {"channel": "web", "lines": lines}))
        assert await told(store) == before and ok(await till.get(where))["tier"] == asked["tier"], "asking changes nothing"
        done = ok(await till.post(f"{where}/transactions", {"channel": "web", "lines": lines, "document": str(chance.random())}), 201)
        assert (done["points"], done["trace"]) == (asked["points"], asked["trace"])
        assert ok(await till.get(where))["tier"] == asked["tier_after"]
        assert sum(lot["points"] for lot in asked["lots"]) == asked["points"] and [entry["rule"] for entry in asked["trace"]] == [
            "سبز", "طلایی", "گران", "base"
        ]  # fmt: skip


async def test_every_rule_that_would_not_fire_says_why(till: Till) -> None:
    member = await till.member(programme=await till.programme(earning=[GREEN, GOLDEN, DEAR, RULE]))
    asked = ok(await till.post(f"/v1/members/{member['id']}/simulations", {"channel": "web", "lines": goods(("چای", 1, 1000))}))
    assert [(entry["fired"], entry["points"]) for entry in asked["trace"]] == [(True, 20), (False, 0), (False, 0), (False, 0)]
    assert [entry["why"] for entry in asked["trace"][1:]] == ["It is for other tiers.", *["A rule before it stopped at its lines."] * 2]


async def test_what_is_owed_would_be_repaid_first(till: Till) -> None:
    member = await till.member()
    ok(await till.post(f"/v1/members/{member['id']}/adjustments", {"points": -30, "reason": "correction"}))
    asked = ok(await till.post(f"/v1/members/{member['id']}/simulations", {"channel": "web", "lines": goods(("چای", 1, 10_000))}))
    assert (asked["points"], asked["debt_repaid"], (await till.points(member))["debt"]) == (100, 30, 30)


async def test_a_history_under_its_own_version_gives_what_it_gave_and_under_another_what_that_would_have(till: Till, store: EventStore) -> None:
    chance = random.Random(5)
    programme = await till.programme(earning=[GOLDEN, RULE])
    other = await till.programme(earning=[RULE | {"multiplier": "3"}])
    member = await till.member(programme=programme, occurred_at="2026-01-01T00:00:00Z")
    for month in range(1, 11):
        await till.buy(member, (1, chance.randint(1, 400) * 100), occurred_at=f"2026-{month:02}-15T10:00:00Z")
    await till.post(f"/v1/members/{member['id']}/redemptions", {"points": 5})
    where, before = f"/v1/members/{member['id']}/history-simulations", await told(store)
    own, foreign = await asyncio.gather(till.post(where, {"version": 1}), till.post(where, {"programme": other, "version": 1}))
    same, tripled = ok(own), ok(foreign)
    assert [sale["simulated"] for sale in same["sales"]] == [sale["earned"] for sale in same["sales"]] and len(same["sales"]) == 10
    assert (same["simulated"], same["tier_after"], same["complete"]) == (same["earned"], ok(await till.get(f"/v1/members/{member['id']}"))["tier"], True)
    base = next(rule["points"] for rule in same["rules"] if rule["rule"] == "base")
    assert tripled["simulated"] == 3 * base and await told(store) == before


async def test_a_version_in_another_currency_would_have_given_nothing(till: Till) -> None:
    other = await till.programme(currency="IRR")
    member = await till.member(programme=await till.programme(), occurred_at="2026-01-01T00:00:00Z")
    await till.buy(member, (1, 5_000), occurred_at="2026-02-01T10:00:00Z")
    retold = ok(await till.post(f"/v1/members/{member['id']}/history-simulations", {"programme": other, "version": 1}))
    assert (retold["simulated"], retold["earned"], [sale["simulated"] for sale in retold["sales"]]) == (0, 50, [0])


@pytest.mark.parametrize(
    ("asked", "status", "kind"),
    [({"version": 7}, 422, "invalid-request"), ({"lines": []}, 422, "invalid-request"), ({"lines": [{}]}, 422, "invalid-request")],
)
async def test_a_basket_that_could_not_be_bought_is_refused(till: Till, asked: dict[str, Any], status: int, kind: str) -> None:
    member = await till.member()
    answer = await till.post(f"/v1/members/{member['id']}/simulations", {"channel": "web", "lines": goods(("چای", 1, 100))} | asked)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


async def test_who_has_no_programme_or_has_left_earns_nothing_even_in_thought(till: Till) -> None:
    nobody, gone = await till.member(programme=None), await till.member()
    ok(await till.post(f"/v1/members/{gone['id']}/closure", {"reason": "asked"}))
    for member, rule in ((nobody, "no-programme"), (gone, "closed")):
        answer = await till.post(f"/v1/members/{member['id']}/simulations", {"channel": "web", "lines": goods(("چای", 1, 100))})
        assert (answer.status_code, answer.json()["rule"]) == (409, rule)
