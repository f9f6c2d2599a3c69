"""What must still be told, so that what we said of a ticket agrees with its course?

In the usual order of things that is the next thing each clock did. After a late fact it is a correction: a verdict that no longer holds is told again with
`revision` + 1, at its own moment; nothing told is ever taken away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, assert_never

from crm_events.business_time import moment, ms
from crm_events.deciding import At
from crm_events.language.sla import (
    SlaClockBreached,
    SlaClockCancelled,
    SlaClockMet,
    SlaClockPaused,
    SlaClockResumed,
    SlaClockRetargeted,
    SlaClockStarted,
    SlaClockStopped,
)
from crm_events.language.tickets import TicketEvent, TicketFirstResponseMade, TicketRemeasured, TicketReopened, TicketStatusChanged

from crm_tickets.clock import Clock, ClockEvent
from crm_tickets.course import THROUGH, Course, course
from crm_tickets.promises import Promises
from crm_tickets.steps import Asked, Assigned, Closed, Merged, Reopened, Resolved, Standing, StatusIs, after
from crm_tickets.ticket import BY_MESSAGE, Ticket, evolved
from crm_tickets.watch import Mark, Reason, Watch


def consequences(ticket: Ticket, promises: Promises, at: datetime) -> list[At[TicketEvent]]:
    """What follows from the ticket's facts and is not yet told; `at` is the moment of the command."""
    own = following(ticket)
    ticket = evolved(ticket, own, at)
    life = course(ticket, promises, max([at, *(_known(clock) for clock in ticket.clocks)]))
    return [*own, *_responses(ticket, life), *_measures(ticket, life), *clock_events(ticket, life)]


def _known(clock: Clock) -> datetime:
    """What was told of a clock presumes that time has come so far: a target used up is broken only after the moment, in business hours."""
    used_up = clock.said == "breached" and clock.said_at == clock.due_at and clock.used == clock.target_minutes * 60
    return clock.breaks_at + timedelta(milliseconds=1) if used_up else clock.said_at


# -- the ticket itself


def following(ticket: Ticket) -> list[At[TicketEvent]]:
    """Changes of status that follow from messages and assignments, and reopenings that follow from messages, where they are not yet told, or told wrongly."""
    now, found = ticket.at_opening(), list[At[TicketEvent]]()
    for at, group in groupby(ticket.steps, key=lambda step: step.at):
        steps, then = tuple(group), now
        for step in steps:
            previous, then = then, after(then, step)
            if then.reopened > previous.reopened and not any(isinstance(each, Reopened) for each in steps):
                found.append(At(_reopened(previous, then, by_customer=isinstance(step, Asked)), at))
        told = next((step.status for step in reversed(steps) if isinstance(step, StatusIs)), None)
        unsaid = told is None and not any(isinstance(step, Resolved | Closed | Reopened | Merged) for step in steps) and now.status != then.status
        if then.status not in ("resolved", "closed") and then.reopened == now.reopened and (unsaid or told not in (None, then.status)):
            before = told or (now.status if now.status not in ("resolved", "closed") else "open")
            cause = "rule" if told else "assignment" if any(isinstance(step, Assigned) for step in steps) else "message"
            found.append(At(TicketStatusChanged(status=then.status, previous=before, cause=cause), at))
        now = then
    return found


def _reopened(now: Standing, then: Standing, *, by_customer: bool) -> TicketReopened:
    resolved_at = now.resolved_at or now.closed_at
    if resolved_at is None:
        raise AssertionError("only what was resolved or closed is reopened")
    return TicketReopened(cause="message" if by_customer else "agent", count=then.reopened, resolved_at=resolved_at, resolved_by=now.resolved_by)


def _responses(ticket: Ticket, life: Course) -> list[At[TicketEvent]]:
    made, told = life.response, ticket.first_response
    if made is None:
        return []
    if told and (told.message_id, told.elapsed_seconds, told.business_seconds) == (made.step.message_id, made.elapsed_seconds, made.business_seconds):
        return []
    event = TicketFirstResponseMade.model_validate(
        {
            "message_id": made.step.message_id, "agent_id": made.step.agent_id or life.standing.assignee or "unknown", "channel": made.step.channel,
            "elapsed_seconds": made.elapsed_seconds, "business_seconds": made.business_seconds, "revision": told.revision + 1 if told else 1,
        }
    )  # fmt: skip
    return [At(event, made.step.at)]


