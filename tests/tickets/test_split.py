"""Does what a customer asks besides become a ticket of its own, waited for from the moment it was asked, and counted once?"""

import asyncio
import uuid
from typing import Any

import pytest
from crm_events.language.sla import SlaClockCancelled
from crm_events.language.tickets import TicketOpened, TicketStatusChanged
from crm_events.refusals import Invalid
from crm_events.store.store import EventStore
from ticket_story import SURVIVOR, TICKET, WORKDAY, Story, Tell, berlin, kinds, rejected
from tickets_client import Desk, ok


def answered(story: Tell) -> Story:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:30")
    return told


def asked(told: Story, at: str) -> uuid.UUID:
    message_id: uuid.UUID = told.say(at, "customer")[0].message_id  # type: ignore[attr-defined]
    return message_id


def test_the_new_tickets_clocks_run_from_when_the_message_came_and_none_is_left_on_the_old(story: Tell) -> None:
    told = answered(story)
    besides = asked(told, "2024-03-04T10:00")
    assert told.clock("next_reply").state == "running"
    other = told.split("2024-03-04T10:20", besides)
    assert (other.ticket.first.at, other.clock("first_reply").due_at) == (berlin("2024-03-04T10:00"), berlin("2024-03-04T11:00"))
    assert other.facts(TicketOpened)[0].event.split_from == TICKET and other.ticket.links[0].other_id == TICKET
    assert (told.clock("next_reply").state, told.ticket.standing().waiting, told.ticket.splits[0].other_id) == ("cancelled", None, SURVIVOR)
    assert told.resolve("2024-03-04T10:30")[0].attempt == 1  # type: ignore[attr-defined]
    other.say("2024-03-04T10:50")
    assert (other.clock("first_reply").state, other.clock("first_reply").used) == ("met", 3000)


def test_what_was_asked_before_still_waits_and_its_clock_runs_on(story: Tell) -> None:
    told = answered(story)
    asked(told, "2024-03-04T10:00")
    besides = asked(told, "2024-03-04T10:05")
    told.split("2024-03-04T10:10", besides)
    assert (told.clock("next_reply").state, told.clock("next_reply").due_at) == ("running", berlin("2024-03-04T10:30"))
    told = answered(story)
    first, second = asked(told, "2024-03-04T10:00"), asked(told, "2024-03-04T10:20")
    told.split("2024-03-04T10:25", first)
    assert (told.clock("next_reply").state, told.clock("next_reply").due_at) == ("running", berlin("2024-03-04T10:50")), "the other was asked later"
    assert told.ticket.standing().waiting and told.ticket.standing().waiting.message_id == second


def test_several_messages_are_one_ticket_from_the_first_of_them(story: Tell) -> None:
    told = answered(story)
    one, two = asked(told, "2024-03-04T10:00"), asked(told, "2024-03-04T10:05")
    other = told.split("2024-03-04T10:10", two, one, priority="urgent")
    opened = other.facts(TicketOpened)[0]
    assert (opened.event.text, opened.occurred_at, opened.event.priority) == ("…\n\n…", berlin("2024-03-04T10:00"), "urgent")
    assert told.ticket.splits[0].message_ids == (one, two) and told.clock("next_reply").state == "cancelled"


def test_what_the_message_did_to_the_ticket_is_put_right(story: Tell) -> None:
    told = answered(story)
    told.status("2024-03-04T09:40", "pending")
    besides = asked(told, "2024-03-04T10:00")
    told.split("2024-03-04T10:20", besides)
    assert (told.facts(TicketStatusChanged)[-1].event.status, told.ticket.standing().status) == ("pending", "pending")
    done = answered(story)
    done.resolve("2024-03-04T09:40")
    back = asked(done, "2024-03-04T10:00")
    done.split("2024-03-04T10:20", back)
    standing = done.ticket.standing()
    assert (standing.status, standing.reopened, standing.waiting) == ("open", 1, None), "told is told; but nobody waits"
    assert SlaClockCancelled in kinds([fact.event for fact in done.events]) and kinds(done.resolve("2024-03-04T10:30"))


