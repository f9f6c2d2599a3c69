"""Is the ticket handled as the desk says? Each test a short story; times are Berlin's, 1 March 2024 is a Friday."""

from datetime import timedelta

import pytest
from crm_events.language.sla import (
    SlaClockBreached,
    SlaClockMet,
    SlaClockStarted,
    SlaConditions,
    SlaPolicyApplied,
)
from crm_events.language.tickets import (
    TicketAssigned,
    TicketCsatGiven,
    TicketEffortGiven,
    TicketFirstResponseMade,
    TicketMessageAdded,
    TicketOpened,
    TicketPrioritySet,
    TicketReopened,
    TicketResolved,
    TicketStatusChanged,
)
from crm_events.refusals import AlreadyExists, Invalid, NotFound
from crm_tickets.clock import latest
from crm_tickets.rules import STEPS
from crm_tickets.ticket import MESSAGES, evolved
from ticket_story import WORKDAY, Tell, berlin, kinds, policy, rejected

# -- what is said at once


def test_opening_starts_the_clocks_of_the_policy_that_applies(story: Tell) -> None:
    told = story(WORKDAY)
    assert kinds(told.open("2024-03-04T09:00")) == [TicketOpened, SlaPolicyApplied, SlaClockStarted, SlaClockStarted]
    assert {clock.metric: clock.due_at for clock in told.ticket.clocks} == {"first_reply": berlin("2024-03-04T10:00"), "resolution": berlin("2024-03-05T10:00")}
    assert told.clock("resolution").pauses == ("pending",)


