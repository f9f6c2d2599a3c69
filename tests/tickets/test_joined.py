"""Do two tickets about one thing become one, with no clock left behind and no word lost?"""

import asyncio
import uuid
from typing import Any

import pytest
from crm_events.language.sla import SlaClockBreached, SlaClockCancelled, SlaClockMet
from crm_events.language.tickets import TicketClosed, TicketMerged
from crm_events.refusals import Rejected
from crm_events.store.store import EventStore
from crm_tickets.ticket import due
from ticket_story import SURVIVOR, WORKDAY, Tell, berlin, kinds, rejected
from tickets_client import Desk, ok


def test_t23_a_merged_ticket_has_no_live_clock(story: Tell) -> None:
    told, survivor = story(WORKDAY), story(WORKDAY)
    survivor.open("2024-03-04T09:00")
    told.open("2024-03-04T09:00")
    ended = told.merge("2024-03-04T09:30", survivor)
    assert kinds(ended) == [TicketMerged, TicketClosed, SlaClockCancelled, SlaClockCancelled]
    assert {event.reason for event in ended if isinstance(event, SlaClockCancelled)} == {"merged"}
    assert due(told.ticket) is None and told.wait("2024-03-11T09:00") == []
    assert (told.ticket.standing().status, told.ticket.standing().merged_into) == ("closed", SURVIVOR)


def test_what_was_broken_before_stays_broken_and_what_is_paused_is_cancelled_too(story: Tell) -> None:
    told, survivor = story(WORKDAY), story(WORKDAY)
    survivor.open("2024-03-04T09:00")
    told.open("2024-03-04T09:00")
    told.status("2024-03-04T10:30", "pending")
    told.merge("2024-03-04T11:00", survivor)
    assert [event.event.metric for event in told.facts(SlaClockBreached)] == ["first_reply"]
    assert [(clock.metric, clock.state) for clock in told.ticket.clocks] == [("first_reply", "breached"), ("resolution", "cancelled")]


def test_an_answer_heard_of_late_counts_where_it_was_given(story: Tell) -> None:
    told, survivor = story(WORKDAY), story(WORKDAY)
    survivor.open("2024-03-04T09:00")
    told.open("2024-03-04T09:00")
    told.merge("2024-03-04T09:50", survivor)
    told.say("2024-03-04T09:30")
    assert isinstance(told.facts(SlaClockMet)[-1].event, SlaClockMet) and told.clock("first_reply").state == "met"
    assert told.ticket.standing().merged_into == SURVIVOR


def test_nothing_more_happens_to_a_merged_ticket(story: Tell) -> None:
    told, survivor = story(WORKDAY), story(WORKDAY)
    survivor.open("2024-03-04T09:00")
    told.open("2024-03-04T09:00")
    told.merge("2024-03-04T09:30", survivor)
    for act in (told.say, told.resolve, told.reopen, told.close):
        rejected("merged", lambda act=act: act("2024-03-04T10:00"))
    rejected("merged", lambda: told.rate("2024-03-04T10:00", 5))
    assert told.merge("2024-03-04T11:00", survivor) == []


def test_a_ticket_is_not_merged_before_what_is_known_of_it(story: Tell) -> None:
    told, survivor = story(WORKDAY), story(WORKDAY)
    survivor.open("2024-03-04T09:00")
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T10:00")
    with pytest.raises(Rejected) as refused:
        told.merge("2024-03-04T09:30", survivor)
    assert refused.value.rule == "changed-since" and told.clock("first_reply").due_at == berlin("2024-03-04T10:00")


# -- over HTTP


