"""What must be remembered of a ticket to decide about it? Bounded: no texts but the sealed subject, at most a page of messages and of steps."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal, assert_never
from uuid import UUID

from crm_events.business_time import ms
from crm_events.deciding import At, Fact, Happened
from crm_events.language.escalation import TicketEscalated
from crm_events.language.procedure import MacroApplied
from crm_events.language.recovery import ComplaintRootCauseSet, RecoveryAccepted, RecoveryCompleted, RecoveryDeclined, RecoveryOffered
from crm_events.language.sla import (
    SlaClockBreached,
    SlaClockCancelled,
    SlaClockMet,
    SlaClockPaused,
    SlaClockResumed,
    SlaClockRetargeted,
    SlaClockStarted,
    SlaClockStopped,
    SlaPolicyApplied,
)
from crm_events.language.tickets import (
    TicketAssigned,
    TicketCategorised,
    TicketClosed,
    TicketCsatAsked,
    TicketCsatGiven,
    TicketEffortGiven,
    TicketEvent,
    TicketFirstResponseMade,
    TicketLinked,
    TicketMerged,
    TicketMessageAdded,
    TicketOpened,
    TicketPrioritySet,
    TicketRemeasured,
    TicketReopened,
    TicketResolved,
    TicketSplit,
    TicketStatusChanged,
)

from crm_tickets.clock import Clock, latest, with_event
from crm_tickets.steps import (
    Answered,
    Asked,
    Assigned,
    CategoryIs,
    Closed,
    Merged,
    PolicyIs,
    PriorityIs,
    Reopened,
    Resolved,
    Standing,
    StatusIs,
    Step,
    Waiting,
    standing_after,
)
from crm_tickets.told import Ask, Attempt, Effort, Escalation, FirstResponse, Link, Opening, Rating, Recovery, RootCause, Split, figures, rated

BY_MESSAGE = ("next_reply", "update")  # metrics with a clock for each message
MESSAGES = 80  # message steps kept; older ones are dropped once answered; a question as late as that is recorded, its wait judged no more
NEVER = 253_402_300_799_999  # the year 9999: sorts last


@dataclass(frozen=True, slots=True)
class Ticket:
    """`steps` in the order in which they happened. `page_from`: messages before it are no longer held; `dropped_replies` of them were ours."""

    opening: Opening | None = None
    steps: tuple[Step, ...] = ()
    clocks: tuple[Clock, ...] = ()
    first_response: FirstResponse | None = None
    attempts: tuple[Attempt, ...] = ()
    rating: Rating | None = None
    effort: Effort | None = None
    root_cause: RootCause | None = None
    recoveries: tuple[Recovery, ...] = ()
    links: tuple[Link, ...] = ()
    splits: tuple[Split, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    asks: tuple[Ask, ...] = ()
    answered: tuple[tuple[int, datetime], ...] = ()  # the ask and the moment of each first answer by a link
    page_from: datetime | None = None
    dropped_replies: int = 0

    @property
    def first(self) -> Opening:
        """The opening of a ticket that is there."""
        if self.opening is None:
            raise AssertionError("the ticket was never opened")
        return self.opening

    def at_opening(self) -> Standing:
        """The ticket in its first moment: a customer's own question waits for an answer, a colleague's or a machine's does not."""
        waits = Waiting(self.first.at, None) if self.first.author_kind == "customer" else None
        return Standing("new", self.first.priority, self.first.category, waits, replies=self.dropped_replies)

    def standing(self, until: datetime | None = None) -> Standing:
        """The ticket now, or as it stood at `until`."""
        return standing_after(self.at_opening(), self.steps, until)


