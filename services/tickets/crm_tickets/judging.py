"""How would each promise be judged by what is known of policies and hours today? The verdict told then stands beside it and is not touched.

A holiday that was entered late, or a policy corrected with effect from before, is a new version in force from a past moment. The ticket's course is run once
more with the versions that are now known to have been in force at each of its steps; nothing is written.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from crm_events.business_time import moment, ms
from crm_events.language.ticket_words import Metric

from crm_tickets.clock import Clock
from crm_tickets.course import course
from crm_tickets.policy import in_force
from crm_tickets.promises import Promises, Terms
from crm_tickets.steps import PolicyIs, Step
from crm_tickets.telling import pairs
from crm_tickets.ticket import Ticket
from crm_tickets.watch import Watch

Outcome: TypeAlias = Literal["met", "breached", "cancelled", "running", "paused"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One judgement of one clock. `business_seconds` used when it was judged, or until now; versions are None where nothing was promised by a policy."""

    outcome: Outcome
    target_minutes: int
    business_seconds: int
    due_at: datetime
    policy: str | None
    policy_version: int | None
    calendar: str | None
    calendar_version: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A clock as it was told, and as it would be told now. `then` None: no such clock was told of; `now` None: there would be none."""

    metric: Metric
    instance: int
    then: Judgement | None
    now: Judgement | None

    @property
    def changed(self) -> bool:
        """Would it end otherwise?"""
        return (self.then and self.then.outcome) != (self.now and self.now.outcome)


@dataclass(frozen=True, slots=True)
class Correction:
    """What was told anew of a policy and its calendar since they were applied to the ticket."""

    then: Terms
    now: Terms


def judged_again(ticket: Ticket, promises: Promises, at: datetime) -> list[Verdict]:
    """Every clock in both judgements, by metric and instance."""
    again = replace(ticket, steps=tuple(_today(step, promises) for step in ticket.steps))
    runs = {_key(clock): watch for watch, clock in pairs(ticket, course(ticket, promises, at)) if clock is not None}
    numbers = {clock.metric: clock.instance for clock in sorted(ticket.clocks, key=lambda clock: clock.instance)}
    found = list[Verdict]()
    for watch, clock in pairs(again, course(again, promises, at)):
        now = _would_be(watch, ms(at)) if watch is not None else None
        if clock is not None:
            found.append(Verdict(clock.metric, clock.instance, _told(clock, runs.get(_key(clock)), ms(at)), now))
        elif watch is not None:
            numbers[watch.metric] = numbers.get(watch.metric, 0) + 1
            found.append(Verdict(watch.metric, numbers[watch.metric], None, now))
    return sorted(found, key=lambda each: (each.metric, each.instance))


def corrections(ticket: Ticket, promises: Promises) -> list[Correction]:
    """Each pair of versions that was applied and is judged otherwise today, in the order of their application."""
    found = list[Correction]()
    for step in _applied(ticket.steps):
        then, now = _terms(step, promises), _terms(_today(step, promises), promises)
        if then != now and Correction(then, now) not in found:
            found.append(Correction(then, now))
    return found


def _applied(steps: Iterable[Step]) -> list[PolicyIs]:
    return [step for step in steps if isinstance(step, PolicyIs)]


def _terms(step: Step, promises: Promises) -> Terms:
    if not isinstance(step, PolicyIs):
        raise AssertionError("only a policy has terms")
    return promises.terms(step.policy, step.policy_version, step.calendar, step.calendar_version)


def _today(step: Step, promises: Promises) -> Step:
    """The same policy, in the version that is now known to have been in force at that moment; so its calendar."""
    if not isinstance(step, PolicyIs):
        return step
    versions = promises.policies.get(step.policy, ())
    policy = in_force(versions, step.at)
    if policy is None:  # its versions of today all begin later: what was applied stands
        return step
    hours = promises.calendars[policy.calendar]
    calendar = in_force(hours, step.at) or hours[0]
    return replace(step, policy_version=policy.version, calendar=calendar.name, calendar_version=calendar.version)


def _key(clock: Clock) -> tuple[Metric, int]:
    return clock.metric, clock.instance


def _told(clock: Clock, run: Watch | None, at: int) -> Judgement:
    """As told; of a clock without a verdict, what it has used by the terms that it was told with."""
    used = clock.judged
    if used is None:
        used = run.used_at(at if run.ended is None else run.ended) // 1000 if run is not None else clock.used or 0
    return Judgement(
        clock.state, clock.target_minutes, used, clock.due_at, clock.policy, clock.policy_version, clock.calendar, clock.calendar_version
    )  # fmt: skip


def _would_be(watch: Watch, at: int) -> Judgement:
    verdict = next((mark for mark in watch.marks if mark.said in ("met", "breached")), None)
    outcome: Outcome = watch.verdict or ("cancelled" if watch.cancelled else "paused" if watch.since is None else "running")
    used = verdict.used if verdict else watch.used_at(at if watch.ended is None else watch.ended)
    policy, calendar = watch.terms.policy, watch.terms.calendar
    return Judgement(
        outcome, watch.target, used // 1000, moment(verdict.due if verdict else watch.due), policy.name if policy else None,
        policy.version if policy else None, calendar.name if calendar else None, calendar.version if calendar else None,
    )  # fmt: skip