def _measures(ticket: Ticket, life: Course) -> list[At[TicketEvent]]:
    told = {each.number: each for each in ticket.attempts}
    last = {each.step.attempt: each for each in life.attempts}.values()
    moved = [each for each in last if each.step.attempt in told and told[each.step.attempt].figures != each.figures]
    return [
        At(TicketRemeasured(attempt=each.step.attempt, revision=told[each.step.attempt].revision + 1, **named(each.figures)), each.step.at) for each in moved
    ]


def named(figures: tuple[int, ...]) -> dict[str, Any]:
    """The measures under the names they have in events."""
    names = [f"{measure}_{unit}" for measure in ("resolution", "requester_wait", "agent_work") for unit in ("seconds", "business_seconds")]
    return dict(zip(["agent_replies", *names], figures, strict=True))


# -- its clocks


def clock_events(ticket: Ticket, life: Course) -> list[At[TicketEvent]]:
    """What each clock did since it was last spoken of, in the order in which it happened."""
    found, numbers = list[tuple[int, At[TicketEvent]]](), {clock.metric: clock.instance for clock in sorted(ticket.clocks, key=lambda clock: clock.instance)}
    for watch, clock in pairs(ticket, life):
        if watch is None:
            if clock is not None:
                found += _vanished(ticket, clock, life)
            continue
        if clock is None:
            numbers[watch.metric] = numbers.get(watch.metric, 0) + 1
        number, revision = (clock.instance, clock.revision) if clock else (numbers[watch.metric], 0)
        for mark in untold(watch.marks, clock):
            revision += mark.said in ("met", "breached")
            found.append((mark.at, At(_event(watch, mark, number, revision), moment(mark.at))))
    return [event for _, event in sorted(found, key=lambda each: each[0])]


def _vanished(ticket: Ticket, clock: Clock, life: Course) -> list[tuple[int, At[TicketEvent]]]:
    """A clock that a late fact took the ground from: the ticket was resolved, as we now know, when it began; or nothing had promised it then.

    A verdict given under a policy that was disabled afterwards with effect from before stands: it was true by the promises of then.
    """
    disabled = life.promises.disabled_since(clock.policy, ticket.first.at) if clock.policy else None
    if clock.state == "cancelled" or (clock.state in ("met", "breached") and disabled is not None and disabled <= clock.started_at):
        return []
    reason: Reason = "resolved" if ticket.standing(clock.started_at).done else "policy_changed"
    return [(life.now, At(SlaClockCancelled(metric=clock.metric, instance=clock.instance, reason=reason), moment(life.now)))]


def pairs(ticket: Ticket, life: Course) -> list[tuple[Watch | None, Clock | None]]:
    """Each clock of the course with what was told of it, and what was told of clocks that the course does not know."""
    old, page = list(ticket.clocks), ms(ticket.page_from) if ticket.page_from else None
    found = list[tuple[Watch | None, Clock | None]]()
    watches = [watch for watch in life.watches if page is None or watch.metric not in BY_MESSAGE or watch.origin >= page]
    exact: dict[int, Clock] = {}
    for watch in watches:
        if begun_with_it := _same(old, watch):
            exact[id(watch)] = begun_with_it
            old.remove(begun_with_it)
    for watch in watches:
        told = exact.get(id(watch)) or _overlapping(old, watch)
        if told in old:
            old.remove(told)
        found.append((watch, told))
    return found + [(None, clock) for clock in old if page is None or clock.metric not in BY_MESSAGE or ms(clock.started_at) >= page]


def _same(old: Sequence[Clock], watch: Watch) -> Clock | None:
    alike = [clock for clock in old if clock.metric == watch.metric and ms(clock.started_at) == watch.started]
    return next((clock for clock in alike if (clock.state == "cancelled") == watch.cancelled), alike[0] if alike else None)


def _overlapping(old: Iterable[Clock], watch: Watch) -> Clock | None:
    """A late fact may begin a wait earlier: the clock told then is one that began while this one ran."""
    alike = [clock for clock in old if clock.metric == watch.metric]
    if watch.metric not in (*BY_MESSAGE, *THROUGH):
        return alike[0] if alike else None
    return next((clock for clock in alike if watch.started <= ms(clock.started_at) and (watch.ended is None or ms(clock.started_at) < watch.ended)), None)


