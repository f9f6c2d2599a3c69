"""Is a discount what the list says less what was paid, and is the offer it was given for taken by that purchase, once?"""

import asyncio
import random
import uuid
from collections import Counter
from typing import Any

import orjson
from crm_events.store.store import EventStore
from loyalty_client import Till, ok
from loyalty_edges import merged
from problem_asserts import problem

STARTS, SEEN, SOLD = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"


async def offered(till: Till, **fields: Any) -> str:
    body = {"name": "چای بهاره", "channel": "sms", "starts_at": STARTS, "ends_at": "2199-01-01T00:00:00Z", "control_percent": 0, "occurred_at": STARTS}
    return str(ok(await till.post("/v1/offers", body | fields), 201)["id"])


async def meant(till: Till, offer: str, customer: str, *, seen: bool = True) -> dict[str, Any]:
    target: dict[str, Any] = ok(await till.post(f"/v1/offers/{offer}/targets", {"customer_id": customer, "occurred_at": STARTS}), 201)
    return ok(await step(till, target, "presentation", occurred_at=SEEN)) if seen else target


async def step(till: Till, target: dict[str, Any], name: str, **body: Any) -> Any:
    return await till.post(f"/v1/offers/{target['offer_id']}/targets/{target['id']}/{name}", body)


async def sell(till: Till, member: dict[str, Any], offer: str | None, *, paid: int = 800, **fields: Any) -> Any:
    line = {"sku": "چای", "category": "tea", "quantity": 2, "list_price": 900, "paid_price": paid}
    body = {"document": uuid.uuid4().hex, "channel": "web", "lines": [line], "occurred_at": SOLD} | ({"offer_id": offer} if offer else {})
    return await till.post(f"/v1/members/{member['id']}/transactions", body | fields)


async def member_of(till: Till, customer: str | None = None) -> dict[str, Any]:
    return await till.member(occurred_at=STARTS, **({"customer_id": customer} if customer else {}))


async def granted(store: EventStore, sale: dict[str, Any]) -> list[dict[str, Any]]:
    asked = "select payload::text from events where stream_id = $1 and type = 'discount.granted'"
    return [orjson.loads(row["payload"]) for row in await store.pool.fetch(asked, uuid.UUID(sale["id"]))]


async def state_of(till: Till, target: dict[str, Any]) -> tuple[str, str | None]:
    known = ok(await till.get(f"/v1/offers/{target['offer_id']}/targets/{target['id']}"))
    return known["state"], known["transaction_id"]


async def test_a_discount_names_its_offer_which_is_taken_by_the_purchase(till: Till, store: EventStore) -> None:
    member, offer = await member_of(till), await offered(till)
    target = await meant(till, offer, member["customer_id"])
    sale = ok(await sell(till, member, offer, discount_reason="spring", seller_id="agent-7"), 201)
    assert (sale["offer_id"], sale["list_amount"], sale["paid_amount"]) == (offer, 1800, 1600)
    about = {"transaction_id": sale["id"], "reason": "spring", "seller_id": "agent-7", "offer_id": offer}
    assert await granted(store, sale) == [about | {"list_amount": 1800, "paid_amount": 1600, "currency": "EUR"}]
    assert await state_of(till, target) == ("accepted", sale["id"])
    refused = problem(await sell(till, member, offer), 409, "rejected")
    assert (refused["rule"], refused["answer"]) == ("offer-answered", "accepted")
    assert ok(await till.get(f"/v1/members/{member['id']}/transactions"))["items"] == [sale], "a sale that was refused is none"
    assert (await granted(store, plain := ok(await sell(till, member, None), 201)))[0].get("offer_id") is None
    assert plain["offer_id"] is None


async def test_who_said_yes_before_buys_with_it_once(till: Till) -> None:
    member, offer = await member_of(till), await offered(till)
    target = await meant(till, offer, member["customer_id"])
    yes = ok(await step(till, target, "acceptance", occurred_at="2026-02-02T00:00:00Z"))
    sale = ok(await sell(till, member, offer), 201)
    known = ok(await till.get(f"/v1/offers/{offer}/targets/{target['id']}"))
    assert (known["transaction_id"], known["answered_at"]) == (sale["id"], yes["answered_at"])
    assert problem(await sell(till, member, offer), 409, "rejected")["rule"] == "offer-answered"


