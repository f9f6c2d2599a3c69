"""Is an offer made to whom it is meant for, never to the control group, and taken at most once?"""

import asyncio
import uuid
from collections import Counter
from typing import Any

from crm_events.command import Command
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_loyalty.offer import OFFERS, drawn, lot_of
from crm_loyalty.offer_target import OFFER_TARGETS
from loyalty_client import Till, ok
from loyalty_edges import merged
from problem_asserts import problem

STARTS, ENDS = "2026-01-01T00:00:00.000Z", "2199-01-01T00:00:00.000Z"


async def offered(till: Till, **fields: Any) -> dict[str, Any]:
    """To everybody, unless said otherwise."""
    body = {"name": "چای بهاره", "channel": "sms", "starts_at": STARTS, "ends_at": ENDS, "control_percent": 0, "occurred_at": "2025-12-01T00:00:00Z"}
    return ok(await till.post("/v1/offers", body | fields), 201)


async def aim(till: Till, offer: dict[str, Any], customer: str | None = None, **fields: Any) -> Any:
    return await till.post(f"/v1/offers/{offer['id']}/targets", {"customer_id": customer or str(uuid.uuid4()), "occurred_at": STARTS} | fields)


async def meant(till: Till, offer: dict[str, Any], customer: str | None = None, **fields: Any) -> dict[str, Any]:
    return ok(await aim(till, offer, customer, **fields), 201)


async def step(till: Till, target: dict[str, Any], name: str, **body: Any) -> Any:
    return await till.post(f"/v1/offers/{target['offer_id']}/targets/{target['id']}/{name}", body)


async def shown(till: Till, **fields: Any) -> dict[str, Any]:
    return ok(await step(till, await meant(till, await offered(till), **fields), "presentation", occurred_at="2026-02-01T00:00:00Z"))


async def test_an_offer_is_presented_and_taken_with_a_purchase(till: Till, store: EventStore) -> None:
    member = await till.member(occurred_at=STARTS)
    sale = await till.buy(member, (1, 900))
    offer = await offered(till, needs=["چای صبح"], cost={"amount": 50, "currency": "EUR"})
    need = str(uuid.uuid4())
    target = await meant(till, offer, member["customer_id"], need="چای صبح", need_id=need, segment="new")
    assert (target["group"], target["state"], target["channel"], target["need_id"]) == ("treatment", "targeted", "sms", need)
    assert problem(await step(till, target, "acceptance"), 409, "rejected")["rule"] == "not-presented"
    seen = ok(await step(till, target, "presentation", channel="app", occurred_at="2026-02-01T00:00:00Z"))
    assert (seen["state"], seen["channel"], seen["presented_at"]) == ("presented", "app", "2026-02-01T00:00:00.000Z")
    assert ok(await step(till, target, "presentation"))["version"] == seen["version"], "seen before: nothing new"
    problem(await step(till, target, "acceptance", occurred_at="2026-01-31T00:00:00Z"), 422, "invalid-request")
    strange = await till.buy(await till.member(), (1, 900))
    for unknown in (strange["id"], str(uuid.uuid4())):
        problem(await step(till, target, "acceptance", transaction_id=unknown), 422, "invalid-request")
    taken = ok(await step(till, target, "acceptance", transaction_id=sale["id"]))
    assert (taken["state"], taken["transaction_id"], taken["version"]) == ("accepted", sale["id"], 3)
    assert ok(await step(till, target, "acceptance", transaction_id=sale["id"]))["version"] == 3
    refused = problem(await step(till, target, "decline"), 409, "rejected")
    assert (refused["rule"], refused["answer"]) == ("offer-answered", "accepted")
    assert ok(await till.get(f"/v1/offers/{offer['id']}/targets/{target['id']}")) == taken
    assert ok(await till.get(f"/v1/offers/{offer['id']}"))["needs"] == ["چای صبح"]
    assert (await verify(store)).whole


async def test_nothing_is_offered_to_the_control_group(till: Till) -> None:
    offer = await offered(till, control_percent=50)
    targets = [await meant(till, offer) for _ in range(60)]
    groups = Counter(each["group"] for each in targets)
    assert groups["control"] >= 5 <= groups["treatment"], "drawn by a hash, about half and half"  # both fail together once in 10^12 runs
    watched = next(each for each in targets if each["group"] == "control")
    for name in ("presentation", "acceptance", "decline"):
        assert problem(await step(till, watched, name), 409, "rejected")["rule"] == "control-group"
    page = ok(await till.get(f"/v1/offers/{offer['id']}/targets?limit=200"))["items"]
    assert {(each["id"], each["group"]) for each in page} == {(each["id"], each["group"]) for each in targets}


async def test_whichever_id_of_a_customer_is_named_the_group_is_the_same(till: Till, store: EventStore) -> None:
    for _ in range(12):
        one, other = sorted(str(uuid.uuid4()) for _ in range(2))
        offer = await offered(till, control_percent=50)
        await merged(store, other, one)
        first = await meant(till, offer, one)
        assert problem(await aim(till, offer, other), 409, "already-exists")["existing_id"] == first["id"]
        made = (await store.read(OFFERS, uuid.UUID(offer["id"]))).state.created
        assert made is not None
        ids = [uuid.UUID(one), uuid.UUID(other)]
        assert {drawn(made, store.hash(lot_of(made.offer_id, each))) for each in (ids, ids[::-1])} == {first["group"]}


