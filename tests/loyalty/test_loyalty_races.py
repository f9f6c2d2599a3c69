"""Are the last points spent once, whoever asks at the same moment, through whichever process and whichever member of a merged customer?"""

import asyncio
import uuid
from collections import Counter
from typing import Any

from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_loyalty.reads import settled_long_ago
from loyalty_client import Till, ok

ROUNDS = 50


async def merged(store: EventStore, absorbed: str, survivor: str | None, position: int = 1) -> None:
    """As the follower of contacts notes it."""
    await store.pool.execute(
        "insert into customer_edge (customer_id, merged_into, position) values ($1, $2, $3) "
        "on conflict (customer_id) do update set merged_into = excluded.merged_into",
        uuid.UUID(absorbed), uuid.UUID(survivor) if survivor else None, position,
    )  # fmt: skip


async def twins(till: Till, store: EventStore, first: int, second: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two members of one merged customer, with so many points each; the second's expire first."""
    programme = await till.programme()
    one, two = await till.member(programme=programme), await till.member(programme=programme)
    await merged(store, two["customer_id"], one["customer_id"])
    if first:
        await till.buy(one, (1, first * 100))
    if second:
        await till.buy(two, (1, second * 100), occurred_at="2026-10-01T10:00:00Z")
    return one, two


async def test_the_last_points_are_held_by_exactly_one(till: Till, second_process: Till) -> None:
    programme = await till.programme()
    for _ in range(ROUNDS):
        member = await till.member(programme=programme)
        await till.buy(member, (1, 10_000))
        answers = await asyncio.gather(*((till, second_process)[number % 2].reserve(member, 60) for number in range(8)))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
        assert {answer.json()["rule"] for answer in answers if answer.status_code == 409} == {"insufficient-points"}
        held = await till.points(member)
        assert (held["available"], held["reserved"]) == (40, 60)


async def test_the_last_points_of_a_merged_customer_are_held_by_exactly_one(till: Till, second_process: Till, store: EventStore) -> None:
    """No member alone has enough for two, or even for one."""
    for _ in range(ROUNDS // 5):
        one, two = await twins(till, store, 50, 50)
        asked = [(client, member) for client in (till, second_process) for member in (one, two)] * 2
        answers = await asyncio.gather(*(client.reserve(member, 60) for client, member in asked))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
        held = [await till.points(member) for member in (one, two)]
        assert [(each["available"], each["reserved"]) for each in held] == [(40, 10), (0, 50)]


async def test_confirming_and_cancelling_at_once_leaves_every_point_in_one_place(till: Till, second_process: Till) -> None:
    programme = await till.programme()
    for number in range(ROUNDS):
        member = await till.member(programme=programme)
        await till.buy(member, (1, 10_000))
        redemption = ok(await till.reserve(member, 60), 201)["id"]
        first, second = (till, second_process) if number % 2 else (second_process, till)
        confirmed, cancelled = await asyncio.gather(first.confirm(member, redemption), second.cancel(member, redemption))
        assert cancelled.status_code == 200 and cancelled.json()["state"] in ("cancelled", "reversed")
        assert confirmed.status_code == (200 if cancelled.json()["state"] == "reversed" else 409)
        held = await till.points(member)
        assert (held["available"], held["reserved"], held["redeemed"]) == (100, 0, 0)


async def test_a_document_told_twice_at_once_is_counted_once(till: Till, second_process: Till) -> None:
    programme = await till.programme()
    for _ in range(ROUNDS // 5):
        member, document = await till.member(programme=programme), uuid.uuid4().hex
        answers = await asyncio.gather(*((till, second_process)[number % 2].sell(member, (1, 1000), document=document) for number in range(4)))
        assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
        assert (await till.points(member))["available"] == 10


async def test_the_last_of_a_line_comes_back_once(till: Till, second_process: Till) -> None:
    member = await till.member()
    for _ in range(ROUNDS // 5):
        sale = await till.buy(member, (1, 1000))
        back = {"transaction_id": sale["id"], "lines": [{"line": 1, "quantity": 1}]}
        answers = await asyncio.gather(*(each.post(f"/v1/members/{member['id']}/returns", back) for each in (till, second_process) * 2))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 3}
    assert (await till.points(member))["available"] == 0


async def test_a_redemption_over_a_merged_customer_moves_as_one_and_survives_taking_the_merge_back(till: Till, store: EventStore) -> None:
    one, two = await twins(till, store, 50, 50)
    reserved = ok(await till.reserve(one, 80), 201)
    assert reserved["points"] == 80 and [lot["points"] for lot in reserved["lots"]] == [30, 50]
    assert ok(await till.get(f"/v1/members/{two['id']}/redemptions/{reserved['id']}")) == reserved | {"lots": reserved["lots"]}
    await merged(store, two["customer_id"], None, 2)
    assert ok(await till.confirm(two, reserved["id"]))["state"] == "confirmed"
    assert [(await till.points(member))["redeemed"] for member in (one, two)] == [30, 50]
    assert ok(await till.cancel(one, reserved["id"]))["state"] == "reversed"
    assert [(await till.points(member))["available"] for member in (one, two)] == [50, 50]


async def test_a_member_that_gave_nothing_may_still_confirm_while_it_is_the_same_customer(till: Till, store: EventStore) -> None:
    one, two = await twins(till, store, 0, 50)
    reserved = ok(await till.reserve(one, 50), 201)
    assert (await till.points(two))["reserved"] == 50
    stranger = await till.member()
    assert (await till.confirm(stranger, reserved["id"])).status_code == 404
    assert ok(await till.confirm(one, reserved["id"]))["points"] == 50


async def test_a_repeated_command_answers_with_the_redemption_as_it_now_is(till: Till, store: EventStore) -> None:
    one, two = await twins(till, store, 50, 50)
    key, again = uuid.uuid4().hex, uuid.uuid4().hex
    reserved = ok(await till.reserve(one, 80, key=key), 201)
    await till.confirm(one, reserved["id"])
    assert ok(await till.reserve(one, 80, key=key), 201) == reserved | {"state": "confirmed"}
    assert [ok(await till.cancel(two, reserved["id"], key=again))["state"] for _ in range(2)] == ["reversed", "reversed"]
    (part, *_) = await settled_long_ago(store, uuid.UUID(reserved["id"]), [uuid.UUID(one["id"])])
    assert [(each.state, each.points) for each in part.redemptions] == [("reversed", 30)], "told from its events alone once it has left the page"
    nothing_new = uuid.uuid4().hex
    assert [ok(await till.cancel(one, reserved["id"], key=nothing_new))["points"] for _ in range(2)] == [80, 80]


async def test_a_merged_customers_members_are_found_by_any_of_their_ids(till: Till, store: EventStore) -> None:
    one, two = await twins(till, store, 1, 1)
    for customer in (one["customer_id"], two["customer_id"]):
        assert {item["id"] for item in ok(await till.get(f"/v1/members?customer_id={customer}"))["items"]} == {one["id"], two["id"]}
    own = till.by("self", customer=two["customer_id"])
    assert (await own.points(one))["available"] == 1, "what was merged with them is theirs"


async def test_after_a_race_every_row_is_the_fold_of_its_events(till: Till, second_process: Till, store: EventStore) -> None:
    one, two = await twins(till, store, 50, 50)
    answers = await asyncio.gather(*(each.reserve(member, 20) for each in (till, second_process) for member in (one, two)))
    assert {answer.status_code for answer in answers} == {201}
    verdict = await verify(store)
    assert verdict.differences == [] and verdict.events > 8
