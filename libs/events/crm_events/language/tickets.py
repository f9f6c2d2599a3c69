"""What can happen to a ticket, apart from its clocks?"""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from crm_events.event import Code, Event, Instant, PersonalText
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
from crm_events.language.ticket_words import Priority, StatusSet, TicketKind
from crm_events.language.words import Channel, Count, Maybe, Ordinal, Seconds

AuthorKind: TypeAlias = Literal["customer", "agent", "system"]
Visibility: TypeAlias = Literal["public", "internal"]
Score5: TypeAlias = Annotated[int, Field(ge=1, le=5)]
Score7: TypeAlias = Annotated[int, Field(ge=1, le=7)]


class TicketOpened(Event):
    """A customer asks something of us (or we of ourselves). The first message is in `text`; its id is the ticket's.

    `split_from`: the ticket on which it was said already: the message is no second one.
    """

    type = "ticket.opened"
    kind: TicketKind
    channel: Channel
    priority: Priority
    category: Maybe[Code] = None
    product: Maybe[Code] = None
    subject: PersonalText
    text: PersonalText
    author_kind: AuthorKind
    author_id: Maybe[Code] = None
    requested_from: Maybe[Instant] = None
    requested_to: Maybe[Instant] = None
    cause_event_id: Maybe[UUID] = None
    split_from: Maybe[UUID] = None


class TicketMessageAdded(Event):
    """Somebody wrote on the ticket. A public agent message says how long the oldest unanswered customer message had waited for it."""

    type = "ticket.message_added"
    message_id: UUID
    author_kind: AuthorKind
    author_id: Maybe[Code] = None
    visibility: Visibility
    channel: Channel
    text: PersonalText
    answers_message_id: Maybe[UUID] = None
    waited_seconds: Maybe[Seconds] = None
    waited_business_seconds: Maybe[Seconds] = None


class TicketFirstResponseMade(Event):
    """The customer was answered for the first time; seconds count from the opening."""

    type = "ticket.first_response_made"
    message_id: UUID
    agent_id: Code
    channel: Channel
    elapsed_seconds: Seconds
    business_seconds: Seconds
    revision: Ordinal


class TicketAssigned(Event):
    """The ticket is an agent's from now on; `null` = nobody's."""

    type = "ticket.assigned"
    agent_id: Code | None
    group: Maybe[Code] = None
    previous_agent_id: Maybe[Code] = None
    cause: Literal["manual", "rule", "entitlement"]


class TicketPrioritySet(Event):
    """The ticket is more or less urgent than before."""

    type = "ticket.priority_set"
    priority: Priority
    previous: Priority
    reason: Maybe[PersonalText] = None
    cause: Literal["manual", "rule", "entitlement"]
    entitlement_id: Maybe[UUID] = None


class TicketCategorised(Event):
    """What the ticket is about."""

    type = "ticket.categorised"
    category: Code
    previous: Maybe[Code] = None


class TicketStatusChanged(Event):
    """Who the ticket waits for: us (new, open), the customer (pending), a third party (on_hold)."""

    type = "ticket.status_changed"
    status: StatusSet
    previous: StatusSet
    cause: Literal["manual", "message", "assignment", "rule"]
    reason: Maybe[PersonalText] = None


class Measures(Event):
    """The measures of one attempt at a ticket, by the wall clock and by the calendar."""

    attempt: Ordinal
    agent_replies: Count
    resolution_seconds: Seconds
    resolution_business_seconds: Seconds
    requester_wait_seconds: Seconds
    requester_wait_business_seconds: Seconds
    agent_work_seconds: Seconds
    agent_work_business_seconds: Seconds
    revision: Ordinal


class TicketResolved(Measures):
    """The ticket is done, as far as we can see. `attempt` 1, 2 … after each reopening."""

    type = "ticket.resolved"
    agent_id: Maybe[Code] = None
    group: Maybe[Code] = None
    resolution: PersonalText
    root_cause: Maybe[Code] = None
    category: Maybe[Code] = None
    kind: TicketKind
    priority: Priority
    opened_at: Instant


class TicketRemeasured(Measures):
    """A late fact moved the measures of an attempt that was already resolved; `revision` 2 …"""

    type = "ticket.remeasured"


class TicketClosed(Event):
    """Nothing more can be said on the ticket but a rating, or that it is reopened."""

    type = "ticket.closed"
    cause: Literal["agent", "customer", "silence"]


class TicketLinked(Event):
    """Another ticket belongs to this one: `kind` says how, `merged` that it went on in this one."""

    type = "ticket.linked"
    other_id: UUID
    kind: Code


class TicketMerged(Event):
    """The ticket goes on in another of the same customer: nothing of it runs any more, and what is answered to it is said there."""

    type = "ticket.merged"
    into: UUID


class TicketSplit(Event):
    """What these messages ask is a ticket of its own, perhaps of another customer: nobody waits for an answer to them here any more."""

    type = "ticket.split"
    other_id: UUID
    other_customer_id: Maybe[UUID] = None
    message_ids: tuple[UUID, ...]


class TicketReopened(Event):
    """The ticket was not done after all; `count` reopenings so far."""

    type = "ticket.reopened"
    cause: Literal["agent", "customer", "message"]
    reason: Maybe[PersonalText] = None
    count: Ordinal
    resolved_at: Instant
    resolved_by: Maybe[Code] = None


class TicketCsatAsked(Event):
    """The customer was given a link by which to say how content they were, without an account. `ask` 1, 2 …: the ticket's first link, a reminder …"""

    type = "ticket.csat_asked"
    ask: Ordinal
    attempt: Ordinal
    expires_at: Instant


class TicketCsatGiven(Event):
    """The customer's satisfaction with the ticket, 1–5. `ask`: by which link, if it was one."""

    type = "ticket.csat_given"
    score: Score5
    courtesy: Maybe[Score5] = None
    comment: Maybe[PersonalText] = None
    agent_id: Maybe[Code] = None
    group: Maybe[Code] = None
    channel: Channel
    category: Maybe[Code] = None
    ask: Maybe[Ordinal] = None
    revision: Ordinal


class TicketEffortGiven(Event):
    """How hard the customer had to work to be helped, 1–7."""

    type = "ticket.effort_given"
    score: Score7
    agent_id: Maybe[Code] = None
    channel: Channel
    revision: Ordinal


TicketEvent: TypeAlias = (
    TicketOpened
    | TicketMessageAdded
    | TicketFirstResponseMade
    | TicketAssigned
    | TicketPrioritySet
    | TicketCategorised
    | TicketStatusChanged
    | TicketResolved
    | TicketRemeasured
    | TicketClosed
    | TicketReopened
    | TicketEscalated
    | TicketLinked
    | TicketMerged
    | TicketCsatAsked
    | TicketSplit
    | MacroApplied
    | TicketCsatGiven
    | TicketEffortGiven
    | ComplaintRootCauseSet
    | RecoveryOffered
    | RecoveryAccepted
    | RecoveryDeclined
    | RecoveryCompleted
    | SlaPolicyApplied
    | SlaClockStarted
    | SlaClockRetargeted
    | SlaClockPaused
    | SlaClockResumed
    | SlaClockMet
    | SlaClockBreached
    | SlaClockStopped
    | SlaClockCancelled
)