async def test_of_two_that_became_one_the_first_decides_and_one_of_them_takes_it(till: Till, store: EventStore) -> None:
    offer = await offered(till, control_percent=50)
    targets = [await meant(till, offer, occurred_at=f"2026-01-02T00:00:{number:02}Z") for number in range(40)]
    treated, watched = ([each for each in targets if each["group"] == group] for group in ("treatment", "control"))
    pairs = [(one, other) for one in treated for other in watched]
    early = next((one, other) for one, other in pairs if other["occurred_at"] < one["occurred_at"])
    await merged(store, early[0]["customer_id"], early[1]["customer_id"])
    assert problem(await step(till, early[0], "presentation"), 409, "rejected")["rule"] == "control-group", "the first of them is watched"
    await merged(store, early[0]["customer_id"], None)
    assert ok(await step(till, early[0], "presentation"))["state"] == "presented", "parted again"
    two = [each for each in treated if each["id"] != early[0]["id"]][:2]
    for each in two:
        ok(await step(till, each, "presentation", occurred_at="2026-02-01T00:00:00Z"))
    await merged(store, two[0]["customer_id"], two[1]["customer_id"])
    answers = await asyncio.gather(*(step(till, each, "acceptance") for each in two))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    listed = ok(await till.get(f"/v1/offer-targets?customer_id={two[0]['customer_id']}"))["items"]
    assert sorted(each["state"] for each in listed) == ["accepted", "presented"]


async def test_two_at_once_make_one_target_and_one_answer(till: Till, second_process: Till, store: EventStore) -> None:
    for _ in range(8):
        one, other = str(uuid.uuid4()), str(uuid.uuid4())
        await merged(store, other, one)
        offer = await offered(till)
        asked = [(client, customer) for client in (till, second_process) for customer in (one, other)]
        answers = await asyncio.gather(*(aim(client, offer, customer) for client, customer in asked))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
        target = next(answer.json() for answer in answers if answer.status_code == 201)
        ok(await step(till, target, "presentation"))
        said = await asyncio.gather(step(till, target, "acceptance"), step(second_process, target, "decline"))
        assert sorted(answer.status_code for answer in said) == [200, 409]


async def test_an_offer_ends_by_itself_and_what_was_taken_before_still_counts(till: Till, store: EventStore) -> None:
    offer = await offered(till, ends_at="2026-03-01T00:00:00Z")
    target, quiet = await meant(till, offer), await meant(till, offer)
    ok(await step(till, target, "presentation", occurred_at="2026-02-01T00:00:00Z"))
    assert ok(await till.get(f"/v1/offers/{offer['id']}/targets/{quiet['id']}"))["state"] == "expired", "shown as ended before it is written"
    for each in (target, quiet):
        await store.advance(OFFER_TARGETS, uuid.UUID(each["id"]), Command(uuid.uuid4(), b"advance", "timer", keyed=False))
    ended = ok(await till.get(f"/v1/offers/{offer['id']}/targets/{target['id']}"))
    assert (ended["state"], ended["expired_at"], ended["version"]) == ("expired", "2026-03-01T00:00:00.000Z", 3)
    assert problem(await step(till, target, "acceptance"), 409, "rejected")["rule"] == "offer-ended"
    late = ok(await step(till, target, "acceptance", occurred_at="2026-02-02T00:00:00Z"))
    assert (late["state"], late["answered_at"]) == ("accepted", "2026-02-02T00:00:00.000Z")
    assert problem(await aim(till, offer, occurred_at="2026-03-01T00:00:00Z"), 409, "rejected")["rule"] == "offer-ended"
    coming = await meant(till, await offered(till, starts_at="2198-01-01T00:00:00Z"))
    assert problem(await step(till, coming, "presentation"), 409, "rejected")["rule"] == "offer-not-begun"
    problem(await step(till, target, "presentation", occurred_at="2025-01-01T00:00:00Z"), 422, "invalid-request")


async def test_an_offer_is_only_for_whom_it_is_meant(till: Till, store: EventStore) -> None:
    programme = await till.programme()
    member, twin = await till.member(programme=programme), str(uuid.uuid4())
    offer = await offered(till, eligibility={"programme": programme, "tiers": ["gold"], "segments": ["vip"]}, needs=["tea"])
    customer = member["customer_id"]
    for fields, missing in (({}, "segment"), ({"segment": "vip"}, "tier"), ({"segment": "vip", "customer_id": twin}, "programme")):
        refused = problem(await aim(till, offer, customer, **fields), 409, "rejected")
        assert (refused["rule"], refused["missing"]) == ("not-eligible", missing)
    problem(await aim(till, offer, customer, segment="vip", need="coffee"), 422, "invalid-request")
    await till.buy(member, (1, 60_000))
    await merged(store, twin, customer)
    assert (await meant(till, offer, twin, segment="vip", need="tea"))["state"] == "targeted", "gold by the other id of the same customer"


async def test_what_is_no_offer_is_refused(till: Till) -> None:
    body = {"name": "n", "channel": "sms", "starts_at": STARTS, "ends_at": STARTS}
    for wrong in ({}, {"ends_at": ENDS, "control_percent": 100}, {"ends_at": ENDS, "cost": {"amount": -1, "currency": "EUR"}}):
        problem(await till.post("/v1/offers", body | wrong), 422, "invalid-request")
    offer = await offered(till)
    problem(await till.post("/v1/offers", body | {"id": offer["id"], "ends_at": ENDS}), 409, "already-exists")
    problem(await aim(till, {"id": str(uuid.uuid4())}), 404, "not-found")
    target = await meant(till, offer)
    problem(await step(till, target | {"offer_id": (await offered(till))["id"]}, "presentation"), 404, "not-found")
    problem(await till.by("loyalty:write").post("/v1/offers", body | {"ends_at": ENDS}), 403, "forbidden")
    declined = ok(await step(till, await shown(till), "decline", reason="گران"))
    assert (declined["state"], declined["reason"]) == ("declined", "گران")
