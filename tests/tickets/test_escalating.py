"""Is somebody called in when a promise is broken, once, and only where that still helps?"""

import asyncio
import uuid
from typing import Any

import pytest
from crm_events.consuming.record import Record
from crm_events.language.escalation import TicketEscalated
from crm_events.language.sla import OnBreach
from crm_events.language.tickets import TicketAssigned, TicketPrioritySet
from crm_events.refusals import NotFound
from crm_events.store.store import EventStore
from crm_tickets import escalating
from crm_tickets.on_breach import by_rule
from heard import stored
from ticket_story import WORKDAY, Story, Tell, kinds, rejected
from tickets_client import Desk, ok

LEAD = OnBreach(level=2, to="shift-lead", agent_id="bea", group="second", priority="high")


def breaks(told: Story, at: str, done: OnBreach = LEAD, instance: int = 1) -> list[Any]:
    return told.tell(at, escalating.broken, metric="first_reply", instance=instance, done=done, promises=told.promises)


def late(story: Tell) -> Story:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.wait("2024-03-04T10:01")
    return told


def test_what_the_policy_says_is_done_once_for_each_clock(story: Tell) -> None:
    told = late(story)
    first = breaks(told, "2024-03-04T10:02")
    assert kinds(first)[:2] == [TicketEscalated, TicketAssigned] and TicketPrioritySet in kinds(first)
    assert (told.ticket.standing().assignee, told.ticket.standing().group, told.ticket.standing().priority) == ("bea", "second", "high")
    assert breaks(told, "2024-03-04T10:03") == [], "judged again, it is done already"
    assert kinds(breaks(told, "2024-03-04T10:04", instance=2)) == [TicketEscalated], "another clock; the rest is as it should be"


def test_only_what_the_policy_names_is_done_and_nothing_is_made_less_urgent(story: Tell) -> None:
    told = late(story)
    told.priority("2024-03-04T10:02", "urgent")
    assert kinds(breaks(told, "2024-03-04T10:03", OnBreach(level=1, to="lead", priority="high"))) == [TicketEscalated]
    assert (told.ticket.standing().assignee, told.ticket.standing().priority) == (None, "urgent")


def test_a_ticket_that_is_done_needs_nobody(story: Tell) -> None:
    told, survivor = late(story), story(WORKDAY)
    told.say("2024-03-04T10:10")
    told.resolve("2024-03-04T10:20")
    assert breaks(told, "2024-03-04T10:30") == []
    rejected("reopen-first", lambda: told.tell("2024-03-04T10:31", escalating.escalate, level=1, to="lead", cause="angry"))
    gone = late(story)
    survivor.open("2024-03-04T09:00")
    gone.merge("2024-03-04T10:30", survivor)
    assert breaks(gone, "2024-03-04T10:40") == []


def test_by_hand_the_same_twice_is_once_and_told_late_it_stands_in_its_place(story: Tell) -> None:
    told = late(story)
    for level, to, at in ((1, "lead", "11:00"), (1, "lead", "11:05"), (2, "head", "11:10"), (1, "lead", "11:15"), (3, "board", "11:07")):
        told.tell(f"2024-03-04T{at}", escalating.escalate, level=level, to=to, cause="angry")
    assert [(each.level, each.to) for each in told.ticket.escalations] == [(1, "lead"), (3, "board"), (2, "head"), (1, "lead")]
    with pytest.raises(NotFound):
        story().tell("2024-03-04T09:00", escalating.escalate, level=1, to="lead", cause="x")


# -- heard


async def hears(store: EventStore, app: Any, *records: Record) -> None:
    [(_, handler)] = by_rule(store, app.state.desk).items()
    async with store.pool.acquire() as connection:
        await asyncio.gather(*(handler(connection, each) for each in records))


async def broken(desk: Desk, store: EventStore, **policy: Any) -> tuple[dict[str, Any], str, list[Record]]:
    """A ticket whose first answer came too late, its policy, and the verdict as it comes."""
    category = await desk.category(**({"on_breach": {"first_reply": {"to": "shift-lead", "agent_id": "bea"}}} | policy))
    ticket = await desk.opened(category=category, occurred_at="2024-03-04T09:00:00+01:00")
    ok(await desk.say(ticket, occurred_at="2024-03-04T11:00:00+01:00"), 201)
    return ticket, category, await stored(store, "sla.clock_breached", stream=ticket["id"], customer=ticket["customer_id"])


async def test_heard_twice_or_by_two_at_once_it_is_done_once(desk: Desk, store: EventStore, app: Any) -> None:
    ticket, _, [verdict] = await broken(desk, store)
    await hears(store, app, verdict, verdict)
    await hears(store, app, verdict)
    shown = await desk.read(ticket)
    assert ([one["to"] for one in shown["escalations"]], shown["assignee_id"]) == (["shift-lead"], "bea")
    cause = "select metadata ->> 'causation_id' from events where stream_id = $1 and type = 'ticket.escalated'"
    assert await store.pool.fetchval(cause, uuid.UUID(ticket["id"])) == verdict.headers["ce_id"].decode()


async def test_without_a_rule_or_with_the_policy_disabled_since_nobody_is_called(desk: Desk, store: EventStore, app: Any) -> None:
    plain, _, [verdict] = await broken(desk, store, on_breach={})
    await hears(store, app, verdict)
    assert (await desk.read(plain))["escalations"] == []
    ticket, category, [verdict] = await broken(desk, store)
    told = ok(await desk.get(f"/v1/sla-policies/{category}"))
    assert told["on_breach"]["first_reply"] == {"level": 1, "to": "shift-lead", "agent_id": "bea", "group": None, "priority": None}
    body = {name: told[name] for name in ("rank", "when", "targets", "calendar", "pauses", "on_reopen")}
    ok(await desk.put(f"/v1/sla-policies/{category}", body | {"enabled": False}))
    await hears(store, app, verdict)
    assert (await desk.read(ticket))["escalations"] == []


async def test_a_policy_that_another_process_just_defined_is_asked_for(desk: Desk, second_process: Desk, store: EventStore, app: Any) -> None:
    ticket, _, [verdict] = await broken(second_process, store)
    await hears(store, app, verdict)
    assert [one["to"] for one in (await desk.read(ticket))["escalations"]] == ["shift-lead"]


async def test_what_makes_no_sense_is_refused(desk: Desk) -> None:
    name = await desk.category()
    told = {"rank": 1, "targets": {"first_reply": 60}, "calendar": name, "on_breach": {"resolution": {"to": "lead"}}}
    assert (await desk.put(f"/v1/sla-policies/{name}", told)).status_code == 422, "no such promise is made"
    ticket = await desk.opened()
    path = f"/v1/tickets/{ticket['id']}/escalations"
    for body in ({"to": "lead", "level": 0}, {"to": "lead", "cause": "breach"}, {}):
        assert (await desk.post(path, body)).status_code == 422
    assert [one["cause"] for one in ok(await desk.post(path, {"to": "lead"}))["escalations"]] == ["manual"]
    assert (await desk.by("self", customer=ticket["customer_id"]).post(path, {"to": "lead"})).status_code == 403