def test_the_first_answer_opens_the_ticket_and_meets_its_target(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00")
    said = told.say("2024-03-04T09:45")
    assert kinds(said) == [TicketMessageAdded, TicketStatusChanged, TicketFirstResponseMade, SlaClockMet]
    message, status, response, verdict = said
    assert (message.waited_seconds, message.waited_business_seconds) == (2700, 2700) and message.answers_message_id
    assert (status.status, status.previous, status.cause) == ("open", "new", "message")
    assert (response.elapsed_seconds, response.business_seconds, response.revision, response.agent_id) == (2700, 2700, 1, "ann")
    assert (verdict.business_seconds, verdict.target_minutes, verdict.revision, verdict.agent_id, verdict.priority) == (2700, 60, 1, "ann", "normal")


def test_an_assignment_opens_a_new_ticket_and_answers_nobody(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00")
    assert kinds(told.assign("2024-03-04T09:10", "ann", "north")) == [TicketAssigned, TicketStatusChanged]
    assert told.clock("first_reply").state == "running"
    assert told.assign("2024-03-04T09:20", "ann", "north") == []
    [moved] = told.assign("2024-03-04T09:30", "bob")
    assert (moved.agent_id, moved.previous_agent_id, moved.group) == ("bob", "ann", None)


def test_a_ticket_of_our_own_awaits_no_reply(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00", author_kind="agent")
    assert [clock.metric for clock in told.ticket.clocks] == ["resolution"]
    told.resolve("2024-03-04T10:00")
    assert told.clock("resolution").state == "met"


# -- the end, and again


def test_a_waiting_customer_is_answered_first(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00")
    rejected("reply-first", lambda: told.resolve("2024-03-04T09:10"))
    told.say("2024-03-04T09:20", visibility="internal")
    told.say("2024-03-04T09:20", "system")
    rejected("reply-first", lambda: told.resolve("2024-03-04T09:30"))
    told.say("2024-03-04T09:40")
    assert kinds(told.resolve("2024-03-04T09:50")) == [TicketResolved]
    assert told.resolve("2024-03-04T09:55") == []


def test_a_message_reopens_what_was_resolved_and_waits(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:30")
    told.resolve("2024-03-04T10:00")
    events = told.say("2024-03-04T11:00", "customer")
    assert kinds(events) == [TicketMessageAdded, TicketReopened, SlaClockStarted, SlaClockStarted]
    assert (events[1].cause, events[1].count, events[1].resolved_at, events[1].resolved_by) == ("message", 1, berlin("2024-03-04T10:00"), "ann")
    assert (told.clock("resolution").instance, told.clock("resolution").due_at) == (2, berlin("2024-03-05T11:00"))
    rejected("reply-first", lambda: told.resolve("2024-03-04T11:10"))


def test_a_reopened_clock_starts_again_where_the_policy_says_so(story: Tell) -> None:
    told = story(policy(targets={"resolution": 480}, on_reopen="restart"))
    told.open("2024-03-04T09:00", author_kind="agent")
    told.resolve("2024-03-04T11:00")
    told.reopen("2024-03-05T09:00")
    assert told.clock("resolution").due_at == berlin("2024-03-06T10:00")


def test_closed_refuses_all_but_reopening_and_rating(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00", author_kind="agent")
    rejected("not-resolved", lambda: told.close("2024-03-04T09:10"))
    told.resolve("2024-03-04T10:00")
    rejected("reopen-first", lambda: told.status("2024-03-04T10:30", "pending"))
    told.close("2024-03-04T11:00")
    for act in (told.say, told.resolve, lambda at: told.status(at, "open"), lambda at: told.assign(at, "x"), lambda at: told.priority(at, "low")):
        rejected("closed", lambda act=act: act("2024-03-04T12:00"))
    assert told.close("2024-03-04T12:00") == []
    assert kinds(told.rate("2024-03-04T12:00", 5)) == [TicketCsatGiven]
    assert kinds(told.reopen("2024-03-04T13:00", "customer")) == [TicketReopened]
    rejected("reply-first", lambda: told.resolve("2024-03-04T13:30"))


def test_a_customers_reopening_awaits_a_reply_and_our_own_does_not(story: Tell) -> None:
    for cause, metrics in (("agent", ["resolution"]), ("customer", ["resolution", "next_reply"])):
        told = story(WORKDAY)
        told.open("2024-03-04T09:00", author_kind="agent")
        told.resolve("2024-03-04T10:00")
        assert [event.metric for event in told.reopen("2024-03-04T11:00", cause) if isinstance(event, SlaClockStarted)] == metrics


def test_a_rating_is_asked_of_what_was_resolved_and_the_newest_counts(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00", author_kind="agent")
    rejected("not-resolved", lambda: told.rate("2024-03-04T09:30", 5))
    told.resolve("2024-03-04T10:00")
    assert kinds(told.rate("2024-03-05T10:00", 2, effort=6)) == [TicketCsatGiven, TicketEffortGiven]
    assert told.rate("2024-03-05T11:00", 2, effort=6) == []
    told.rate("2024-03-06T11:00", 3, comment="better")
    told.rate("2024-03-04T11:00", 5)
    scores = [(fact.event.revision, fact.event.score, fact.occurred_at) for fact in told.facts(TicketCsatGiven)]
    assert scores[1:] == [(2, 3, berlin("2024-03-06T11:00")), (3, 5, berlin("2024-03-04T11:00")), (4, 3, berlin("2024-03-06T11:00"))]
    assert told.ticket.rating is not None and (told.ticket.rating.score, told.ticket.rating.comment) == (3, "better")


def test_an_id_is_opened_once_and_nothing_happens_to_a_ticket_that_is_not_there(story: Tell) -> None:
    told = story()
    with pytest.raises(NotFound):
        told.say("2024-03-04T09:00")
    told.open("2024-03-04T09:00")
    with pytest.raises(AlreadyExists):
        told.open("2024-03-04T09:00")
    with pytest.raises(Invalid):
        told.say("2024-03-04T08:00")
    told.say("2024-03-04T08:58")
    assert [fact.occurred_at for fact in told.facts(TicketMessageAdded)] == [berlin("2024-03-04T09:00")]


# -- bounds


def test_a_long_conversation_does_not_make_a_long_state(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    for number in range(2 * MESSAGES):
        told.say(berlin("2024-03-04T09:10") + timedelta(minutes=number), "customer" if number % 2 else "agent")
    assert len(told.ticket.steps) <= MESSAGES + 10 and len(told.ticket.clocks) <= MESSAGES + 10
    assert told.ticket.standing().replies == MESSAGES
    assert len(told.facts(TicketFirstResponseMade)) == 1
    verdicts = [fact.event for fact in told.events if isinstance(fact.event, SlaClockMet | SlaClockBreached)]
    assert max(event.revision for event in verdicts) == 1 and [clock.metric for clock in latest(told.ticket.clocks)].count("next_reply") == 1
    before = len(told.events)
    told.say("2024-03-04T09:11:30")
    assert kinds([fact.event for fact in told.events[before:]]) == [TicketMessageAdded] and told.ticket.standing().replies == MESSAGES + 1


def test_questions_repeated_without_end_do_not_make_a_long_state(story: Tell) -> None:
    told = story(policy(targets={"first_reply": 60_000}))
    told.open("2024-03-04T09:00")
    for number in range(2 * MESSAGES):
        told.say(berlin("2024-03-04T09:10") + timedelta(minutes=number), "customer")
    assert len(told.ticket.steps) <= MESSAGES + 10
    waited = told.say("2024-03-05T09:00")[0].waited_seconds
    assert waited == 86_400


def test_a_ticket_takes_only_so_many_changes(story: Tell) -> None:
    told = story(policy(when=SlaConditions(kinds=("idea",))))
    told.open("2024-03-04T09:00")
    changed = TicketPrioritySet(priority="high", previous="low", cause="manual")
    told.ticket = evolved(told.ticket, [changed] * STEPS, berlin("2024-03-04T10:00"))
    rejected("too-many-changes", lambda: told.priority("2024-03-04T11:00", "low"))
    assert told.say("2024-03-04T11:00")