async def test_an_offer_that_is_not_open_to_the_customer_gives_no_discount(till: Till) -> None:
    member, offer = await member_of(till), await offered(till)
    problem(await sell(till, member, offer), 422, "invalid-request")  # not meant for them
    unseen = await meant(till, offer, member["customer_id"], seen=False)
    assert problem(await sell(till, member, offer), 409, "rejected")["rule"] == "not-presented"
    ok(await step(till, unseen, "presentation", occurred_at=SEEN))
    problem(await sell(till, member, offer, paid=900), 422, "invalid-request")  # no discount
    problem(await sell(till, member, str(uuid.uuid4())), 422, "invalid-request")
    ended = await offered(till, ends_at="2026-02-15T00:00:00Z")
    await meant(till, ended, member["customer_id"])
    assert problem(await sell(till, member, ended), 409, "rejected")["rule"] == "offer-ended"
    ok(await sell(till, member, ended, occurred_at="2026-02-14T00:00:00Z"), 201)  # sold in time, told late
    declined = await offered(till)
    ok(await step(till, await meant(till, declined, member["customer_id"]), "decline", occurred_at=SEEN))
    assert problem(await sell(till, member, declined), 409, "rejected")["rule"] == "offer-answered"
    watched = await offered(till, control_percent=99)
    while True:
        other = await member_of(till)
        if (await meant(till, watched, other["customer_id"], seen=False))["group"] == "control":
            break
    assert problem(await sell(till, other, watched), 409, "rejected")["rule"] == "control-group"
    ok(await sell(till, member, offer), 201)


async def test_of_a_merged_customer_one_takes_it_whoever_buys(till: Till, store: EventStore) -> None:
    one, two, offer = await member_of(till), await member_of(till), await offered(till)
    await meant(till, offer, one["customer_id"], seen=False)
    seen = await meant(till, offer, two["customer_id"])
    await merged(store, two["customer_id"], one["customer_id"])
    sale = ok(await sell(till, one, offer), 201)
    assert await state_of(till, seen) == ("accepted", sale["id"])
    assert problem(await sell(till, two, offer), 409, "rejected")["rule"] == "offer-answered"


async def test_of_many_sales_at_once_one_has_the_discount(till: Till, second_process: Till, store: EventStore) -> None:
    for _ in range(6):
        one, offer = await member_of(till), await offered(till)
        two = await member_of(till)
        await meant(till, offer, one["customer_id"])
        await merged(store, two["customer_id"], one["customer_id"])
        answers = await asyncio.gather(*(sell(client, member, offer) for client in (till, second_process) for member in (one, two)))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}


async def test_the_discount_is_the_sum_over_all_units_one_by_one(till: Till, store: EventStore) -> None:
    luck, member = random.Random(7), await member_of(till)
    for _ in range(25):
        lines = [
            {"sku": f"s{place}", "category": "tea", "quantity": luck.randint(1, 9), "list_price": luck.randint(0, 999), "paid_price": luck.randint(0, 999)}
            for place in range(luck.randint(1, 6))
        ]
        units = [(line["list_price"], line["paid_price"]) for line in lines for _ in range(int(str(line["quantity"])))]
        listed, paid = (sum(int(str(pair[place])) for pair in units) for place in (0, 1))
        sale = ok(await sell(till, member, None, lines=lines), 201)
        found = [(each["list_amount"], each["paid_amount"]) for each in await granted(store, sale)]
        assert found == ([(listed, paid)] if listed > paid else [])


async def test_a_customers_own_token_answers_for_itself_and_now(till: Till) -> None:
    member, offer = await member_of(till), await offered(till)
    customer = member["customer_id"]
    hers, his = till.by("self", customer=customer), till.by("self", customer=str(uuid.uuid4()))
    target = await meant(till, offer, customer)
    path = f"/v1/offers/{offer}/targets/{target['id']}"
    for name in ("acceptance", "decline"):
        problem(await step(his, target, name), 404, "not-found")
        problem(await step(hers, target, name, occurred_at=SOLD), 422, "invalid-request")
    problem(await his.get(path), 404, "not-found")
    problem(await his.get(f"/v1/offer-targets?customer_id={customer}"), 404, "not-found")
    problem(await step(hers, target, "presentation"), 403, "forbidden")
    assert ok(await step(hers, target, "acceptance"))["state"] == "accepted" == ok(await hers.get(path))["state"]
    other = await meant(till, await offered(till), customer)
    assert ok(await step(hers, other, "decline", reason="has_one"))["state"] == "declined"
    watched = await offered(till, control_percent=99)
    while True:
        watch = await member_of(till)
        unseen = await meant(till, watched, watch["customer_id"], seen=False)
        if unseen["group"] == "control":
            break
    theirs = till.by("self", customer=watch["customer_id"])
    problem(await theirs.get(f"/v1/offers/{watched}/targets/{unseen['id']}"), 404, "not-found")
    problem(await step(theirs, unseen, "acceptance"), 404, "not-found")
    assert ok(await theirs.get(f"/v1/offer-targets?customer_id={watch['customer_id']}"))["items"] == []
    assert len(ok(await till.get(f"/v1/offer-targets?customer_id={watch['customer_id']}"))["items"]) == 1
