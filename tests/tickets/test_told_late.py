"""What if a fact is told long after it happened? It is judged by its own time; what it moves is told again, and nothing newer is overwritten."""

from crm_events.language.sla import (
    SlaClockBreached,
    SlaClockMet,
    SlaClockStarted,
    SlaConditions,
)
from crm_events.language.tickets import (
    TicketAssigned,
    TicketFirstResponseMade,
    TicketMessageAdded,
    TicketRemeasured,
    TicketReopened,
    TicketResolved,
    TicketStatusChanged,
)
from crm_tickets.ticket import columns
from ticket_story import WORKDAY, Tell, berlin, kinds, policy


def test_an_answer_told_late_takes_the_breach_back_and_both_verdicts_stay(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00")
    told.wait("2024-03-04T11:00")
    told.say("2024-03-04T09:30")
    verdicts = [(type(fact.event), fact.event.revision, fact.occurred_at) for fact in told.events if isinstance(fact.event, SlaClockBreached | SlaClockMet)]
    assert verdicts == [(SlaClockBreached, 1, berlin("2024-03-04T10:00")), (SlaClockMet, 2, berlin("2024-03-04T09:30"))]
    assert (told.clock("first_reply").state, columns(told.ticket)["sla_state"]) == ("met", "met")


def test_an_earlier_first_answer_told_late_is_the_first_answer(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:50")
    told.say("2024-03-04T09:20")
    first, second = told.facts(TicketFirstResponseMade)
    assert (second.event.revision, second.event.business_seconds, second.occurred_at) == (2, 1200, berlin("2024-03-04T09:20"))
    assert told.ticket.first_response is not None and told.ticket.first_response.message_id != first.event.message_id
    assert [fact.event.business_seconds for fact in told.facts(SlaClockMet)] == [3000, 1200]


def test_a_late_status_moves_the_measures_but_not_the_status_of_now(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:10")
    told.status("2024-03-04T11:00", "on_hold")
    told.status("2024-03-04T11:30", "open")
    told.resolve("2024-03-04T12:00")
    late = told.status("2024-03-04T10:00", "pending")
    assert kinds(late) == [TicketStatusChanged, TicketRemeasured, SlaClockMet]
    assert (late[1].requester_wait_seconds, late[1].agent_work_seconds, late[1].revision) == (7200, 5400, 2)
    assert (late[2].business_seconds, late[2].revision) == (7200, 2)
    assert told.ticket.standing().status == "resolved"
    assert told.events[-1].occurred_at == berlin("2024-03-04T12:00")


def test_a_question_told_late_that_was_answered_long_ago_is_met_at_once(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:10")
    told.say("2024-03-04T10:00")
    late = told.say("2024-03-04T09:40", "customer")
    assert kinds(late) == [TicketMessageAdded, SlaClockStarted, SlaClockMet]
    assert (told.clock("next_reply").used, told.clock("next_reply").stopped_at) == (1200, berlin("2024-03-04T10:00"))


def test_a_question_told_late_reopens_what_had_been_resolved_before_it(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:10")
    told.say("2024-03-04T11:00", "customer")
    told.say("2024-03-04T11:10")
    events = told.resolve("2024-03-04T10:00")
    assert kinds(events) == [TicketResolved, TicketReopened] and told.events[-1].occurred_at == berlin("2024-03-04T11:00")
    assert (told.ticket.standing().status, told.ticket.standing().reopened) == ("open", 1)


def test_an_earlier_resolution_told_late_is_the_true_end_of_that_attempt(story: Tell) -> None:
    told = story()
    told.open("2024-03-04T09:00", author_kind="agent")
    told.resolve("2024-03-04T12:00")
    told.resolve("2024-03-04T10:00")
    assert [(fact.event.attempt, fact.event.revision, fact.event.resolution_seconds) for fact in told.facts(TicketResolved)] == [(1, 1, 10800), (1, 2, 3600)]


def test_a_late_priority_is_overruled_by_the_newer_one(story: Tell) -> None:
    urgent = policy("urgent", rank=0, targets={"first_reply": 15}, when=SlaConditions(priorities=("urgent",)))
    told = story(policy(), urgent)
    told.open("2024-03-04T09:00")
    told.priority("2024-03-04T09:30", "low")
    told.priority("2024-03-04T09:10", "urgent")
    assert told.ticket.standing().priority == "low"
    [breach] = told.facts(SlaClockBreached)
    assert (breach.event.target_minutes, breach.occurred_at) == (15, berlin("2024-03-04T09:15"))


def test_a_breach_told_already_is_not_forgotten_when_something_else_is_told_late(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.wait("2024-03-04T11:00")
    assert kinds(told.assign("2024-03-04T09:10", "ann")) == [TicketAssigned, TicketStatusChanged]
    assert told.clock("first_reply").state == "breached"


def test_a_promise_found_to_hold_from_earlier_on_is_the_same_promise(story: Tell) -> None:
    told = story(policy(when=SlaConditions(categories=("billing",))))
    told.open("2024-03-04T09:00")
    told.categorise("2024-03-04T09:40", "billing")
    told.categorise("2024-03-04T09:20", "billing")
    [clock] = told.ticket.clocks
    assert (clock.state, clock.started_at, clock.due_at) == ("running", berlin("2024-03-04T09:20"), berlin("2024-03-04T10:00"))
