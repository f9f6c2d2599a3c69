"""Do the commands of a member's life answer as they should, refuse what they must, and hold when two come at once?"""

import asyncio
import uuid
from collections import Counter
from typing import Any

import pytest
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from loyalty_client import Till, ok
from problem_asserts import problem

ROUNDS = 10


async def does(till: Till, member: dict[str, Any], what: str, **body: Any) -> Any:
    return await till.post(f"/v1/members/{member['id']}/{what}", body)


async def pair(till: Till, points: int = 100) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two members of one programme; the first with so many points."""
    programme = await till.programme()
    giver, taker = await till.member(programme=programme), await till.member(programme=programme)
    await till.buy(giver, (1, points * 100))
    return giver, taker


async def test_a_member_is_suspended_resumed_and_closed_and_may_join_again(till: Till) -> None:
    giver, _ = await pair(till)
    assert ok(await does(till, giver, "suspension", reason="fraud_check"))["state"] == "suspended"
    sale = await till.buy(giver, (1, 5_000))
    assert (sale["points"], sale["trace"]) == (0, []), "kept, and no rule was asked"
    assert problem(await till.reserve(giver, 1), 409, "rejected")["rule"] == "suspended"
    assert ok(await does(till, giver, "resumption", reason="cleared"))["state"] == "active"
    again = {"customer_id": giver["customer_id"], "programme": giver["programme"]}
    problem(await till.post("/v1/members", again), 409, "already-exists")
    closed = ok(await does(till, giver, "closure", reason="asked"))
    assert (closed["state"], closed["balance"]["expired"], closed["balance"]["available"]) == ("closed", 100, 0)
    assert ok(await does(till, giver, "closure", reason="again"))["version"] == closed["version"]
    assert problem(await till.sell(giver, (1, 5_000)), 409, "rejected")["rule"] == "closed"
    assert ok(await till.post("/v1/members", again), 201)["id"] != giver["id"]


async def test_blocked_points_are_shown_and_cannot_be_spent(till: Till) -> None:
    giver, _ = await pair(till)
    assert ok(await does(till, giver, "blocks", points=70, reason="fraud_check"))["balance"]["blocked"] == 70
    assert problem(await till.reserve(giver, 31), 409, "rejected")["rule"] == "insufficient-points"
    shown = await till.points(giver)
    assert (shown["available"], shown["blocked"], [lot["left"] for lot in shown["lots"]]) == (30, 70, [100])
    assert ok(await does(till, giver, "releases", reason="cleared"))["balance"]["available"] == 100
    entries = ok(await till.get(f"/v1/members/{giver['id']}/points/entries"))["items"]
    assert [(move["from_account"], move["to_account"]) for entry in entries[:2] for move in entry["movements"]] == [
        ("blocked", "available"),
        ("available", "blocked"),
    ]


async def test_a_tier_is_set_by_those_who_may(till: Till) -> None:
    giver, _ = await pair(till)
    path, body = f"/v1/members/{giver['id']}/tier", {"tier": "gold", "reason": "apology", "exception": "سه بار گم شد"}
    problem(await till.by("loyalty:write").put(path, body), 403, "forbidden")
    assert ok(await till.put(path, body))["tier"] == "gold"
    problem(await till.put(path, body | {"tier": "wood"}), 422, "invalid-request")
    problem(await till.put(f"/v1/members/{uuid.uuid4()}/tier", body), 404, "not-found")


async def test_points_move_to_another_member_once_whoever_repeats_it(till: Till) -> None:
    giver, taker = await pair(till)
    key = uuid.uuid4().hex
    path, body = f"/v1/members/{giver['id']}/transfers", {"to_member_id": taker["id"], "points": 60}
    first, again = [await till.post(path, body, key=key) for _ in range(2)]
    assert ok(first) == ok(again) and again.headers["Idempotency-Replayed"] == "true"
    assert [(each["available"], each["transferred"]) for each in (await till.points(giver), await till.points(taker))] == [(40, 60), (60, -60)]
    (entry, *_) = ok(await till.get(f"/v1/members/{taker['id']}/points/entries"))["items"]
    assert entry["transfer_id"] and entry["movements"][0]["from_account"] == "transferred"


@pytest.mark.parametrize(("other", "status", "kind"), [("self", 422, "invalid-request"), ("stranger", 409, "rejected"), ("nobody", 404, "not-found")])
async def test_points_go_only_to_another_member_of_the_programme(till: Till, other: str, status: int, kind: str) -> None:
    giver, _ = await pair(till)
    to = {"self": giver["id"], "stranger": (await till.member())["id"], "nobody": str(uuid.uuid4())}[other]
    problem(await does(till, giver, "transfers", to_member_id=to, points=1), status, kind)


async def test_the_last_points_are_given_held_or_blocked_by_exactly_one(till: Till, second_process: Till) -> None:
    for _ in range(ROUNDS):
        giver, taker = await pair(till)
        told = [
            request
            for client in (till, second_process)
            for request in (
                does(client, giver, "transfers", to_member_id=taker["id"], points=60),
                does(client, giver, "blocks", points=60, reason="r"),
                client.reserve(giver, 60),
            )
        ]
        answers = await asyncio.gather(*told)
        assert Counter(answer.is_success for answer in answers) == {True: 1, False: 5}
        assert {answer.json()["rule"] for answer in answers if not answer.is_success} == {"insufficient-points"}
        held, got = await till.points(giver), await till.points(taker)
        assert held["available"] == 40 and held["reserved"] + held["blocked"] + got["available"] == 60


async def test_two_who_give_to_each_other_at_once_lose_nothing(till: Till, second_process: Till, store: EventStore) -> None:
    for _ in range(ROUNDS):
        one, two = await pair(till)
        await till.buy(two, (1, 10_000))
        answers = await asyncio.gather(
            *(does(client, giver, "transfers", to_member_id=taker["id"], points=70) for client, giver, taker in ((till, one, two), (second_process, two, one)))
        )
        assert all(answer.is_success for answer in answers), "each had enough, in any order"
        held = [await till.points(member) for member in (one, two)]
        assert [each["available"] for each in held] == [100, 100] and sum(each["transferred"] for each in held) == 0
    assert (await verify(store)).differences == []


async def test_an_account_is_closed_or_its_points_are_held_never_both(till: Till, second_process: Till) -> None:
    for number in range(ROUNDS):
        member, _ = await pair(till)
        first, second = (till, second_process) if number % 2 else (second_process, till)
        closed, held = await asyncio.gather(does(first, member, "closure", reason="asked"), second.reserve(member, 60))
        assert {closed.is_success, held.is_success} == {True, False}
        assert (closed if held.is_success else held).json()["rule"] in ("reservations-open", "closed")
