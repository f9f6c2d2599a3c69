"""Where rivals lose points, or keep those that are gone: does every balance add up at every moment, whatever is spent, expires, comes back or is told twice?"""

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from crm_events.refusals import Rejected
from crm_loyalty.member import MEMBERS
from front_end import Client, ok, token
from hypothesis import given, settings
from hypothesis import strategies as st
from loyalty_words import Story, cancel, confirm, day, line, published, reserve

SOON = 60.0
RULE = {"id": "پایه", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}
BIRTHDAY = RULE | {"id": "تولد", "when": {"channels": ["app"]}}
TIERS = [{"name": name, "from_points": points, "window": {"kind": "rolling", "months": 24}} for name, points in (("نقره", 0), ("طلا", 100))]
OWN = ("pending", "available", "reserved", "blocked", "expired")


@pytest.fixture
def client(stack: dict[str, str]) -> Iterator[Client]:
    made = Client(stack)
    yield made
    made.close()


class Shop:
    """One programme and its till."""

    def __init__(self, client: Client, **terms: Any) -> None:
        self.client, self.name = client, f"باشگاه-{uuid.uuid4().hex[:8]}"
        told = {"currency": "EUR", "earning": [RULE], "pending_days": 0, "expiry": {"months": 12}, "tiers": TIERS, "point_value": {"points": 10, "amount": 5}}
        client.put("loyalty", f"/v1/programmes/{self.name}", told | {"valid_from": "2020-01-01T00:00:00Z"} | terms)

    def joins(self) -> str:
        body = {"customer_id": str(uuid.uuid4()), "programme": self.name, "occurred_at": ago(days=900)}
        return str(self.client.post("loyalty", "/v1/members", body).json()["id"])

    def sells(self, member: str, *lines: dict[str, Any], **told: Any) -> Any:
        body = {"document": uuid.uuid4().hex, "channel": "web", "lines": list(lines)} | told
        return self.client.post("loyalty", f"/v1/members/{member}/transactions", body)

    def points(self, member: str) -> Any:
        return self.client.get("loyalty", f"/v1/members/{member}/points")

    def redeems(self, member: str, points: int) -> None:
        held = self.client.post("loyalty", f"/v1/members/{member}/redemptions", {"points": points}).json()["id"]
        self.client.put("loyalty", f"/v1/members/{member}/redemptions/{held}/confirmation", {})


def ago(**time_: float) -> str:
    return (datetime.now(UTC) - timedelta(**time_)).isoformat().replace("+00:00", "Z")


def goods(quantity: int, price: int, category: str = "چای") -> dict[str, Any]:
    return {"sku": f"{category}-۱", "category": category, "quantity": quantity, "list_price": price, "paid_price": price}


