"""May this be done to the ticket, and what follows? One function a command: values in, events out.

`at` is when it happened, which may be long before what else is known: each rule looks at the ticket as it stood then. The clocks and corrections that
follow are worked out by `telling.consequences`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.deciding import At, Happened
from crm_events.language.sla import SlaPolicyApplied
from crm_events.language.ticket_words import Priority, TicketKind
from crm_events.language.tickets import (
    AuthorKind,
    TicketAssigned,
    TicketCategorised,
    TicketClosed,
    TicketEvent,
    TicketMessageAdded,
    TicketOpened,
    TicketPrioritySet,
    TicketReopened,
    TicketResolved,
    TicketStatusChanged,
    Visibility,
)
from crm_events.language.words import Channel
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

from crm_tickets.course import before
from crm_tickets.promises import Promises, Terms
from crm_tickets.steps import Answered, Asked, CategoryIs, PriorityIs, Resolved, Standing
from crm_tickets.telling import consequences, named
from crm_tickets.ticket import Ticket, evolved, with_step

Events: TypeAlias = list[Happened[TicketEvent]]
SKEW = timedelta(minutes=5)  # between the clocks of two clients
STEPS = 300  # changes a ticket may see, messages not counted: its state is read and written at each of them


def open_ticket(
    ticket: Ticket, *, ticket_id: UUID, kind: TicketKind, channel: Channel, priority: Priority, category: str | None, product: str | None, subject: str,
    text: str, author_kind: AuthorKind, author_id: str | None, requested_from: datetime | None, requested_to: datetime | None, at: datetime,
    promises: Promises, split_from: UUID | None = None,
) -> Events:  # fmt: skip
    """The first message, the promise that applies, and its clocks. `split_from`: the ticket on which it was said already."""
    if ticket.opening is not None:
        raise AlreadyExists("There is a ticket of this id already. Leave `id` out, or read the ticket.", ticket_id)
    opened = TicketOpened(
        kind=kind, channel=channel, priority=priority, category=category, product=product, subject=subject, text=text, author_kind=author_kind,
        author_id=author_id, requested_from=requested_from, requested_to=requested_to, split_from=split_from,
    )  # fmt: skip
    terms = promises.applying(before(evolved(Ticket(), [opened], at), promises, at).subject(), at)
    applied = [_applied(terms, "opened")] if terms.policy else []
    return _with_consequences(ticket, [opened, *applied], at, promises)


def say(
    ticket: Ticket, *, ticket_id: UUID, message_id: UUID, author_kind: AuthorKind, author_id: str | None, visibility: Visibility, channel: Channel, text: str,
    at: datetime, promises: Promises,
) -> Events:  # fmt: skip
    """A message. A public one of an agent answers whoever waits; any one of the customer waits for an answer, and reopens what was resolved."""
    at, now = moment_of(ticket, at)
    waited = before(ticket, promises, at).waited() if author_kind == "agent" and visibility == "public" else None
    answers = (now.waiting.message_id or ticket_id) if waited and now.waiting else None
    message = TicketMessageAdded(
        message_id=message_id, author_kind=author_kind, author_id=author_id, visibility=visibility, channel=channel, text=text, answers_message_id=answers,
        waited_seconds=waited and waited[0], waited_business_seconds=waited and waited[1],
    )  # fmt: skip
    return _with_consequences(ticket, [message], at, promises)


def assign(
    ticket: Ticket, *, agent_id: str | None, group: str | None, at: datetime, promises: Promises, cause: Literal["manual", "rule"] = "manual"
) -> Events:  # fmt: skip
    """Whose the ticket is from now on; None = nobody's."""
    at, now = moment_of(ticket, at)
    if (agent_id, group) == (now.assignee, now.group):
        return []
    _room(ticket)
    assigned = TicketAssigned(agent_id=agent_id, group=group, previous_agent_id=now.assignee, cause=cause)
    return _with_consequences(ticket, [assigned], at, promises)


def set_priority(
    ticket: Ticket, *, priority: Priority, reason: str | None, at: datetime, promises: Promises, entitlement_id: UUID | None = None,
    cause: Literal["manual", "rule", "entitlement"] = "manual",
) -> Events:  # fmt: skip
    """More or less urgent, by hand, by a rule or by an entitlement; the policy that now applies takes over the clocks with what they have used."""
    at, now = moment_of(ticket, at)
    if priority == now.priority:
        return []
    _room(ticket)
    changed = TicketPrioritySet(priority=priority, previous=now.priority, reason=reason, cause=cause, entitlement_id=entitlement_id)
    return _reconsidered(ticket, changed, at, promises)


def categorise(ticket: Ticket, *, category: str, at: datetime, promises: Promises) -> Events:
    """What the ticket is about; the policy that now applies takes over the clocks with what they have used."""
    at, now = moment_of(ticket, at)
    if category == now.category:
        return []
    _room(ticket)
    return _reconsidered(ticket, TicketCategorised(category=category, previous=now.category), at, promises)


def set_status(ticket: Ticket, *, status: Literal["open", "pending", "on_hold"], reason: str | None, at: datetime, promises: Promises) -> Events:
    """Who the ticket waits for: us, the customer, or a third party."""
    at, now = moment_of(ticket, at)
    if status == now.status:
        return []
    if now.status in ("resolved", "closed"):
        raise Rejected("reopen-first", "Reopen the ticket: until then it waits for nobody.")
    _room(ticket)
    changed = TicketStatusChanged(status=status, previous=now.status, cause="manual", reason=reason)
    return _with_consequences(ticket, [changed], at, promises)


