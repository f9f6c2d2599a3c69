"""What does a client see of a ticket, a message, a policy, a calendar? Every field of a resource, `null` where it is not known.

Personal text in these is still sealed: the chassis opens it for callers who may see it.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm_chassis.body import Instant, Resource
from crm_chassis.paging import PageOf
from crm_events.business_time import ms
from crm_events.event import Money
from crm_events.language.sla import CalendarDefined, SlaPolicyDefined
from crm_events.store.loading import Loaded
from pydantic import Field

from crm_tickets.clock import Clock, latest
from crm_tickets.course import course
from crm_tickets.policy import Hours, Policy
from crm_tickets.promises import Promises
from crm_tickets.recovery import found
from crm_tickets.telling import pairs
from crm_tickets.ticket import Ticket


class ClockAnswer(Resource):
    """The last clock of a metric. `elapsed_minutes`: whole business minutes until it stopped, else until the moment of reading."""

    metric: str
    instance: int
    state: str
    target_minutes: int
    elapsed_minutes: int
    due_at: Instant
    stopped_at: Instant | None
    policy: str | None
    calendar: str | None


class SatisfactionAnswer(Resource):
    """The customer's newest opinion."""

    score: int
    effort: int | None
    courtesy: int | None
    comment: str | None
    occurred_at: Instant


class RootCauseAnswer(Resource):
    """What lay behind a complaint; `upheld`: it was right."""

    root_cause: str
    upheld: bool
    department: str | None
    occurred_at: Instant


class RecoveryAnswer(Resource):
    """What was offered to make a complaint good. `stage`: offered, accepted, declined or completed; `version` is the ticket's."""

    id: UUID
    version: int
    ticket_id: UUID
    kind: str
    points: int | None
    cost: Money | None
    stage: str
    offered_at: Instant
    occurred_at: Instant
    recorded_at: Instant


class EscalationAnswer(Resource):
    """Who was called in, when and why. `metric`: of the broken promise that was the cause."""

    level: int
    to: str
    cause: str
    metric: str | None
    occurred_at: Instant


class LinkAnswer(Resource):
    """Another ticket that belongs to this one; `kind` `merged`: it went on in this one; `split`: it was made of this one; `split_from`: the reverse."""

    ticket_id: UUID
    kind: str


class TicketAnswer(Resource):
    """A ticket as of the moment of reading: what was due by then shows as done."""

    id: UUID
    version: int
    customer_id: UUID
    kind: str
    status: str
    priority: str
    category: str | None
    subject: str | None
    assignee_id: str | None
    opened_at: Instant
    first_response_at: Instant | None
    resolved_at: Instant | None
    closed_at: Instant | None
    reopened_count: int
    root_cause: RootCauseAnswer | None
    recoveries: list[RecoveryAnswer]
    merged_into: UUID | None
    links: list[LinkAnswer]
    escalations: list[EscalationAnswer]
    satisfaction: SatisfactionAnswer | None
    clocks: list[ClockAnswer]
    updated_at: Instant | None


class AuthorAnswer(Resource):
    """Who wrote."""

    kind: str
    id: str | None


class MessageAnswer(Resource):
    """Something said on a ticket. The opening text is the message with the ticket's own id."""

    id: UUID
    ticket_id: UUID
    author: AuthorAnswer
    visibility: str
    channel: str
    text: str | None
    occurred_at: Instant
    recorded_at: Instant


class ConditionsAnswer(Resource):
    """Which tickets a policy is for."""

    kinds: list[str]
    priorities: list[str]
    categories: list[str]
    channels: list[str]
    products: list[str]


class ConsequenceAnswer(Resource):
    """What is done when a promise is broken."""

    level: int
    to: str
    agent_id: str | None
    group: str | None
    priority: str | None


class PolicyAnswer(Resource):
    """The newest version of a policy."""

    name: str
    version: int
    rank: int
    enabled: bool
    when: ConditionsAnswer
    targets: dict[str, int]
    calendar: str
    pauses: dict[str, list[str]]
    on_reopen: str
    on_breach: dict[str, ConsequenceAnswer]
    valid_from: Instant
    recorded_at: Instant | None


class HolidayAnswer(Resource):
    """A day without business hours."""

    date: str
    name: str


class CalendarAnswer(Resource):
    """The newest version of a calendar."""

    name: str
    version: int
    time_zone: str
    week: dict[str, list[list[str]]] = Field(examples=[{"mon": [["09:00", "17:00"]]}])
    holidays: list[HolidayAnswer]
    valid_from: Instant
    recorded_at: Instant | None