STEPS = st.lists(
    st.tuples(st.sampled_from(["buy", "hold", "spend", "back", "return"]), st.integers(1, 120), st.sampled_from([0.0, 0.02, 9.0, 40.0])), max_size=14
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_t29_the_lots_add_up_to_the_balance_at_every_instant(steps: list[tuple[str, int, float]]) -> None:
    story, now, last = Story(published(pending_days=7, expiry={"months": 2})), 0.0, ""
    for number, (step, amount, later) in enumerate(steps):
        now += later
        story.until(day(now))
        try:
            match step:
                case "buy":
                    story.buys(f"A-{number}", line(2, amount * 50), at=day(now))
                case "hold":
                    story.add(reserve(story.member, amount, at=day(now), name=f"r{number}"), day(now))
                    last = f"r{number}"
                case "spend" if last:
                    story.add(confirm(story.member, name=last), day(now))
                case "back" if last:
                    story.add(cancel(story.member, at=day(now), name=last), day(now))
                case "return" if story.sales:
                    story.returns(next(reversed(story.sales)), {1: 1}, at=day(now))
        except Rejected:
            continue
    story.until(day(now + 400))
    state, held = MEMBERS.state(), Counter[str]()
    for fact in story.facts:  # also between two commands: an expiry is an event at its own instant
        state = MEMBERS.evolve(state, fact)
        ledger = state.ledger
        held = Counter({name: sum(getattr(lot, name) for lot in (*ledger.lots, *ledger.closed)) for name in OWN})
        assert {name: held[name] for name in OWN} == {name: getattr(ledger, name) for name in OWN}
        assert ledger.issued == sum(held.values()) + ledger.redeemed + ledger.reversed - ledger.debt
    assert held["available"] == held["pending"] == 0, "after 400 days nothing is left but what expired"


def test_t30_every_lot_that_will_expire_is_listed_and_switched_off_nothing_expires(client: Client) -> None:
    shop, never = Shop(client), Shop(client, expiry={"months": None})
    one, other = shop.joins(), never.joins()
    for days in (300, 200, 100, 500):
        shop.sells(one, goods(1, 1000), occurred_at=ago(days=days))
        never.sells(other, goods(1, 1000), occurred_at=ago(days=days))
    held = shop.points(one)
    assert (held["available"], held["expired"]) == (30, 10)
    assert [lot["points"] for lot in held["lots"]] == [10, 10, 10]
    listed = [lot["expires_at"] for lot in held["lots"]]
    assert len(set(listed)) == 3 and sorted(listed) == listed and listed[0] > ago(), "each with its own end, the next one first"
    kept = never.points(other)
    assert (kept["available"], kept["expired"], [lot["expires_at"] for lot in kept["lots"]]) == (40, 0, [None] * 4)


def test_t31_points_expire_whatever_they_are_called_and_are_spent_once_by_many_at_once(client: Client) -> None:
    shop = Shop(client, earning=[RULE, BIRTHDAY])
    giver, taker, when = shop.joins(), shop.joins(), ago(days=400)
    shop.sells(giver, goods(1, 5000), occurred_at=when, channel="app")
    for reason in ("goodwill", "correction", "recovery"):
        client.post("loyalty", f"/v1/members/{giver}/adjustments", {"points": 20, "reason": reason, "occurred_at": when})
    client.post("loyalty", f"/v1/members/{giver}/transfers", {"to_member_id": taker, "points": 60, "occurred_at": ago(days=399)})
    assert [(shop.points(each)["available"], shop.points(each)["expired"]) for each in (giver, taker)] == [(0, 100), (0, 60)]
    shop.sells(giver, goods(1, 10_000))
    with ThreadPoolExecutor(8) as at_once:
        answers = list(at_once.map(lambda _: client.send("loyalty", "POST", f"/v1/members/{giver}/redemptions", {"points": 60}), range(8)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
    assert (shop.points(giver)["available"], shop.points(giver)["reserved"]) == (40, 60)


def test_t32_spending_everything_lowers_no_tier(client: Client) -> None:
    shop = Shop(client)
    member = shop.joins()
    bought = shop.sells(member, goods(1, 12_000))
    assert shop.points(member)["tier"] == "طلا"
    shop.redeems(member, 120)
    held = shop.points(member)
    assert (held["tier"], held["available"], held["to_next_tier"]) == ("طلا", 0, None)
    shop.sells(member, goods(1, 100))
    assert shop.points(member)["tier"] == "طلا"
    assert client.view(bought.json()["customer_id"], token(bought))["loyalty"]["tier"] == "طلا"


def test_t33_a_return_takes_what_its_own_lines_earned_and_many_parts_are_one_whole(client: Client) -> None:
    shop = Shop(client, earning=[RULE | {"when": {"categories": ["چای"]}}])
    in_parts, at_once = shop.joins(), shop.joins()
    sales = [shop.sells(member, goods(3, 3350), goods(1, 90_000, "کتری")).json() for member in (in_parts, at_once)]
    assert [sale["points"] for sale in sales] == [100, 100]

    def returns(member: str, sale: Any, number: int, quantity: int) -> int:
        body = {"transaction_id": sale["id"], "lines": [{"line": number, "quantity": quantity}]}
        return int(client.post("loyalty", f"/v1/members/{member}/returns", body).json()["balance"]["available"])

    assert returns(in_parts, sales[0], 2, 1) == 100, "the kettle earned nothing"
    assert [returns(in_parts, sales[0], 1, 1) for _ in range(3)] == [67, 34, 0]
    assert returns(at_once, sales[1], 1, 3) == 0
    assert [(shop.points(each)["reversed"], shop.points(each)["debt"]) for each in (in_parts, at_once)] == [(100, 0), (100, 0)]


def test_t34_a_document_counts_once_and_a_view_that_lags_says_so(client: Client) -> None:
    shop = Shop(client)
    member, document = shop.joins(), f"ف-{uuid.uuid4().hex[:8]}"
    first = shop.sells(member, goods(1, 1000), document=document)
    again = client.send("loyalty", "POST", f"/v1/members/{member}/transactions", {"document": document, "channel": "web", "lines": [goods(1, 1000)]})
    assert (again.status_code, again.json()["type"], shop.points(member)["available"]) == (409, "/problems/already-exists", 10)
    customer = first.json()["customer_id"]
    assert client.view(customer, token(first))["purchases"]["count"] == 1
    client.post("reporting", "/v1/operations/projection/loyalty/pause", {"reason": "آزمون"})
    try:
        late = shop.sells(member, goods(1, 1000))
        _until(lambda: any(part["source"] == "loyalty" and (part["lag_events"] or 0) > 0 for part in _projection(client)["partitions"]))
        stale = client.send("reporting", "GET", f"/v1/customers/{customer}", Consistency_Token=token(late), Prefer="wait=0")
        assert stale.headers["View-State"] != "current" and ok(stale)["purchases"]["count"] == 1
    finally:
        client.post("reporting", "/v1/operations/projection/loyalty/resume", {"reason": "آزمون"})
    assert client.view(customer, token(late))["purchases"]["count"] == 2
    _until(lambda: _projection(client)["behind"] == 0)
    [ours] = [part for part in client.get("reporting", "/v1/operations/reconciliation?fresh=true")["sources"] if part["source"] == "loyalty"]
    assert (ours["missing"], ours["doubled"]) == ([], []) and ours["store"]["events"] == ours["journal"]["events"]


def _projection(client: Client) -> Any:
    return client.get("reporting", "/v1/operations/projection")


def _until(condition: Any) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