def evolve(ticket: Ticket, fact: Fact[TicketEvent]) -> Ticket:
    """The ticket after one fact more, late or not: steps find their place by time."""
    event, at = fact.event, fact.occurred_at
    match event:
        case TicketOpened():
            return Ticket(
                Opening(
                    at, event.kind, event.channel, event.priority, event.category, event.product, event.subject, event.author_kind,
                    event.requested_from, event.requested_to,
                )
            )  # fmt: skip
        case TicketMessageAdded():
            return _with_message(ticket, event, at)
        case TicketFirstResponseMade():
            return replace(ticket, first_response=FirstResponse(at, event.message_id, event.elapsed_seconds, event.business_seconds, event.revision))
        case TicketAssigned():
            return with_step(ticket, Assigned(at, event.agent_id, event.group))
        case TicketPrioritySet():
            return with_step(ticket, PriorityIs(at, event.priority))
        case TicketCategorised():
            return with_step(ticket, CategoryIs(at, event.category))
        case TicketStatusChanged():
            return with_step(ticket, StatusIs(at, event.status, event.cause == "manual"))
        case TicketResolved():
            return _measured(with_step(ticket, Resolved(at, event.attempt, event.agent_id)), event)
        case TicketRemeasured():
            return _measured(ticket, event)
        case TicketClosed():
            return with_step(ticket, Closed(at))
        case TicketReopened():
            return with_step(ticket, Reopened(at, event.cause != "agent"))
        case TicketMerged():
            return with_step(ticket, Merged(at, event.into))
        case TicketLinked():
            return replace(ticket, links=(*ticket.links, Link(event.other_id, event.kind)))
        case MacroApplied():
            return ticket  # what its steps changed is told beside it
        case TicketSplit():
            return _without(ticket, event)
        case TicketEscalated():
            told = Escalation(at, event.level, event.to, event.cause, event.metric, event.instance)
            return replace(ticket, escalations=tuple(sorted((*ticket.escalations, told), key=lambda each: each.at)))
        case TicketCsatAsked():
            return replace(ticket, asks=(*ticket.asks, Ask(event.ask, at, event.attempt, event.expires_at)))
        case TicketCsatGiven():
            new = event.ask is not None and event.ask not in dict(ticket.answered)
            answered = (*ticket.answered, (event.ask, at)) if new and event.ask is not None else ticket.answered
            return replace(ticket, rating=rated(ticket.rating, event, at), answered=answered)
        case TicketEffortGiven():
            newer = ticket.effort if ticket.effort and ticket.effort.at > at else Effort(at, event.score, 0)
            return replace(ticket, effort=replace(newer, revision=event.revision))
        case ComplaintRootCauseSet():
            if ticket.root_cause and ticket.root_cause.at > at:  # a late word does not overwrite a newer one
                return ticket
            return replace(ticket, root_cause=RootCause(at, event.root_cause, event.upheld, event.department))
        case RecoveryOffered():
            return replace(ticket, recoveries=(*ticket.recoveries, Recovery(event.recovery_id, event.kind, event.points, event.cost, at)))
        case RecoveryAccepted():
            return _recovered(ticket, event.recovery_id, "accepted", at)
        case RecoveryDeclined():
            return _recovered(ticket, event.recovery_id, "declined", at)
        case RecoveryCompleted():
            return _recovered(ticket, event.recovery_id, "completed", at)
        case SlaPolicyApplied():
            return with_step(ticket, PolicyIs(at, event.policy, event.policy_version, event.calendar, event.calendar_version))
        case (
            SlaClockStarted()
            | SlaClockRetargeted()
            | SlaClockPaused()
            | SlaClockResumed()
            | SlaClockMet()
            | SlaClockBreached()
            | SlaClockStopped()
            | SlaClockCancelled()
        ):
            return replace(ticket, clocks=with_event(ticket.clocks, event, at))
        case _:
            assert_never(event)


def _recovered(ticket: Ticket, recovery_id: UUID, stage: Literal["accepted", "declined", "completed"], at: datetime) -> Ticket:
    moved = (replace(each, stage=stage, moved_at=at) if each.recovery_id == recovery_id else each for each in ticket.recoveries)
    return replace(ticket, recoveries=tuple(moved))


def evolved(ticket: Ticket, happened: Iterable[Happened[Any]], at: datetime) -> Ticket:
    """The ticket as it will be once these are told, for deciding what follows from them."""
    for item in happened:
        event, moment = (item.event, item.occurred_at) if isinstance(item, At) else (item, at)
        ticket = evolve(ticket, Fact(event, UUID(int=0), moment))
    return ticket


