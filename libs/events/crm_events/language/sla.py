"""What was promised about answering, and was it kept?

A clock is named by `metric` and `instance` (1, 2 … after a reopening, or for each waiting message); there is no clock id.
"""

from datetime import date
from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant, Value
from crm_events.language.escalation import Level
from crm_events.language.ticket_words import Metric, Priority, StatusSet, TicketKind
from crm_events.language.words import Channel, Count, Day, Maybe, Ordinal, Seconds, TimeOfDay

Minutes: TypeAlias = Count


class SlaPolicyApplied(Event):
    """The promise that holds for the ticket from now on."""

    type = "sla.policy_applied"
    policy: Code
    policy_version: Ordinal
    calendar: Code
    calendar_version: Ordinal
    cause: Literal["opened", "priority", "category", "policy"]
    entitlement_id: Maybe[UUID] = None


class ClockNamed(Event):
    """One clock of the ticket."""

    metric: Metric
    instance: Ordinal


class ClockTarget(ClockNamed):
    """How long the clock may run. Policy and calendar are absent where the customer's own requested time is the promise."""

    target_minutes: Minutes
    policy: Maybe[Code] = None
    policy_version: Maybe[Ordinal] = None
    calendar: Maybe[Code] = None
    calendar_version: Maybe[Ordinal] = None
    due_at: Instant


class SlaClockStarted(ClockTarget):
    """The clock runs; it stands still while the ticket has one of the statuses `pauses`.

    `lapses_at`: only where the target is used up at closing time: an answer until that next opening is still in time.
    """

    type = "sla.clock_started"
    pauses: tuple[StatusSet, ...]
    lapses_at: Maybe[Instant] = None


class SlaClockRetargeted(ClockTarget):
    """The promise changed under a running clock; `business_seconds` were used so far."""

    type = "sla.clock_retargeted"
    pauses: tuple[StatusSet, ...]
    business_seconds: Seconds
    lapses_at: Maybe[Instant] = None


class SlaClockPaused(ClockNamed):
    """The clock stands still, because the ticket's status is `status`."""

    type = "sla.clock_paused"
    business_seconds: Seconds
    status: StatusSet


class SlaClockResumed(ClockNamed):
    """The clock runs again."""

    type = "sla.clock_resumed"
    business_seconds: Seconds
    due_at: Instant
    lapses_at: Maybe[Instant] = None


class Verdict(ClockTarget):
    """Was the promise kept? A late fact that contradicts a verdict tells it again, `revision` + 1."""

    revision: Ordinal
    business_seconds: Seconds
    started_at: Instant
    priority: Priority
    agent_id: Maybe[Code] = None
    group: Maybe[Code] = None
    entitlement_id: Maybe[UUID] = None


class SlaClockMet(Verdict):
    """What was promised was done in time."""

    type = "sla.clock_met"


class SlaClockBreached(Verdict):
    """The time ran out; occurred at the moment it was due, however late it is noticed. The clock runs on until stopped."""

    type = "sla.clock_breached"


class SlaClockStopped(ClockNamed):
    """What was promised was done after the breach; the verdict stands."""

    type = "sla.clock_stopped"
    business_seconds: Seconds


class SlaClockCancelled(ClockNamed):
    """The promise no longer holds; it counts neither as kept nor as broken."""

    type = "sla.clock_cancelled"
    reason: Literal["policy_disabled", "policy_changed", "resolved", "merged"]


class SlaConditions(Value):
    """Which tickets a policy is for. Each list admits any of its values; an empty one admits all."""

    kinds: tuple[TicketKind, ...] = ()
    priorities: tuple[Priority, ...] = ()
    categories: tuple[Code, ...] = ()
    channels: tuple[Channel, ...] = ()
    products: tuple[Code, ...] = ()


class OnBreach(Value):
    """What is done when a promise is broken: `to` whom it is escalated; whose the ticket is then, and how urgent at least, where that is named."""

    level: Level
    to: Code
    agent_id: Maybe[Code] = None
    group: Maybe[Code] = None
    priority: Maybe[Priority] = None


class SlaPolicyDefined(Event):
    """A version of a policy. The lowest `rank` that matches applies. `targets` are business minutes; `pauses` the statuses that stop a metric's clock.

    `on_breach`: what is done, by metric, when its promise is broken.
    """

    type = "sla_policy.defined"
    keyed_by_stream = True
    name: Code
    version: Ordinal
    rank: int
    enabled: bool
    when: SlaConditions
    targets: dict[Metric, Minutes]
    calendar: Code
    pauses: dict[Metric, tuple[StatusSet, ...]]
    on_reopen: Literal["continue", "restart"]
    on_breach: Maybe[dict[Metric, OnBreach]] = None
    valid_from: Instant


class Holiday(Value):
    """A day without business hours."""

    date: date
    name: Code


class CalendarDefined(Event):
    """A version of the business hours: per weekday any number of spans [from, to), in the calendar's time zone."""

    type = "calendar.defined"
    keyed_by_stream = True
    name: Code
    version: Ordinal
    time_zone: Code
    week: dict[Day, tuple[tuple[TimeOfDay, TimeOfDay], ...]]
    holidays: tuple[Holiday, ...]
    valid_from: Instant


SlaPolicyEvent: TypeAlias = SlaPolicyDefined
CalendarEvent: TypeAlias = CalendarDefined