TicketPage = PageOf[TicketAnswer]
MessagePage = PageOf[MessageAnswer]
PolicyPage = PageOf[PolicyAnswer]
CalendarPage = PageOf[CalendarAnswer]


def ticket_answer(part: Loaded[Ticket], promises: Promises, now: datetime) -> TicketAnswer:
    """The ticket; its clocks run by `promises` until `now`."""
    ticket = part.state
    standing, first, rating = ticket.standing(), ticket.first, ticket.rating
    satisfaction = rating and SatisfactionAnswer(
        score=rating.score, effort=ticket.effort.score if ticket.effort else None, courtesy=rating.courtesy, comment=rating.comment, occurred_at=rating.at
    )
    return TicketAnswer(
        id=part.stream_id, version=part.version, customer_id=part.customer_id, kind=first.kind, status=standing.status, priority=standing.priority,
        category=standing.category, subject=first.subject, assignee_id=standing.assignee, opened_at=first.at,
        first_response_at=ticket.first_response.at if ticket.first_response else None, resolved_at=standing.resolved_at, closed_at=standing.closed_at,
        reopened_count=standing.reopened, satisfaction=satisfaction,
        root_cause=RootCauseAnswer(
            root_cause=cause.root_cause, upheld=cause.upheld, department=cause.department, occurred_at=cause.at
        ) if (cause := ticket.root_cause) else None,
        recoveries=[recovery_answer(part, each.recovery_id) for each in ticket.recoveries],
        merged_into=standing.merged_into, links=[
            *(LinkAnswer(ticket_id=each.other_id, kind=each.kind) for each in ticket.links),
            *(LinkAnswer(ticket_id=each.other_id, kind="split") for each in ticket.splits),
        ],
        escalations=[
            EscalationAnswer(level=each.level, to=each.to, cause=each.cause, metric=each.metric, occurred_at=each.at) for each in ticket.escalations
        ],
        clocks=_clocks(ticket, promises, now), updated_at=part.recorded_at,
    )  # fmt: skip


def recovery_answer(part: Loaded[Ticket], recovery_id: UUID) -> RecoveryAnswer:
    """The recovery as it stands; NotFound for another ticket's. `occurred_at`: since when it is so."""
    known = found(part.state.recoveries, recovery_id)
    if part.recorded_at is None:
        raise AssertionError("a recovery is of a ticket that is there")
    return RecoveryAnswer(
        id=recovery_id, version=part.version, ticket_id=part.stream_id, kind=known.kind, points=known.points, cost=known.cost, stage=known.stage,
        offered_at=known.offered_at, occurred_at=known.since, recorded_at=part.recorded_at,
    )  # fmt: skip


def _clocks(ticket: Ticket, promises: Promises, now: datetime) -> list[ClockAnswer]:
    shown = latest(ticket.clocks)
    used = {(clock.metric, clock.instance): (clock.used or 0) * 1000 for clock in shown}
    if any(clock.stopped_at is None or clock.used is None for clock in shown):
        life = course(ticket, promises, now)
        for watch, clock in pairs(ticket, life):
            if watch is not None and clock is not None and (clock.stopped_at is None or clock.used is None):
                used[clock.metric, clock.instance] = watch.used_at(min(life.now, ms(now)) if watch.since is not None else life.now)
    return [_clock(clock, used[clock.metric, clock.instance]) for clock in shown]


def _clock(clock: Clock, used: int) -> ClockAnswer:
    return ClockAnswer(
        metric=clock.metric, instance=clock.instance, state=clock.state, target_minutes=clock.target_minutes, elapsed_minutes=used // 60_000,
        due_at=clock.due_at, stopped_at=clock.stopped_at, policy=clock.policy, calendar=clock.calendar,
    )  # fmt: skip


def policy_answer(part: Loaded[Policy]) -> PolicyAnswer:
    """The newest version."""
    consequences = {
        metric: ConsequenceAnswer(level=done.level, to=done.to, agent_id=done.agent_id, group=done.group, priority=done.priority)
        for metric, done in (part.state.versions[-1].on_breach or {}).items()
    }
    return PolicyAnswer.model_validate(_newest(part.state.versions) | {"on_breach": consequences, "recorded_at": part.recorded_at})


def calendar_answer(part: Loaded[Hours]) -> CalendarAnswer:
    """The newest version."""
    return CalendarAnswer.model_validate(_newest(part.state.versions) | {"recorded_at": part.recorded_at})


def _newest(versions: tuple[SlaPolicyDefined, ...] | tuple[CalendarDefined, ...]) -> dict[str, Any]:
    return versions[-1].model_dump(mode="json")
