"""Are promises judged as they were made? Each test a short story; times are Berlin's, 1 March 2024 is a Friday."""

from datetime import timedelta

import pytest
from crm_events.language.sla import (
    SlaClockBreached,
    SlaClockCancelled,
    SlaClockMet,
    SlaClockPaused,
    SlaClockResumed,
    SlaClockRetargeted,
    SlaClockStarted,
    SlaClockStopped,
    SlaConditions,
    SlaPolicyApplied,
)
from crm_events.language.tickets import (
    TicketClosed,
    TicketMessageAdded,
    TicketResolved,
    TicketStatusChanged,
)
from crm_tickets.ticket import due
from ticket_story import WORKDAY, Story, Tell, berlin, calendar, kinds, policy, promises

# -- what rivals got wrong


def test_t16_friday_half_past_four_and_an_hour_is_monday_half_past_nine(story: Tell) -> None:
    told = story()
    told.open("2024-03-01T16:30")
    assert told.clock("first_reply").due_at == berlin("2024-03-04T09:30")
    assert told.wait("2024-03-04T09:30") == []
    [verdict] = told.wait("2024-03-04T09:31")
    assert isinstance(verdict, SlaClockBreached) and told.events[-1].occurred_at == verdict.due_at == berlin("2024-03-04T09:30")


def test_t17_the_lunch_break_costs_nothing(story: Tell) -> None:
    long_days = calendar("long", periods=(("08:00", "12:00"), ("13:30", "18:00")))
    told = Story(promises(policy(calendar="long"), calendars=[long_days]))
    told.open("2024-03-04T11:45")
    assert told.clock("first_reply").due_at == berlin("2024-03-04T14:15")