def untold(marks: Sequence[Mark], clock: Clock | None) -> Sequence[Mark]:
    """The marks after the last thing told. If the course has no such thing: its verdict and what follows, or else how the clock now stands."""
    if clock is None:
        return marks
    if clock.state == "cancelled" and clock.reason not in ("resolved", "merged"):
        return ()
    verdict = next((index for index, mark in enumerate(marks) if mark.said in ("met", "breached")), None)
    stands = verdict is not None and clock.judged == marks[verdict].used // 1000
    for index, mark in enumerate(marks):
        if _told(mark, clock) and (stands or mark.said != "stopped"):
            return marks[index + 1 :]
    if clock.revision and any(mark.reason in ("policy_disabled", "policy_changed") for mark in marks):
        return ()  # a verdict given under the policy of then stands, whatever was decided about the policy since
    if verdict is None:
        return _anew(marks[max(index for index, mark in enumerate(marks) if mark.said not in ("retargeted", "stopped")) :], clock)
    judged = marks[verdict]
    stopped_otherwise = clock.said == "stopped" and stands and judged.said == "breached" and judged.due == ms(clock.due_at) and _terms_told(judged, clock)
    return marks[verdict + stopped_otherwise :]


def _anew(marks: Sequence[Mark], clock: Clock) -> Sequence[Mark]:
    """How the clock stands, with its terms where they are not those that were told."""
    return marks if marks[0].said in ("started", "cancelled") or _terms_told(marks[0], clock) else (replace(marks[0], said="retargeted"), *marks)


def _told(mark: Mark, clock: Clock) -> bool:
    """Whether this mark is the last thing told of the clock, and leaves it as the course has it."""
    if (mark.said, mark.at) != (clock.said, ms(clock.said_at)):
        return False
    if mark.said == "cancelled":
        return True
    used, due = clock.used is None or mark.used // 1000 == clock.used, mark.said == "paused" or mark.due == ms(clock.due_at)
    return used and due and _terms_told(mark, clock) and (mark.said != "retargeted" or mark.running == (clock.state == "running"))


def _terms_told(mark: Mark, clock: Clock) -> bool:
    policy, calendar = mark.terms.policy, mark.terms.calendar
    named = (policy and policy.name, policy and policy.version, calendar and calendar.name, calendar and calendar.version)
    return mark.target == clock.target_minutes and named == (clock.policy, clock.policy_version, clock.calendar, clock.calendar_version)


def _event(watch: Watch, mark: Mark, instance: int, revision: int) -> ClockEvent:
    name: dict[str, Any] = {"metric": watch.metric, "instance": instance}
    policy, calendar = mark.terms.policy, mark.terms.calendar
    target = {
        "target_minutes": mark.target, "policy": policy and policy.name, "policy_version": policy and policy.version,
        "calendar": calendar and calendar.name, "calendar_version": calendar and calendar.version, "due_at": moment(mark.due),
    }  # fmt: skip
    lapses = moment(mark.lapses) if mark.lapses != mark.due else None
    match mark.said:
        case "started":
            return SlaClockStarted(**name, **target, pauses=mark.pauses, lapses_at=lapses)
        case "retargeted":
            return SlaClockRetargeted(**name, **target, pauses=mark.pauses, business_seconds=mark.used // 1000, lapses_at=lapses)
        case "paused":
            return SlaClockPaused(**name, business_seconds=mark.used // 1000, status=mark.status)
        case "resumed":
            return SlaClockResumed(**name, business_seconds=mark.used // 1000, due_at=moment(mark.due), lapses_at=lapses)
        case "met" | "breached":
            kind = SlaClockMet if mark.said == "met" else SlaClockBreached
            return kind(
                **name, **target, revision=revision, business_seconds=mark.used // 1000, started_at=moment(watch.started), priority=mark.priority,
                agent_id=mark.agent_id, group=mark.group,
            )  # fmt: skip
        case "stopped":
            return SlaClockStopped(**name, business_seconds=mark.used // 1000)
        case "cancelled":
            return SlaClockCancelled(**name, reason=mark.reason or "policy_changed")
        case _:
            assert_never(mark.said)
