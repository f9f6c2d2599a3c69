"""Are purchases and returns counted once, told with their points, listed, and refused where they do not fit?"""

import uuid

from crm_events.store.store import EventStore
from loyalty_client import Till, ok
from problem_asserts import problem


async def test_a_purchase_answers_its_points_and_why(till: Till, store: EventStore) -> None:
    member = await till.member()
    sale = await till.sell(member, (3, 3333), (1, 5000), outlet="o-1", seller_id="s-7")
    told = ok(sale, 201)
    assert (told["points"], told["paid_amount"], told["currency"], sale.headers["ETag"]) == (149, 14_999, "EUR", '"1"')
    assert [(entry["rule"], entry["fired"], entry["points"]) for entry in told["trace"]] == [("base", True, 149)]
    assert ok(await till.get(sale.headers["Location"])) == told
    small = await till.buy(member, (1, 99))
    assert small["points"] == 0 and small["trace"][0]["why"]


async def test_a_discount_is_a_fact_of_its_own(till: Till, store: EventStore) -> None:
    member = await till.member()
    line = {"sku": "a", "category": "tea", "quantity": 2, "list_price": 1500, "paid_price": 1200}
    sale = ok(
        await till.post(
            f"/v1/members/{member['id']}/transactions", {"document": uuid.uuid4().hex, "channel": "shop", "lines": [line], "discount_reason": "loyal"}
        ),
        201,
    )
    rows = await store.pool.fetch(
        "select type, payload ->> 'list_amount' as listed, payload ->> 'reason' as reason from events where stream_id = $1 order by position",
        uuid.UUID(sale["id"]),
    )
    assert [tuple(row) for row in rows] == [("transaction.recorded", None, None), ("discount.granted", "3000", "loyal")]


async def test_t34_a_document_is_counted_once_an_outlet(till: Till) -> None:
    member, document = await till.member(), uuid.uuid4().hex
    first = await till.buy(member, (1, 1000), document=document, outlet="north")
    answer = problem(await till.sell(member, (1, 1000), document=document, outlet="north"), 409, "already-exists")
    assert answer["existing_id"] == first["id"]
    await till.buy(member, (1, 1000), document=document, outlet="south")
    assert (await till.points(member))["available"] == 20
    problem(await till.sell(member, (1, 1000), id=first["id"]), 409, "already-exists")


async def test_the_same_key_is_the_same_purchase(till: Till) -> None:
    member, key, document = await till.member(), uuid.uuid4().hex, uuid.uuid4().hex
    first, again = [await till.sell(member, (1, 1000), document=document, key=key) for _ in range(2)]
    assert ok(first, 201) == ok(again, 201) and again.headers["Idempotency-Replayed"] == "true"
    problem(await till.sell(member, (1, 2000), document=document, key=key), 422, "idempotency-key-reused")


async def test_without_a_programme_purchases_are_kept_and_nothing_is_earned(till: Till) -> None:
    member = await till.member(programme=None)
    assert problem(await till.sell(member, (1, 1000)), 422, "invalid-request")["errors"][0]["code"] == "missing"
    sale = await till.buy(member, (1, 1000), (2, 999), currency="USD")
    assert (sale["points"], sale["trace"], sale["currency"]) == (0, [], "USD")
    returned = ok(await till.post(f"/v1/members/{member['id']}/returns", {"transaction_id": sale["id"], "lines": [{"line": 2, "quantity": 1}]}))
    assert returned["version"] == 1 and returned["balance"]["reversed"] == 0
    assert [line["returned"] for line in ok(await till.get(f"/v1/members/{member['id']}/transactions/{sale['id']}"))["lines"]] == [0, 1]
    problem(await till.post(f"/v1/members/{member['id']}/adjustments", {"points": 5, "reason": "goodwill"}), 409, "rejected")


async def test_another_currency_than_the_programmes_is_refused(till: Till) -> None:
    problem(await till.sell(await till.member(), (1, 1000), currency="USD"), 422, "invalid-request")


async def test_purchases_are_listed_newest_first_page_by_page(till: Till) -> None:
    member = await till.member()
    for number in range(5):
        await till.buy(member, (1, 100 * (number + 1)), occurred_at=f"2026-01-0{number + 1}T10:00:00Z")
    path, seen = f"/v1/members/{member['id']}/transactions?limit=2", []
    while path:
        page = ok(await till.get(path))
        seen += [(sale["occurred_at"][:10], sale["points"]) for sale in page["items"]]
        path = f"/v1/members/{member['id']}/transactions?limit=2&cursor={page['next']}" if page["next"] else ""
    assert seen == [(f"2026-01-0{number}", number) for number in (5, 4, 3, 2, 1)]


async def test_partial_returns_add_up_to_one_full_return(till: Till) -> None:
    member = await till.member()
    sale = await till.buy(member, (3, 3333), (1, 5000))
    back = {"transaction_id": sale["id"], "lines": [{"line": 1, "quantity": 1}], "reason": "unwanted"}
    balances = [ok(await till.post(f"/v1/members/{member['id']}/returns", back))["balance"]["reversed"] for _ in range(3)]
    assert balances == [33, 66, 99] and (await till.points(member))["available"] == 50
    refused = problem(await till.post(f"/v1/members/{member['id']}/returns", back), 409, "rejected")
    assert (refused["rule"], refused["left"]) == ("nothing-to-return", 0)


async def test_only_what_was_sold_to_this_member_and_after_it_was_sold_comes_back(till: Till) -> None:
    member, other = await till.member(), await till.member()
    sale = await till.buy(member, (1, 1000), occurred_at="2026-02-01T10:00:00Z")
    back = {"transaction_id": sale["id"], "lines": [{"line": 1, "quantity": 1}]}
    problem(await till.post(f"/v1/members/{other['id']}/returns", back), 404, "not-found")
    problem(await till.post(f"/v1/members/{member['id']}/returns", back | {"transaction_id": str(uuid.uuid4())}), 404, "not-found")
    problem(await till.post(f"/v1/members/{member['id']}/returns", back | {"lines": [{"line": 2, "quantity": 1}]}), 422, "invalid-request")
    problem(await till.post(f"/v1/members/{member['id']}/returns", back | {"lines": [{"line": 1, "quantity": 1}] * 2}), 422, "invalid-request")
    problem(await till.post(f"/v1/members/{member['id']}/returns", back | {"occurred_at": "2026-01-31T10:00:00Z"}), 422, "invalid-request")
