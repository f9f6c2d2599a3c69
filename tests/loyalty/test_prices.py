"""Is every change of price announced from the price that holds, even when two announce at once?"""

import asyncio
import uuid
from typing import Any

from loyalty_client import Till, ok
from problem_asserts import problem


async def announce(till: Till, goods: str, before: int, after: int, since: str, **fields: Any) -> Any:
    body = {"sku": goods, "from_price": before, "to_price": after, "currency": "IRR", "effective_from": f"{since}T00:00:00Z"}
    return await till.post("/v1/prices", body | fields)


async def test_changes_follow_one_another_and_a_late_one_overwrites_nothing(till: Till) -> None:
    sku = f"چای-{uuid.uuid4().hex}"
    first = ok(await announce(till, sku, 900, 950, "2026-01-01"), 201)
    assert (first["price"], first["sku"], first["category"], first["version"]) == (950, sku, None, 1)
    assert ok(await announce(till, sku, 900, 950, "2026-01-01"))["version"] == 1, "announced alike: nothing new"
    refused = problem(await announce(till, sku, 900, 990, "2026-03-01"), 409, "rejected")
    assert (refused["rule"], refused["price"]) == ("price-differs", 950)
    ok(await announce(till, sku, 950, 990, "2198-01-01"), 201)
    late = ok(await announce(till, sku, 880, 900, "2025-01-01"), 201)
    assert (late["price"], [each["to_price"] for each in late["changes"]]) == (950, [990, 950, 900])
    refused = problem(await announce(till, sku, 900, 940, "2026-01-01"), 409, "rejected")
    assert (refused["rule"], refused["price"]) == ("price-differs", 950), "the change after it begins there"
    anew = ok(await announce(till, sku, 950, 1000, "2198-01-01"), 201)
    assert [each["to_price"] for each in anew["changes"]][:2] == [990, 1000], "announced anew, it takes the other's place"
    assert ok(await announce(till, sku, 1000, 1100, "2198-02-01"), 201)["price"] == 950
    assert ok(await till.get(f"/v1/prices/{first['id']}"))["version"] == 5
    assert ok(await announce(till, sku, 5, 6, "2026-01-01", currency="EUR"), 201)["id"] != first["id"]


async def test_of_two_at_once_from_the_same_price_one_stands(till: Till, second_process: Till) -> None:
    for _ in range(8):
        sku = uuid.uuid4().hex
        ok(await announce(till, sku, 10, 20, "2026-01-01"), 201)
        answers = await asyncio.gather(announce(till, sku, 20, 30, "2026-02-01"), announce(second_process, sku, 20, 40, "2026-02-02"))
        assert sorted(answer.status_code for answer in answers) == [201, 409], "each joins the one before it and the one after it"


async def test_what_is_no_change_of_price_is_refused(till: Till) -> None:
    for wrong in ({"category": "tea"}, {"sku": None}, {"from_price": -1}, {"to_price": "9"}, {"currency": "x"}):
        problem(await announce(till, "s", 1, 2, "2026-01-01", **wrong), 422, "invalid-request")
    assert ok(await announce(till, "", 1, 2, "2026-01-01", sku=None, category=uuid.uuid4().hex), 201)["sku"] is None
    problem(await till.get(f"/v1/prices/{uuid.uuid4()}"), 404, "not-found")
    body = {"sku": "s", "from_price": 1, "to_price": 2, "currency": "EUR", "effective_from": "2026-01-01T00:00:00Z"}
    problem(await till.by("loyalty:write").post("/v1/prices", body), 403, "forbidden")
