"""Is a customer asked rarely, by a link that needs no account, and answered once?"""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from crm_chassis.link_tokens import LinkTokens
from crm_events.refusals import Rejected
from crm_events.store.store import EventStore
from crm_tickets import asking
from fastapi import FastAPI
from ticket_story import WORKDAY, Story, Tell, rejected
from tickets_client import Desk, ok


def resolved(story: Tell) -> Story:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:10")
    told.resolve("2024-03-04T09:20")
    return told


def ask(told: Story, at: str) -> list[Any]:
    return told.tell(at, asking.ask)


def answer(told: Story, at: str, score: int, number: int = 1) -> list[Any]:
    return told.tell(at, asking.answer, number=number, score=score, effort=None, courtesy=None, comment=None)


def test_asked_once_reminded_once_and_never_after_an_answer(story: Tell) -> None:
    told = resolved(story)
    [first] = ask(told, "2024-03-04T10:00")
    assert (first.ask, first.attempt) == (1, 1) and ask(told, "2024-03-07T09:59") == []
    [reminder] = ask(told, "2024-03-07T10:00")
    assert reminder.ask == 2
    rejected("asked-enough", lambda: ask(told, "2024-03-20T10:00"))
    answer(told, "2024-03-08T10:00", 4)
    rejected("answered", lambda: ask(told, "2024-03-20T10:00"))


def test_who_has_rated_otherwise_is_not_asked(story: Tell) -> None:
    told = resolved(story)
    told.rate("2024-03-04T09:30", 5)
    rejected("answered", lambda: ask(told, "2024-03-04T10:00"))
    rejected("not-resolved", lambda: ask(_opened(story), "2024-03-04T10:00"))


def _opened(story: Tell) -> Story:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    return told


def test_the_answer_is_mended_for_a_day_by_either_link_and_then_stands(story: Tell) -> None:
    told = resolved(story)
    ask(told, "2024-03-04T10:00")
    ask(told, "2024-03-07T10:00")
    [given] = answer(told, "2024-03-08T10:00", 2)
    assert (given.ask, given.revision) == (1, 1)
    assert answer(told, "2024-03-08T10:05", 2) == [], "the same again is nothing new"
    [mended] = answer(told, "2024-03-09T09:59", 5, number=2)
    assert (mended.ask, mended.revision, told.ticket.rating and told.ticket.rating.score) == (2, 2, 5)
    rejected("answered", lambda: answer(told, "2024-03-09T10:00", 1))
    rejected("answered", lambda: answer(told, "2024-03-09T10:00", 1, number=2))


def test_a_ticket_taken_up_again_asks_anew_and_the_old_link_is_closed(story: Tell) -> None:
    told = resolved(story)
    ask(told, "2024-03-04T10:00")
    told.reopen("2024-03-05T10:00")
    rejected("not-resolved", lambda: answer(told, "2024-03-05T11:00", 1))
    told.resolve("2024-03-05T12:00")
    rejected("not-resolved", lambda: answer(told, "2024-03-05T13:00", 1))
    [again] = ask(told, "2024-03-05T13:00")
    assert (again.ask, again.attempt) == (2, 2)
    assert answer(told, "2024-03-05T14:00", 5, number=2)[0].score == 5
    with pytest.raises(Rejected):
        answer(told, "2024-03-05T14:00", 5, number=9)


# -- over HTTP


async def link(desk: Desk, **fields: Any) -> tuple[dict[str, Any], str]:
    """A resolved ticket, and the token of its link."""
    ticket = await desk.opened(**fields)
    ok(await desk.say(ticket), 201)
    ok(await desk.resolve(ticket))
    return ticket, ok(await desk.post(f"/v1/tickets/{ticket['id']}/satisfaction-links", {}))["token"]


def bearer(desk: Desk, token: str) -> Desk:
    return Desk(desk.http, desk.issuer, token)