def resolve(ticket: Ticket, *, resolution: str, agent_id: str | None, root_cause: str | None, at: datetime, promises: Promises) -> Events:
    """Done, once nobody waits for an answer. Told late of a time before a known resolution, it is that attempt's true end."""
    at, now = moment_of(ticket, at)
    if now.done:
        return []  # asked twice: nothing new happened
    if now.waiting is not None:
        raise Rejected("reply-first", "Answer the customer before resolving the ticket.", waiting_since=now.waiting.since)
    _room(ticket)
    told = {each.number: each.revision for each in ticket.attempts}
    number = _attempt_ended(ticket, at) or max(told, default=0) + 1
    resolved = TicketResolved(
        agent_id=agent_id or now.assignee, group=now.group, resolution=resolution, root_cause=root_cause, category=now.category, kind=ticket.first.kind,
        priority=now.priority, opened_at=ticket.first.at, attempt=number, revision=told.get(number, 0) + 1,
        **named(before(ticket, promises, at).figures()),
    )  # fmt: skip
    return _with_consequences(ticket, [resolved], at, promises)


def close(ticket: Ticket, *, cause: Literal["agent", "customer"], at: datetime, promises: Promises) -> Events:
    """Nothing more is expected of a resolved ticket."""
    at, now = moment_of(ticket, at, closed=True)
    if now.status == "closed":
        return []
    if now.status != "resolved":
        raise Rejected("not-resolved", "Resolve the ticket before closing it.")
    _room(ticket)
    return _with_consequences(ticket, [TicketClosed(cause=cause)], at, promises)


def reopen(ticket: Ticket, *, cause: Literal["agent", "customer"], reason: str, at: datetime, promises: Promises) -> Events:
    """Not done after all. Reopened by the customer, the ticket owes an answer."""
    at, now = moment_of(ticket, at, closed=True)
    ended = now.resolved_at or now.closed_at
    if not now.done or ended is None:
        return []
    _room(ticket)
    reopened = TicketReopened(cause=cause, reason=reason, count=now.reopened + 1, resolved_at=ended, resolved_by=now.resolved_by)
    return _with_consequences(ticket, [reopened], at, promises)


def _with_consequences(ticket: Ticket, facts: Sequence[TicketEvent], at: datetime, promises: Promises) -> Events:
    happened = [*(At(fact, at) for fact in facts)]
    return [*happened, *consequences(evolved(ticket, happened, at), promises, at)]


def _reconsidered(ticket: Ticket, changed: TicketPrioritySet | TicketCategorised, at: datetime, promises: Promises) -> Events:
    """The change, and from then on each policy that applies differently because of it."""
    facts: list[At[TicketEvent]] = [At(changed, at)]
    ticket = evolved(ticket, facts, at)
    for step in [step for step in ticket.steps if step.at >= at and isinstance(step, PriorityIs | CategoryIs)]:
        life = before(ticket, promises, step.at)
        terms = promises.applying(life.subject(), step.at)
        if terms.policy is not None and terms != life.terms:
            applied: At[TicketEvent] = At(_applied(terms, "priority" if isinstance(step, PriorityIs) else "category"), step.at)
            facts.append(applied)
            ticket = evolved(ticket, [applied], step.at)
    return [*facts, *consequences(ticket, promises, at)]


def _applied(terms: Terms, cause: Literal["opened", "priority", "category"]) -> SlaPolicyApplied:
    policy, calendar = terms.policy, terms.calendar
    if policy is None or calendar is None:
        raise AssertionError("no policy applies")
    return SlaPolicyApplied(policy=policy.name, policy_version=policy.version, calendar=calendar.name, calendar_version=calendar.version, cause=cause)


def moment_of(ticket: Ticket, at: datetime, *, closed: bool = False) -> tuple[datetime, Standing]:
    """When it happened, and how the ticket stood then. `closed`: the command is one that a closed ticket admits."""
    if ticket.opening is None:
        raise NotFound("There is no ticket of this id.")
    if at < ticket.opening.at:
        if ticket.opening.at - at > SKEW:
            raise Invalid("/occurred_at", "before-opening", "Tell a time after the ticket was opened.")
        at = ticket.opening.at
    standing = ticket.standing(at)
    if standing.merged_into is not None:
        raise Rejected("merged", "This ticket goes on in another: say it there.", into=standing.merged_into)
    if standing.status == "closed" and not closed:
        raise Rejected("closed", "Reopen the ticket first: a closed one takes only a reopening and a rating.", closed_at=standing.closed_at)
    return at, standing


def _room(ticket: Ticket) -> None:
    if sum(not isinstance(step, Asked | Answered) for step in ticket.steps) >= STEPS:
        raise Rejected("too-many-changes", f"A ticket takes {STEPS} changes. Resolve it and open another.")


def _attempt_ended(ticket: Ticket, at: datetime) -> int | None:
    """The attempt, told already, that a resolution at `at` ends earlier; None if it is an attempt of its own."""
    known = ticket.standing().attempt
    if with_step(ticket, Resolved(at, 0, None)).standing().attempt > known:
        return None
    return next((step.attempt for step in ticket.steps if isinstance(step, Resolved) and step.at > at), None)
