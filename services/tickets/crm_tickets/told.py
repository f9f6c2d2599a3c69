"""What has been told of a ticket besides its steps and clocks? The opening, the first answer, the measures of its resolutions, the customer's opinion."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from crm_events.event import Money
from crm_events.language.recovery import RecoveryKind
from crm_events.language.ticket_words import Metric, Priority, TicketKind
from crm_events.language.tickets import AuthorKind, Measures, TicketCsatGiven
from crm_events.language.words import Channel


@dataclass(frozen=True, slots=True)
class Opening:
    """What was said at the opening. `subject` is sealed."""

    at: datetime
    kind: TicketKind
    channel: Channel
    priority: Priority
    category: str | None
    product: str | None
    subject: str
    author_kind: AuthorKind
    requested_from: datetime | None = None
    requested_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class FirstResponse:
    """What was told of the first answer."""

    at: datetime
    message_id: UUID
    elapsed_seconds: int
    business_seconds: int
    revision: int


@dataclass(frozen=True, slots=True)
class Link:
    """Another ticket that belongs to this one."""

    other_id: UUID
    kind: str


@dataclass(frozen=True, slots=True)
class Split:
    """What these messages ask is another ticket's."""

    other_id: UUID
    message_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was told of one resolution: `figures` are the six measures in seconds and the agent's replies, in the event's order."""

    number: int
    figures: tuple[int, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Rating:
    """The newest satisfaction told; `comment` is sealed."""

    at: datetime
    score: int
    courtesy: int | None
    comment: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class Ask:
    """A link by which the customer was asked how content they were. `attempt`: with which resolution."""

    number: int
    at: datetime
    attempt: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Escalation:
    """Somebody else was called in. `metric` and `instance`: the clock whose promise was broken, where that was the cause."""

    at: datetime
    level: int
    to: str
    cause: str
    metric: Metric | None = None
    instance: int | None = None


@dataclass(frozen=True, slots=True)
class RootCause:
    """What lay behind a complaint, as told last; `upheld`: it was right."""

    at: datetime
    root_cause: str
    upheld: bool
    department: str | None


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was offered to make a complaint good, and what came of it, since `moved_at`."""

    recovery_id: UUID
    kind: RecoveryKind
    points: int | None
    cost: Money | None
    offered_at: datetime
    stage: Literal["offered", "accepted", "declined", "completed"] = "offered"
    moved_at: datetime | None = None

    @property
    def since(self) -> datetime:
        """When it came to be as it is."""
        return self.moved_at or self.offered_at


@dataclass(frozen=True, slots=True)
class Effort:
    """The newest effort told."""

    at: datetime
    score: int
    revision: int


def figures(event: Measures) -> tuple[int, ...]:
    """The measures of one resolution, to be compared."""
    return (
        event.agent_replies, event.resolution_seconds, event.resolution_business_seconds, event.requester_wait_seconds,
        event.requester_wait_business_seconds, event.agent_work_seconds, event.agent_work_business_seconds,
    )  # fmt: skip


def rated(told: Rating | None, event: TicketCsatGiven, at: datetime) -> Rating:
    """The newest opinion; told again because of a late one, it keeps its comment."""
    if told and told.at > at:
        return replace(told, revision=event.revision)
    comment = told.comment if told and told.at == at and event.comment is None else event.comment
    return Rating(at, event.score, event.courtesy, comment, event.revision)
