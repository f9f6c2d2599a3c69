"""Do points wait for as long as the programme says, until the day it names, or until what they wait for is done?"""

import asyncio
import random
import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from crm_events.language.programme import ProgrammePublished
from crm_events.refusals import Rejected
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_loyalty import points
from crm_loyalty.member import MEMBERS
from loyalty_client import PROGRAMME, Till, ok
from loyalty_words import Story, day, line, named, published
from problem_asserts import problem

JOINED, SOLD, THERE = "2026-03-01T00:00:00.000Z", "2026-03-02T00:00:00.000Z", "2026-03-05T00:00:00.000Z"


async def waiting(till: Till, **terms: Any) -> dict[str, Any]:
    """A member whose points wait."""
    return await till.member(programme=await till.programme(**terms), occurred_at=JOINED)


async def bought(till: Till, member: dict[str, Any], at: str = SOLD) -> str:
    return str((await till.buy(member, (1, 10_000), occurred_at=at))["id"])


async def done(till: Till, member: dict[str, Any], sale: str, action: str = "تحویل", **body: Any) -> Any:
    return await till.post(f"/v1/members/{member['id']}/transactions/{sale}/actions", {"action": action, "occurred_at": THERE} | body)


async def test_points_wait_until_a_day_and_those_earned_after_it_do_not(till: Till) -> None:
    member = await waiting(till, pending={"until": "2100-01-01T00:00:00Z"})
    await bought(till, member)
    known = await till.points(member)
    assert (known["pending"], known["available"], known["lots"][0]["activates_at"]) == (100, 0, "2100-01-01T00:00:00.000Z")
    past = await waiting(till, pending={"until": "2026-03-10T00:00:00Z"}, pending_days=2)
    for at in (SOLD, "2026-03-20T00:00:00Z"):
        await bought(till, past, at)
    lots = (await till.points(past))["lots"]
    assert sorted(lot["activates_at"] for lot in lots) == ["2026-03-10T00:00:00.000Z", "2026-03-22T00:00:00.000Z"]


async def test_points_wait_for_the_delivery_which_may_be_told_late(till: Till, store: EventStore) -> None:
    member = await waiting(till, pending={"action": "تحویل"}, pending_days=3650)
    sale, other = await bought(till, member), await bought(till, member)
    assert (await till.points(member))["pending"] == 200
    refused = problem(await done(till, member, sale, "signature"), 409, "rejected")
    assert (refused["rule"], refused["waits_for"]) == ("other-action", ["تحویل"])
    problem(await done(till, member, sale, occurred_at=JOINED), 422, "invalid-request")
    problem(await done(till, member, str(uuid.uuid4())), 404, "not-found")
    problem(await done(till, await till.member(), sale), 404, "not-found")
    now = ok(await done(till, member, sale))
    assert (now["balance"]["pending"], now["balance"]["available"]) == (100, 100)
    assert ok(await done(till, member, sale, occurred_at=None))["version"] == now["version"], "told again: nothing new"
    active = next(lot for lot in (await till.points(member))["lots"] if lot["state"] == "available")
    assert active["activates_at"] == THERE, "from when it was done, not from when it was told"
    [entry] = [each for each in ok(await till.get(f"/v1/members/{member['id']}/points/entries"))["items"] if each["type"] == "points.activated"]
    assert (entry["occurred_at"], entry["type"]) == (THERE, "points.activated")
    assert problem(await till.reserve(member, 101), 409, "rejected")["available"] == 100
    ok(await till.post(f"/v1/members/{member['id']}/returns", {"transaction_id": other, "lines": [{"line": 1, "quantity": 1}]}))
    assert ok(await done(till, member, other))["balance"]["available"] == 100, "what came back waits for nothing"
    assert (await verify(store)).whole


async def test_the_rule_of_the_purchase_says_what_its_points_wait_for(till: Till) -> None:
    name = await till.programme(pending={"action": "delivery"}, pending_days=30, valid_from="2026-01-01T00:00:00Z")
    member = await till.member(programme=name, occurred_at=JOINED)
    moment = datetime.now().astimezone().isoformat()
    sale = await bought(till, member, moment)
    changed = PROGRAMME | {"pending": {"action": "signature"}, "pending_days": 30, "valid_from": "2026-02-01T00:00:00Z"}
    ok(await till.put(f"/v1/programmes/{name}", changed))
    assert ok(await till.get(f"/v1/programmes/{name}"))["pending"] == {"action": "signature"}
    assert problem(await done(till, member, sale, "signature", occurred_at=None), 409, "rejected")["waits_for"] == ["delivery"]
    assert ok(await done(till, member, sale, "delivery", occurred_at=None))["balance"]["available"] == 100