def due(ticket: Ticket) -> datetime | None:
    """When time alone next makes something true: the first moment at which a running promise is broken."""
    broken = [clock.breaks_at for clock in ticket.clocks if clock.state == "running"]
    return min(broken) + timedelta(milliseconds=1) if broken else None


def columns(ticket: Ticket) -> Mapping[str, Any]:
    """What tickets are listed by. Times are milliseconds; `sla_state` is the gravest state among the metrics' last clocks."""
    now, states = ticket.standing(), {clock.state for clock in latest(ticket.clocks)}
    running = [ms(clock.due_at) for clock in ticket.clocks if clock.state == "running"]
    return {
        "status": now.status,
        "assignee": now.assignee,
        "priority": now.priority,
        "opened_at": ms(ticket.first.at),
        "breach_at": min(running, default=NEVER),
        "sla_state": next((state for state in ("breached", "running", "paused", "met", "cancelled") if state in states), None),
    }


def _measured(ticket: Ticket, event: TicketResolved | TicketRemeasured) -> Ticket:
    told = Attempt(event.attempt, figures(event), event.revision)
    return replace(ticket, attempts=(*(each for each in ticket.attempts if each.number != event.attempt), told))


def with_step(ticket: Ticket, step: Step) -> Ticket:
    """The ticket with a step in its place; among steps of one moment, after those told before it."""
    place = bisect_right(ticket.steps, step.at, key=lambda each: each.at)
    return replace(ticket, steps=(*ticket.steps[:place], step, *ticket.steps[place:]))


def _with_message(ticket: Ticket, event: TicketMessageAdded, at: datetime) -> Ticket:
    ours = event.author_kind == "agent" and event.visibility == "public"
    if event.author_kind != "customer" and not ours:
        return ticket  # a colleague's note and a machine's words answer nothing and ask nothing
    step: Step = Answered(at, event.message_id, event.author_id, event.channel) if ours else Asked(at, event.message_id)
    return _bounded(with_step(ticket, step))


def _without(ticket: Ticket, event: TicketSplit) -> Ticket:
    """As if these had not been asked here. What one of them reopened stays so, for it was told; but nobody waits."""
    gone = {step.at for step in ticket.steps if isinstance(step, Asked) and step.message_id in event.message_ids}
    kept = (step for step in ticket.steps if not (isinstance(step, Asked) and step.message_id in event.message_ids))
    steps = tuple(replace(step, asked=False) if isinstance(step, Reopened) and step.at in gone else step for step in kept)
    return replace(ticket, steps=steps, splits=(*ticket.splits, Split(event.other_id, event.message_ids)))


def _bounded(ticket: Ticket) -> Ticket:
    """Drop the older half of the messages up to one of ours, for nobody waits there; the first answer stays. Where none is ours, repeated questions go."""
    messages = [step for step in ticket.steps if isinstance(step, Asked | Answered)]
    if len(messages) <= MESSAGES:
        return ticket
    older = messages[: MESSAGES // 2]
    first = next((step for step in messages if isinstance(step, Answered)), None)
    last = next((step for step in reversed(older) if isinstance(step, Answered) and step is not first), None)
    if last is None:
        again = [step for previous, step in pairwise(older) if isinstance(previous, Asked) and isinstance(step, Asked)]
        return replace(ticket, steps=tuple(step for step in ticket.steps if not any(step is each for each in again)))
    held = tuple(step for step in ticket.steps if step.at >= last.at or step is first or not isinstance(step, Asked | Answered))
    replies = sum(isinstance(step, Answered) for step in ticket.steps) - sum(isinstance(step, Answered) for step in held)
    kept = tuple(replace(step, set=True) if isinstance(step, StatusIs) and step.at < last.at else step for step in held)  # its message is gone
    numbers = {clock.metric: clock.instance for clock in sorted(ticket.clocks, key=lambda clock: clock.instance)}  # the highest of each metric
    newest = latest(ticket.clocks)
    clocks = tuple(
        clock
        for clock in ticket.clocks
        if clock.metric not in BY_MESSAGE or clock.started_at >= last.at or clock in newest or clock.instance == numbers[clock.metric]
    )
    return replace(ticket, steps=kept, clocks=clocks, page_from=last.at, dropped_replies=ticket.dropped_replies + replies)