async def two(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    customer, category = str(uuid.uuid4()), await desk.category()
    opened = {"customer_id": customer, "category": category, "subject": "کیف پاره رسید"}
    return await desk.opened(**opened), await desk.opened(**opened)


async def merge(desk: Desk, ticket: dict[str, Any], into: dict[str, Any], **more: Any) -> Any:
    return await desk.post(f"/v1/tickets/{ticket['id']}/merger", {"into_id": into["id"]}, **more)


def refused(answer: Any, rule: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json().get("rule")) == (409, rule), answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_t5_messages_of_both_tickets_are_read_after_the_merging_and_answers_go_to_the_one_that_is_left(desk: Desk) -> None:
    first, second = await two(desk)
    said = ok(await desk.say(first, kind="customer", text="هنوز نرسیده؟"), 201)
    merged = ok(await merge(desk, first, second))
    assert (merged["status"], merged["merged_into"]) == ("closed", second["id"])
    assert {clock["state"] for clock in merged["clocks"]} == {"cancelled"}
    left = await desk.read(second)
    assert (left["links"], left["status"], left["merged_into"]) == ([{"ticket_id": first["id"], "kind": "merged"}], "new", None)
    answer = ok(await desk.say(first, text="فردا می‌رسد."), 201)
    assert answer["ticket_id"] == second["id"] and (await desk.clock(second, "first_reply"))["state"] == "met"
    texts = [each["text"] for each in ok(await desk.get(f"/v1/tickets/{second['id']}/messages"))["items"]]
    assert texts == ["t", "فردا می‌رسد."]
    assert said["id"] in [each["id"] for each in ok(await desk.get(f"/v1/tickets/{first['id']}/messages"))["items"]]
    herself = desk.by("self", customer=first["customer_id"])
    assert ok(await herself.post(f"/v1/tickets/{first['id']}/messages", {"channel": "web", "text": "ممنون"}), 201)["ticket_id"] == second["id"]


async def test_a_message_sent_again_with_its_key_after_a_merging_is_the_one_it_was(desk: Desk) -> None:
    first, second = await two(desk)
    body = {"author": {"kind": "agent", "id": "agent-7"}, "channel": "web", "text": "سلام"}
    path = f"/v1/tickets/{first['id']}/messages"
    before = ok(await desk.post(path, body, key="once"), 201)
    ok(await merge(desk, first, second))
    again = await desk.post(path, body, key="once")
    assert again.headers["Idempotency-Replayed"] == "true" and again.json()["id"] == before["id"] and again.json()["ticket_id"] == first["id"]


async def test_what_goes_on_elsewhere_is_followed_to_its_end_and_takes_no_other_in(desk: Desk) -> None:
    first, second = await two(desk)
    third = await desk.opened(customer_id=first["customer_id"])
    ok(await merge(desk, first, second))
    assert refused(await merge(desk, third, first), "already-merged")["into"] == second["id"]
    assert refused(await merge(desk, first, third), "merged")["into"] == second["id"]
    ok(await merge(desk, second, third))
    assert ok(await desk.say(first), 201)["ticket_id"] == third["id"]
    assert (await desk.read(first))["version"] == ok(await merge(desk, first, second))["version"], "the same once more is nothing new"


async def test_what_makes_no_sense_is_refused_by_name(desk: Desk) -> None:
    first, second = await two(desk)
    refused(await merge(desk, first, first), "same-ticket")
    refused(await merge(desk, first, await desk.opened()), "other-customer")
    nowhere = await merge(desk, first, {"id": str(uuid.uuid4())})
    assert (nowhere.status_code, nowhere.json()["errors"][0]["pointer"]) == (422, "/into_id")
    assert (await merge(desk, {"id": str(uuid.uuid4())}, first)).status_code == 404
    ok(await desk.say(second), 201)
    ok(await desk.resolve(second))
    ok(await desk.post(f"/v1/tickets/{second['id']}/closure", {}))
    refused(await merge(desk, first, second), "closed")
    assert (await merge(desk.by("self", customer=first["customer_id"]), first, second)).status_code == 403


async def test_two_that_are_merged_into_each_other_at_once_leave_one(desk: Desk, second_process: Desk, store: EventStore) -> None:
    for _ in range(4):
        first = await desk.opened()
        second = await desk.opened(customer_id=first["customer_id"])
        answers = await asyncio.gather(merge(desk, first, second), merge(second_process, second, first))
        assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
        ids = [uuid.UUID(each["id"]) for each in (first, second)]
        assert await store.pool.fetchval("select count(*) from events where type = 'ticket.merged' and stream_id = any($1::uuid[])", ids) == 1


async def test_tickets_that_belong_together_are_linked_in_the_companys_own_words(desk: Desk) -> None:
    first, other = await desk.opened(), await desk.opened()
    path = f"/v1/tickets/{first['id']}/links"
    linked = ok(await desk.post(path, {"other_id": other["id"], "kind": "same_cause"}))
    assert linked["links"] == [{"ticket_id": other["id"], "kind": "same_cause"}]
    assert ok(await desk.post(path, {"other_id": other["id"], "kind": "same_cause"}))["version"] == linked["version"]
    assert (await desk.post(path, {"other_id": other["id"], "kind": "merged"})).status_code == 422
    assert (await desk.post(path, {"other_id": str(uuid.uuid4()), "kind": "x"})).status_code == 422
    refused(await desk.post(path, {"other_id": first["id"], "kind": "x"}), "same-ticket")