async def test_without_an_account_the_bearer_of_the_link_says_it_once_for_one_ticket(desk: Desk, store: EventStore) -> None:
    ticket, token = await link(desk)
    customer = bearer(desk, token)
    assert ok(await customer.get("/v1/satisfaction")) | {"expires_at": ""} == {
        "state": "open", "score": None, "effort": None, "courtesy": None, "expires_at": "", "changes_until": None,
    }  # fmt: skip
    told = ok(await customer.put("/v1/satisfaction", {"score": 4, "effort": 2, "comment": "زود رسید، ممنون"}))
    assert (told["state"], told["score"], told["effort"]) == ("answered", 4, 2) and told["changes_until"]
    assert (await desk.read(ticket))["satisfaction"]["comment"] == "زود رسید، ممنون"
    row = await store.pool.fetchrow(
        "select payload, metadata ->> 'actor' as actor from events where stream_id = $1 and type = 'ticket.csat_given'", uuid.UUID(ticket["id"])
    )
    assert row["actor"] == f"customer:{ticket['customer_id']}" and "ممنون" not in row["payload"] and '"ask":1' in row["payload"]
    for path in (f"/v1/tickets/{ticket['id']}", "/v1/tickets"):
        assert (await customer.get(path)).status_code == 403, "it opens nothing else"
    assert (await customer.post(f"/v1/tickets/{ticket['id']}/closure", {})).status_code == 403
    refused = await desk.post(f"/v1/tickets/{ticket['id']}/satisfaction-links", {})
    assert (refused.status_code, refused.json()["rule"]) == (409, "answered")


async def test_a_token_that_is_not_ours_or_whose_time_is_over_opens_nothing(desk: Desk, app: FastAPI) -> None:
    ticket, token = await link(desk)
    links: LinkTokens = app.state.chassis.links
    real = links.read(token, datetime.now(UTC))
    assert real is not None and real.about == uuid.UUID(ticket["id"])
    over = links.sign(type(real)(real.scope, real.about, real.number, datetime.now(UTC) - timedelta(seconds=1)))
    for bad in (over, token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "crml_", "crml_" + "A" * 80):
        assert (await bearer(desk, bad).put("/v1/satisfaction", {"score": 5})).status_code == 401, bad
    nowhere = links.sign(type(real)(real.scope, uuid.uuid4(), 1, real.until))
    unasked = links.sign(type(real)(real.scope, real.about, 7, real.until))
    assert [(await bearer(desk, each).get("/v1/satisfaction")).status_code for each in (nowhere, unasked)] == [404, 404]
    assert (await desk.get("/v1/satisfaction")).status_code == 403, "an agent cannot answer for a customer"
    assert (await Desk(desk.http, desk.issuer, desk.issuer.token(["satisfaction"])).get("/v1/satisfaction")).status_code == 403


async def test_what_a_customer_may_not_say_is_refused(desk: Desk) -> None:
    _, token = await link(desk)
    for body in ({}, {"score": 0}, {"score": 6}, {"score": 5, "effort": 8}, {"score": 5, "comment": ""}, {"score": 5, "occurred_at": "2020-01-01T00:00:00Z"}):
        assert (await bearer(desk, token).put("/v1/satisfaction", body)).status_code == 422, body


async def test_many_links_and_many_answers_at_once_are_one(desk: Desk, store: EventStore) -> None:
    ticket = await desk.opened()
    ok(await desk.say(ticket), 201)
    ok(await desk.resolve(ticket))
    made = await asyncio.gather(*(desk.post(f"/v1/tickets/{ticket['id']}/satisfaction-links", {}) for _ in range(5)))
    assert len({ok(answer)["token"] for answer in made}) == 1
    customer = bearer(desk, made[0].json()["token"])
    answers = await asyncio.gather(*(customer.put("/v1/satisfaction", {"score": score}) for score in (1, 2, 3, 4, 5)))
    assert all(answer.status_code == 200 for answer in answers)
    rows = await store.pool.fetch("select payload from events where stream_id = $1 and type = 'ticket.csat_given' order by version", uuid.UUID(ticket["id"]))
    assert sorted(int(row["payload"].split('"revision":')[1].split("}")[0].split(",")[0]) for row in rows) == [1, 2, 3, 4, 5], (
        "each its revision, the last counts"
    )


async def test_who_asked_to_be_forgotten_is_neither_asked_nor_heard(desk: Desk, store: EventStore) -> None:
    ticket, token = await link(desk)
    await store.pool.execute("insert into customer_edge (customer_id, position, erased) values ($1, 1, true)", uuid.UUID(ticket["customer_id"]))
    assert (await bearer(desk, token).get("/v1/satisfaction")).status_code == 410
    assert (await bearer(desk, token).put("/v1/satisfaction", {"score": 5})).status_code == 410
    assert (await desk.post(f"/v1/tickets/{ticket['id']}/satisfaction-links", {})).status_code == 410
