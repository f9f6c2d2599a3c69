"""Is a customer entitled to exactly what was granted by hand, or by the tier held, and for as long?"""

import uuid
from typing import Any

from crm_events.command import Command
from crm_events.store.store import EventStore
from crm_loyalty.entitlement import ENTITLEMENTS
from crm_loyalty.entitling import by_tier
from crm_loyalty.member import MEMBERS
from heard import stored
from loyalty_client import RULE, Till, ok
from problem_asserts import problem

WINDOW = {"kind": "rolling", "months": 12}
FIRST = {"kind": "priority", "scope": "urgent"}
TEA = {"kind": "special_price", "scope": "tea"}
LADDER = [{"name": "silver", "from_points": 0, "window": WINDOW}, {"name": "gold", "from_points": 500, "window": WINDOW, "entitlements": [FIRST, TEA]}]


async def granted(till: Till, **fields: Any) -> dict[str, Any]:
    body = {"customer_id": str(uuid.uuid4()), "kind": "warranty", "scope": "kettle"} | fields
    return ok(await till.post("/v1/entitlements", body), 201)


async def heard(store: EventStore, member: dict[str, Any]) -> None:
    """All that the member's tier did so far, told to the follower once more."""
    for type_, handle in by_tier(store).items():
        for record in await stored(store, type_, stream=member["id"], customer=member["customer_id"]):
            async with store.pool.acquire() as connection:
                await handle(connection, record)


async def rights(till: Till, member: dict[str, Any]) -> list[tuple[str, str, str]]:
    items = ok(await till.get(f"/v1/entitlements?customer_id={member['customer_id']}"))["items"]
    return sorted((item["kind"], item["scope"], item["state"]) for item in items)


async def test_a_right_is_given_shown_and_taken_back(till: Till) -> None:
    right = await granted(till, occurred_at="2026-03-01T10:00:00Z")
    assert (right["state"], right["cause"], right["valid_from"], right["valid_to"]) == ("active", "manual", "2026-03-01T10:00:00.000Z", None)
    path = f"/v1/entitlements/{right['id']}"
    body = {"reason": "misuse", "exception": "شاکی خودش فروشنده است"}
    ended = ok(await till.post(f"{path}/revocation", body))
    assert (ended["state"], ended["reason"], ended["exception"]) == ("ended", "misuse", "شاکی خودش فروشنده است")
    again = ok(await till.post(f"{path}/revocation", {"reason": "other"}))
    assert (again["version"], again["reason"]) == (ended["version"], "misuse"), "ended already: nothing new"
    desk = ok(await till.by("loyalty:read").get(path))
    assert (desk["exception"], desk["redacted"]) == (None, ["exception"])


async def test_a_right_ends_by_itself_when_its_time_is_up(till: Till, store: EventStore) -> None:
    right = await granted(till, valid_from="2026-03-01T10:00:00Z", valid_to="2026-04-01T10:00:00Z", occurred_at="2026-03-01T10:00:00Z")
    path = f"/v1/entitlements/{right['id']}"
    assert ok(await till.get(path))["state"] == "ended", "shown as ended before it is written"
    await store.advance(ENTITLEMENTS, uuid.UUID(right["id"]), Command(uuid.uuid4(), b"advance", "timer", keyed=False))
    ended = ok(await till.get(path))
    assert (ended["ended_at"], ended["reason"], ended["version"]) == ("2026-04-01T10:00:00.000Z", "ended", 2)


async def test_a_right_to_come_is_upcoming(till: Till) -> None:
    assert (await granted(till, valid_from="2199-01-01T00:00:00Z"))["state"] == "upcoming"


async def test_what_cannot_be_a_right_is_refused(till: Till) -> None:
    customer = str(uuid.uuid4())
    for body in ({"kind": "priority"}, {"kind": "priority", "scope": "low"}, {"kind": "wish"}, {"kind": "warranty", "valid_to": "1990-01-01T00:00:00Z"}):
        problem(await till.post("/v1/entitlements", {"customer_id": customer} | body), 422, "invalid-request")
    right = await granted(till)
    problem(await till.post("/v1/entitlements", {"id": right["id"], "customer_id": right["customer_id"], "kind": "contract"}), 409, "already-exists")
    problem(await till.post(f"/v1/entitlements/{uuid.uuid4()}/revocation", {"reason": "x"}), 404, "not-found")
    problem(await till.by("loyalty:write").post("/v1/entitlements", {"customer_id": customer, "kind": "contract"}), 403, "forbidden")


async def test_a_customer_sees_their_own_right_and_no_others(till: Till) -> None:
    right = await granted(till)
    path = f"/v1/entitlements/{right['id']}"
    assert ok(await till.by("self", customer=right["customer_id"]).get(path))["kind"] == "warranty"
    problem(await till.by("self", customer=str(uuid.uuid4())).get(path), 404, "not-found")


async def test_a_tier_entitles_while_it_is_held(till: Till, store: EventStore) -> None:
    programme = await till.programme(tiers=LADDER, earning=[RULE])
    member = await till.member(programme=programme, occurred_at="2024-03-01T10:00:00Z")
    await till.buy(member, (1, 1_000), occurred_at="2024-03-01T10:00:00Z")
    await heard(store, member)
    assert await rights(till, member) == [], "silver entitles to nothing"
    await till.buy(member, (1, 60_000), occurred_at="2024-03-02T10:00:00Z")
    assert (await store.read(MEMBERS, uuid.UUID(member["id"]))).state.standing.tier == "silver", "the year is over: time has taken gold back"
    await heard(store, member)
    assert await rights(till, member) == [], "what is lost already is not granted"

    await till.buy(member, (1, 60_000))
    await heard(store, member)
    both = [("priority", "urgent", "active"), ("special_price", "tea", "active")]
    assert await rights(till, member) == both
    await heard(store, member)
    assert await rights(till, member) == both, "heard twice, granted once"


async def test_a_tier_that_is_lost_ends_its_rights_and_no_others(till: Till, store: EventStore) -> None:
    member = await till.member(programme=await till.programme(tiers=LADDER, earning=[RULE]))
    sale = await till.buy(member, (1, 60_000))
    by_hand = await granted(till, customer_id=member["customer_id"], **TEA)
    await heard(store, member)
    assert len(await rights(till, member)) == 3
    ok(await till.post(f"/v1/members/{member['id']}/returns", {"transaction_id": sale["id"], "lines": [{"line": 1, "quantity": 1}]}))
    await heard(store, member)
    assert await rights(till, member) == [("priority", "urgent", "ended"), ("special_price", "tea", "active"), ("special_price", "tea", "ended")]
    assert ok(await till.get(f"/v1/entitlements/{by_hand['id']}"))["state"] == "active"
    await till.buy(member, (1, 60_000))
    await heard(store, member)
    assert [state for _, _, state in await rights(till, member)].count("active") == 3, "earned again, granted again"