def test_what_was_answered_is_judged_where_it_was_answered(story: Tell) -> None:
    told = answered(story)
    besides = asked(told, "2024-03-04T10:00")
    told.say("2024-03-04T10:10")
    rejected("answered", lambda: told.split("2024-03-04T10:20", besides))
    early = answered(story)
    late = asked(early, "2024-03-04T10:00")
    with pytest.raises(Invalid):
        early.split("2024-03-04T09:50", late)
    early.split("2024-03-04T10:20", late)
    rejected("already-split", lambda: early.split("2024-03-04T10:30", late))


# -- over HTTP


async def besides(desk: Desk, **fields: Any) -> tuple[dict[str, Any], str]:
    ticket = await desk.opened(**fields)
    ok(await desk.say(ticket), 201)
    return ticket, ok(await desk.say(ticket, kind="customer", text="فاکتور رسمی هم می‌خواهم."), 201)["id"]


async def split(desk: Desk, ticket: dict[str, Any], *ids: str, **more: Any) -> Any:
    key = more.pop("key", None)
    return await desk.post(f"/v1/tickets/{ticket['id']}/splits", {"message_ids": list(ids), "subject": "فاکتور"} | more, key=key)


async def test_the_words_go_along_to_whose_ticket_it_is_and_the_same_key_makes_one(desk: Desk, store: EventStore) -> None:
    ticket, asks = await besides(desk, priority="high", product="چای")
    somebody = str(uuid.uuid4())
    answer = await split(desk, ticket, asks, customer_id=somebody, kind="request", key=asks)
    made = ok(answer, 201)
    assert (made["customer_id"], made["kind"], made["priority"], made["status"]) == (somebody, "request", "high", "new")
    assert made["links"] == [{"ticket_id": ticket["id"], "kind": "split_from"}] and answer.headers["Location"] == f"/v1/tickets/{made['id']}"
    herself = desk.by("self", customer=somebody)
    [words] = ok(await herself.get(f"/v1/tickets/{made['id']}/messages"))["items"]
    assert (words["text"], words["author"]["kind"]) == ("فاکتور رسمی هم می‌خواهم.", "customer")
    again = await split(desk, ticket, asks, customer_id=somebody, kind="request", key=asks)
    assert again.headers["Idempotency-Replayed"] == "true" and again.json()["id"] == made["id"]
    assert (await desk.read(ticket))["links"] == [{"ticket_id": made["id"], "kind": "split"}]
    sealed = await store.pool.fetchval("select payload ->> 'text' from events where stream_id = $1 and type = 'ticket.opened'", uuid.UUID(made["id"]))
    before = await store.pool.fetchval("select payload ->> 'text' from events where stream_id = $1 and type = 'ticket.opened'", uuid.UUID(ticket["id"]))
    assert sealed.split(".")[1] != before.split(".")[1], "sealed with the key of whose it is now"


async def test_of_two_at_once_one_makes_the_ticket(desk: Desk, second_process: Desk) -> None:
    for _ in range(3):
        ticket, asks = await besides(desk)
        answers = await asyncio.gather(split(desk, ticket, asks), split(second_process, ticket, asks))
        assert sorted(answer.status_code for answer in answers) == [201, 409], [answer.text for answer in answers]
        assert len((await desk.read(ticket))["links"]) == 1


async def test_what_makes_no_sense_is_refused_by_name(desk: Desk) -> None:
    ticket, asks = await besides(desk)
    ours = ok(await desk.say(ticket, visibility="internal"), 201)["id"]
    for ids, code in (((ours,), "not-the-customers"), ((str(uuid.uuid4()),), "unknown-message"), ((ticket["id"],), "the-opening"), ((asks, asks), "twice")):
        answer = await split(desk, ticket, *ids)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, code)
    assert (await split(desk, ticket)).status_code == 422
    assert (await split(desk, {"id": str(uuid.uuid4())}, asks)).status_code == 404
    assert (await split(desk, ticket, asks, id=ticket["id"])).status_code in (409, 422)
    assert (await split(desk.by("self", customer=ticket["customer_id"]), ticket, asks)).status_code == 403
    for kind in ("split", "split_from"):
        assert (await desk.post(f"/v1/tickets/{ticket['id']}/links", {"other_id": (await desk.opened())["id"], "kind": kind})).status_code == 422
