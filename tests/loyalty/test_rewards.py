"""Is a reward given once for what it was paid with, and used once, whoever asks at the same moment?"""

import asyncio
import uuid
from collections import Counter
from typing import Any

from crm_events.command import Command
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_loyalty.reward import REWARDS
from loyalty_client import Till, ok
from loyalty_edges import merged
from problem_asserts import problem

COST = {"amount": 250, "currency": "EUR"}
MAY = "2026-05-01T00:00:00.000Z"


async def give(till: Till, customer: str | None = None, **fields: Any) -> Any:
    return await till.post("/v1/rewards", {"customer_id": customer or str(uuid.uuid4()), "kind": "فنجان", "cost": COST, "occurred_at": MAY} | fields)


async def given(till: Till, customer: str | None = None, **fields: Any) -> dict[str, Any]:
    return ok(await give(till, customer, **fields), 201)


async def use(till: Till, reward: dict[str, Any], **body: Any) -> Any:
    return await till.post(f"/v1/rewards/{reward['id']}/use", body)


async def cancel(till: Till, reward: dict[str, Any], **body: Any) -> Any:
    return await till.post(f"/v1/rewards/{reward['id']}/cancellation", {"reason": "misuse"} | body)


async def redeemed(till: Till) -> tuple[dict[str, Any], str]:
    """A member who holds points for something."""
    member = await till.member()
    await till.buy(member, (1, 10_000))
    return member, ok(await till.reserve(member, 30), 201)["id"]


async def test_a_reward_is_used_once(till: Till, store: EventStore) -> None:
    reward = await given(till)
    assert (reward["state"], reward["cost"], reward["offer_id"], reward["redemption_id"]) == ("issued", COST, None, None)
    used = ok(await use(till, reward, occurred_at="2026-05-02T00:00:00Z"))
    assert (used["state"], used["used_at"]) == ("used", "2026-05-02T00:00:00.000Z")
    refused = problem(await use(till, reward), 409, "rejected")
    assert (refused["rule"], refused["used_at"]) == ("reward-used", used["used_at"])
    assert problem(await cancel(till, reward), 409, "rejected")["rule"] == "reward-used"
    assert ok(await till.get(f"/v1/rewards/{reward['id']}")) == used
    assert (await verify(store)).whole


async def test_what_was_taken_back_is_not_used_afterwards_but_was_before(till: Till) -> None:
    reward = await given(till)
    gone = ok(await cancel(till, reward, occurred_at="2026-05-05T00:00:00Z"))
    assert (gone["state"], gone["reason"]) == ("cancelled", "misuse")
    assert ok(await cancel(till, reward, reason="again"))["version"] == gone["version"]
    assert problem(await use(till, reward), 409, "rejected")["rule"] == "reward-cancelled"
    problem(await use(till, reward, occurred_at="2026-04-30T00:00:00Z"), 422, "invalid-request")
    assert ok(await use(till, reward, occurred_at="2026-05-04T00:00:00Z"))["state"] == "used", "it was used before, and told late"


async def test_a_reward_ends_by_itself(till: Till, store: EventStore) -> None:
    reward = await given(till, valid_to="2026-06-01T00:00:00Z")
    assert ok(await till.get(f"/v1/rewards/{reward['id']}"))["state"] == "cancelled", "shown as ended before it is written"
    await store.advance(REWARDS, uuid.UUID(reward["id"]), Command(uuid.uuid4(), b"advance", "timer", keyed=False))
    ended = ok(await till.get(f"/v1/rewards/{reward['id']}"))
    assert (ended["cancelled_at"], ended["reason"], ended["version"]) == ("2026-06-01T00:00:00.000Z", "ended", 2)
    assert problem(await use(till, reward), 409, "rejected")["rule"] == "reward-cancelled"