async def test_told_by_many_at_once_points_are_given_once(till: Till, second_process: Till) -> None:
    for _ in range(6):
        member = await waiting(till, pending={"action": "delivery"}, pending_days=3650)
        sale = await bought(till, member)
        back = {"transaction_id": sale, "lines": [{"line": 1, "quantity": 1}]}
        answers = await asyncio.gather(
            *(done(client, member, sale, "delivery") for client in (till, second_process) * 2), till.post(f"/v1/members/{member['id']}/returns", back)
        )  # fmt: skip
        assert Counter(answer.status_code for answer in answers) == {200: 5}
        balance = ok(await till.get(f"/v1/members/{member['id']}"))["balance"]
        assert (balance["pending"], balance["available"], balance["reversed"], balance["debt"]) == (0, 0, 100, 0)


@pytest.mark.parametrize("seed", range(20))
def test_what_can_be_spent_is_that_of_a_simulation_point_by_point(seed: int) -> None:
    """Every point has the day of its purchase, of its delivery if told, and of its end; at each day each is asked where it is."""
    luck = random.Random(seed)
    waits, days, months = luck.choice(["action", "until", None]), luck.randint(1, 60), luck.choice([1, 2])
    terms: dict[str, Any] = {"action": {"action": "delivery"}, "until": {"until": day(luck.randint(0, 60))}}.get(str(waits), {})
    told = {"pending": terms} if terms else {}
    version = published(pending_days=days, expiry={"months": months}, **told)
    story, tokens = Story(version), list[dict[str, Any]]()
    todo = sorted((luck.randint(0, 70), luck.choice(["sell", "sell", "deliver"])) for _ in range(25))
    for number, (when, what) in enumerate(todo):
        now = day(when) + timedelta(minutes=number)
        if what == "sell":
            worth = luck.randint(0, 9)
            story.buys(f"D-{number}", line(paid=100 * worth), at=now)
            latest = now + timedelta(days=days)
            latest = max(latest, terms["until"]) if "until" in terms else latest
            ends = next((lot.expires_at for lot in story.member.ledger.lots if lot.transaction_id == named(f"D-{number}")), None)
            tokens += [{"sale": f"D-{number}", "from": latest, "to": ends} for _ in range(worth)]
        elif tokens:
            story.until(now)
            sale = luck.choice(tokens)["sale"]
            decide = {"transaction_id": named(sale), "action": "delivery", "at": now}
            if waits != "action":
                with pytest.raises(Rejected):
                    points.done(story.member, waits_for=(), **decide)
                continue
            story.add(points.done(story.member, waits_for={"delivery"}, **decide), now)
            for token in tokens:
                if token["sale"] == sale:
                    token["from"] = min(token["from"], now)
        story.until(now)
        there = [token for token in tokens if token["to"] > now]
        expected = (sum(token["from"] > now for token in there), sum(token["from"] <= now for token in there), len(tokens) - len(there))
        ledger = story.member.ledger
        assert (ledger.pending, ledger.available, ledger.expired) == expected, f"{todo[: number + 1]}"
        assert ledger.issued == ledger.pending + ledger.available + ledger.expired
        assert MEMBERS.due(story.member) is None or MEMBERS.due(story.member) > now  # type: ignore[operator]


def test_what_was_published_before_is_read_as_it_was() -> None:
    old = published(pending_days=14)
    text = old.payload()
    assert b'"pending"' not in text and b"referral" not in text and ProgrammePublished.model_validate_json(text) == old
    story = Story(ProgrammePublished.model_validate_json(text))
    story.buys("A-1", line(paid=500), at=day(1))
    assert [lot.activates_at for lot in story.member.ledger.lots] == [day(15)]


async def test_what_points_cannot_wait_for_is_refused(till: Till) -> None:
    for wrong in ({}, {"action": "a", "until": SOLD}, {"action": ""}, {"until": "2300-01-01T00:00:00Z"}, {"days": 3}):
        problem(await till.put(f"/v1/programmes/p{uuid.uuid4().hex}", PROGRAMME | {"pending_days": 3, "pending": wrong}), 422, "invalid-request")
    problem(await till.put(f"/v1/programmes/p{uuid.uuid4().hex}", PROGRAMME | {"pending": {"action": "delivery"}}), 422, "invalid-request")