def test_t18_three_days_of_the_customers_silence_add_nothing(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:30")
    [_, paused] = told.status("2024-03-04T10:00", "pending")
    assert isinstance(paused, SlaClockPaused) and (paused.business_seconds, paused.status) == (3600, "pending")
    woken = told.say("2024-03-07T10:00", "customer")
    assert kinds(woken) == [TicketMessageAdded, TicketStatusChanged, SlaClockResumed, SlaClockStarted]
    told.say("2024-03-07T10:30")
    resolved = told.resolve("2024-03-07T11:00")[0]
    assert (resolved.requester_wait_seconds, resolved.agent_work_seconds, resolved.resolution_seconds) == (7200, 7200, 74 * 3600)
    assert (resolved.agent_replies, resolved.attempt, resolved.resolution_business_seconds) == (2, 1, 23 * 3600)
    assert (told.clock("resolution").state, told.clock("resolution").used) == ("met", 7200)


def test_t19_a_shorter_update_target_does_not_overrule_the_first_reply(story: Tell) -> None:
    told = story(policy(targets={"first_reply": 60, "update": 15}))
    told.open("2024-03-04T09:00")
    assert [clock.metric for clock in told.ticket.clocks] == ["first_reply"] and due(told.ticket) == berlin("2024-03-04T10:00") + timedelta(milliseconds=1)
    told.say("2024-03-04T09:45")
    assert (told.clock("first_reply").state, told.clock("update").due_at) == ("met", berlin("2024-03-04T10:00"))


def test_t20_no_next_reply_clock_runs_when_we_spoke_last(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:30")
    told.say("2024-03-04T10:00", "customer")
    told.say("2024-03-04T10:10", "customer")
    told.say("2024-03-04T10:20")
    assert [(clock.state, clock.used) for clock in told.ticket.clocks if clock.metric == "next_reply"] == [("met", 1200)]
    assert told.wait("2024-03-04T16:00") == []


@pytest.mark.parametrize("channel", ["web", "phone", "email", "social"])
def test_t21_a_customers_message_by_any_channel_awaits_a_reply(story: Tell, channel: str) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:30")
    told.say("2024-03-04T10:00", "customer", channel=channel)
    assert (told.clock("next_reply").state, told.clock("next_reply").due_at) == ("running", berlin("2024-03-04T10:30"))


def test_t22_a_disabled_policy_escalates_nothing(story: Tell) -> None:
    disabled = policy(version=2, enabled=False, valid_from=berlin("2024-03-04T09:30"))
    told = story(policy())
    told.open("2024-03-04T09:00")
    told.promises = promises(policy(), disabled)
    [cancelled] = told.wait("2024-03-04T11:00")
    assert isinstance(cancelled, SlaClockCancelled) and cancelled.reason == "policy_disabled"
    assert told.events[-1].occurred_at == berlin("2024-03-04T09:30") and due(told.ticket) is None
    assert told.say("2024-03-04T11:30")[-1].type == "ticket.first_response_made"


def test_what_was_broken_before_the_policy_was_disabled_stays_broken(story: Tell) -> None:
    told = story(policy())
    told.open("2024-03-04T09:00")
    told.promises = promises(policy(), policy(version=2, enabled=False, valid_from=berlin("2024-03-04T10:30")))
    assert kinds(told.wait("2024-03-04T11:00")) == [SlaClockBreached]


def test_a_verdict_stands_though_its_policy_is_disabled_with_effect_from_before_it(story: Tell) -> None:
    told = story(policy())
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:30")
    told.promises = promises(policy(), policy(version=2, enabled=False, valid_from=berlin("2024-03-04T08:00")))
    told.say("2024-03-04T09:40", visibility="internal")
    told.say("2024-03-04T09:50")
    assert told.clock("first_reply").state == "met" and not told.facts(SlaClockCancelled)


def test_t25_the_first_closing_finds_the_measures_there(story: Tell) -> None:
    told = story(WORKDAY)
    told.open("2024-03-04T09:00", author_kind="system")
    told.resolve("2024-03-04T10:00")
    assert kinds(told.close("2024-03-04T11:00")) == [TicketClosed]
    [resolved] = told.facts(TicketResolved)
    assert (resolved.event.resolution_seconds, resolved.event.agent_work_business_seconds, resolved.event.agent_replies) == (3600, 3600, 0)


def test_t26_time_spent_pending_is_kept_when_the_promise_changes(story: Tell) -> None:
    urgent = policy("urgent", rank=0, targets={"resolution": 120}, pauses={"resolution": ("pending",)}, when=SlaConditions(priorities=("urgent",)))
    told = story(WORKDAY, urgent)
    told.open("2024-03-04T09:00")
    told.say("2024-03-04T09:30")
    told.status("2024-03-04T10:00", "pending")
    changed = told.priority("2024-03-05T10:00", "urgent")
    retargeted = next(event for event in changed if isinstance(event, SlaClockRetargeted))
    assert (retargeted.business_seconds, retargeted.target_minutes, told.clock("resolution").state) == (3600, 120, "paused")
    told.say("2024-03-06T09:00", "customer")
    assert told.clock("resolution").due_at == berlin("2024-03-06T10:00")


# -- targets, pauses, windows


def test_a_target_used_up_at_closing_time_may_still_be_met_before_the_next_opening(story: Tell) -> None:
    told = story()
    told.open("2024-03-01T16:00")
    assert told.clock("first_reply").due_at == berlin("2024-03-01T17:00")
    assert told.wait("2024-03-04T09:00") == []
    assert told.say("2024-03-04T08:55")[-1].type == "sla.clock_met"
    late = story()
    late.open("2024-03-01T16:00")
    [breach] = late.wait("2024-03-04T09:01")
    assert late.events[-1].occurred_at == breach.due_at == berlin("2024-03-01T17:00") and breach.business_seconds == 3600


def test_a_late_timer_changes_no_history(story: Tell) -> None:
    prompt, late = story(), story()
    for told in (prompt, late):
        told.open("2024-03-04T09:00")
    prompt.wait("2024-03-04T10:00:01")
    for told in (prompt, late):
        told.say("2024-03-04T10:40")
    assert [(fact.event.type, fact.occurred_at) for fact in prompt.events] == [(fact.event.type, fact.occurred_at) for fact in late.events]
    assert late.events[-1].event == SlaClockStopped(metric="first_reply", instance=1, business_seconds=6000)


def test_a_target_made_shorter_than_what_is_used_is_broken_at_the_change(story: Tell) -> None:
    urgent = policy("urgent", rank=0, targets={"first_reply": 15}, when=SlaConditions(priorities=("urgent",)))
    told = story(policy(), urgent)
    told.open("2024-03-04T09:00")
    events = told.priority("2024-03-04T09:20", "urgent")
    breach = events[-1]
    assert kinds(events)[1:] == [SlaPolicyApplied, SlaClockRetargeted, SlaClockBreached]
    assert (breach.due_at, breach.business_seconds, breach.target_minutes) == (berlin("2024-03-04T09:20"), 1200, 15)


def test_clocks_end_when_the_ticket_is_no_longer_of_the_kind_that_was_promised_anything(story: Tell) -> None:
    told = story(policy(when=SlaConditions(categories=("billing",))))
    told.open("2024-03-04T09:00", category="billing")
    cancelled = told.categorise("2024-03-04T09:20", "other")[-1]
    assert isinstance(cancelled, SlaClockCancelled) and cancelled.reason == "policy_changed"
    told.categorise("2024-03-04T09:30", "billing")
    assert (told.clock("first_reply").state, told.clock("first_reply").due_at) == ("running", berlin("2024-03-04T10:00"))


def test_the_lowest_rank_applies_then_more_conditions_then_the_name(story: Tell) -> None:
    narrow = SlaConditions(kinds=("question",))
    for policies, winner in (
        ([policy("b", rank=2), policy("c", rank=1)], "c"),
        ([policy("a"), policy("z", when=narrow)], "z"),
        ([policy("b"), policy("a")], "a"),
        ([policy("a", enabled=False), policy("b")], "b"),
        ([policy("a", valid_from=berlin("2025-01-01T00:00")), policy("b", rank=9)], "b"),
        ([policy("a", when=SlaConditions(channels=("phone",))), policy("b", rank=9)], "b"),
    ):
        told = story(*policies)
        told.open("2024-03-04T09:00")
        assert told.facts(SlaPolicyApplied)[0].event.policy == winner


def test_a_ticket_is_judged_by_the_version_in_force_when_it_was_opened(story: Tell) -> None:
    told = story(policy(targets={"first_reply": 10}), policy(version=2, targets={"first_reply": 20}, valid_from=berlin("2024-03-04T09:00")))
    told.open("2024-03-04T08:59")
    assert (told.clock("first_reply").policy_version, told.clock("first_reply").target_minutes) == (1, 10)


def test_the_requested_window_is_kept_only_by_resolving_within_it(story: Tell) -> None:
    window = {"requested_from": berlin("2024-03-05T10:00"), "requested_to": berlin("2024-03-05T12:00"), "author_kind": "agent"}
    for resolved, state, at in (("2024-03-05T11:00", "met", "2024-03-05T11:00"), ("2024-03-05T09:00", "breached", "2024-03-05T09:00"), ("2024-03-06T09:00", "breached", "2024-03-05T12:00")):  # fmt: skip  # noqa: E501
        told = story(policy(targets={}))
        told.open("2024-03-04T09:00", **window)
        told.resolve(resolved)
        verdict = next(fact for fact in told.events if isinstance(fact.event, SlaClockMet | SlaClockBreached))
        assert (told.clock("requested_time").state, verdict.occurred_at, verdict.event.policy) == (state, berlin(at), None)


def test_a_complaint_is_acknowledged_by_the_first_answer(story: Tell) -> None:
    told = story(policy(targets={"acknowledgement": 120}))
    told.open("2024-03-04T09:00", kind="complaint")
    told.say("2024-03-04T09:30")
    assert (told.clock("acknowledgement").state, told.clock("acknowledgement").used) == ("met", 1800)