async def test_one_reward_is_given_for_points_that_are_spent(till: Till, store: EventStore) -> None:
    member, redemption = await redeemed(till)
    customer, twin = member["customer_id"], str(uuid.uuid4())
    assert problem(await give(till, customer, redemption_id=redemption), 409, "rejected")["rule"] == "not-redeemed", "held only"
    ok(await till.confirm(member, redemption))
    problem(await give(till, twin, redemption_id=redemption), 422, "invalid-request")
    problem(await give(till, customer, redemption_id=str(uuid.uuid4())), 422, "invalid-request")
    await merged(store, twin, customer)
    reward = await given(till, twin, redemption_id=redemption)
    assert problem(await give(till, customer, redemption_id=redemption), 409, "already-exists")["existing_id"] == reward["id"]
    ok(await till.cancel(member, redemption))
    assert problem(await use(till, reward), 409, "rejected")["rule"] == "not-redeemed", "the points were given back"
    listed = ok(await till.get(f"/v1/rewards?customer_id={customer}"))["items"]
    assert [each["id"] for each in listed] == [reward["id"]]
    await merged(store, twin, None)
    assert ok(await till.get(f"/v1/rewards?customer_id={customer}"))["items"] == [], "parted again"


async def test_one_reward_is_given_for_an_offer_that_was_taken(till: Till) -> None:
    body = {"name": "n", "channel": "sms", "starts_at": MAY, "ends_at": "2199-01-01T00:00:00Z", "control_percent": 0}
    offer, customer = ok(await till.post("/v1/offers", body), 201)["id"], str(uuid.uuid4())
    target = ok(await till.post(f"/v1/offers/{offer}/targets", {"customer_id": customer}), 201)["id"]
    assert problem(await give(till, customer, offer_id=offer), 409, "rejected")["rule"] == "offer-not-accepted"
    for step in ("presentation", "acceptance"):
        ok(await till.post(f"/v1/offers/{offer}/targets/{target}/{step}", {}))
    assert (await given(till, customer, offer_id=offer))["offer_id"] == offer
    problem(await give(till, customer, offer_id=offer), 409, "already-exists")
    problem(await give(till, customer, offer_id=offer, redemption_id=str(uuid.uuid4())), 422, "invalid-request")


async def test_two_at_once_give_one_and_use_one(till: Till, second_process: Till) -> None:
    for _ in range(8):
        member, redemption = await redeemed(till)
        ok(await till.confirm(member, redemption))
        answers = await asyncio.gather(*(give(client, member["customer_id"], redemption_id=redemption) for client in (till, second_process) * 2))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
        reward = next(answer.json() for answer in answers if answer.status_code == 201)
        tries = await asyncio.gather(*(use(client, reward) for client in (till, second_process) * 2))
        assert Counter(answer.status_code for answer in tries) == {200: 1, 409: 3}
        other, held = await redeemed(till)
        ok(await till.confirm(other, held))
        paid = await given(till, other["customer_id"], redemption_id=held)
        both = await asyncio.gather(use(till, paid), second_process.post(f"/v1/members/{other['id']}/redemptions/{held}/cancellation", {"reason": "x"}))
        shown = ok(await till.get(f"/v1/rewards/{paid['id']}"))["state"]
        assert both[1].status_code == 200
        assert (both[0].status_code, shown) in ((200, "used"), (409, "issued"))


async def test_what_is_no_reward_is_refused(till: Till) -> None:
    for wrong in ({"cost": {"amount": -1, "currency": "EUR"}}, {"cost": {"amount": "5", "currency": "EUR"}}, {"valid_to": MAY}, {"kind": ""}):
        problem(await give(till, **wrong), 422, "invalid-request")
    reward = await given(till)
    problem(await give(till, id=reward["id"]), 409, "already-exists")
    problem(await use(till, {"id": str(uuid.uuid4())}), 404, "not-found")
    problem(await till.by("self", customer=str(uuid.uuid4())).get(f"/v1/rewards/{reward['id']}"), 404, "not-found")
    assert ok(await till.by("self", customer=reward["customer_id"]).get(f"/v1/rewards/{reward['id']}"))["state"] == "issued"
