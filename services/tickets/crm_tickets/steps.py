"""How does a ticket stand after these steps? The few facts that later decisions need, in the order in which they happened, not in which they were told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, NamedTuple, TypeAlias, assert_never, get_args
from uuid import UUID

from crm_events.language.ticket_words import Priority, Status, StatusSet
from pydantic import Field

RANK = {priority: rank for rank, priority in enumerate(get_args(Priority))}


@dataclass(frozen=True, slots=True)
class Asked:
    """The customer wrote."""

    at: datetime
    message_id: UUID
    what: Literal["asked"] = "asked"


@dataclass(frozen=True, slots=True)
class Answered:
    """An agent wrote to the customer."""

    at: datetime
    message_id: UUID
    agent_id: str | None
    channel: str
    what: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True)
class StatusIs:
    """Who the ticket waits for. `set`: somebody said so; else it was told as what follows from a message, and is worked out anew each time."""

    at: datetime
    status: StatusSet
    set: bool
    what: Literal["status"] = "status"


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whose the ticket is."""

    at: datetime
    agent_id: str | None
    group: str | None
    what: Literal["assigned"] = "assigned"


@dataclass(frozen=True, slots=True)
class PriorityIs:
    """How urgent it is."""

    at: datetime
    priority: Priority
    what: Literal["priority"] = "priority"


@dataclass(frozen=True, slots=True)
class CategoryIs:
    """What it is about."""

    at: datetime
    category: str
    what: Literal["category"] = "category"


@dataclass(frozen=True, slots=True)
class PolicyIs:
    """Which promise holds."""

    at: datetime
    policy: str
    policy_version: int
    calendar: str
    calendar_version: int
    what: Literal["policy"] = "policy"


@dataclass(frozen=True, slots=True)
class Resolved:
    """An attempt ended; its number as told."""

    at: datetime
    attempt: int
    agent_id: str | None
    what: Literal["resolved"] = "resolved"


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more is expected."""

    at: datetime
    what: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class Reopened:
    """It was not done after all. `asked`: it was the customer who said so, and waits."""

    at: datetime
    asked: bool
    what: Literal["reopened"] = "reopened"


@dataclass(frozen=True, slots=True)
class Merged:
    """It goes on in another ticket: the last thing that happens to it."""

    at: datetime
    into: UUID
    what: Literal["merged"] = "merged"


Step: TypeAlias = Annotated[
    Asked | Answered | StatusIs | Assigned | PriorityIs | CategoryIs | PolicyIs | Resolved | Closed | Reopened | Merged, Field(discriminator="what")
]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest customer message not yet answered; `message_id` None: a reopening said so without a message."""

    since: datetime
    message_id: UUID | None


class Standing(NamedTuple):
    """The ticket at one moment. `last_answer`: within this attempt; `resolved_at`, `closed_at`: None again after a reopening.

    `attempt`: resolutions so far, `reopened`: reopenings so far.
    """

    status: Status
    priority: Priority
    category: str | None
    waiting: Waiting | None
    assignee: str | None = None
    group: str | None = None
    replies: int = 0
    first_answer: Answered | None = None
    last_answer: Answered | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    closed_at: datetime | None = None
    attempt: int = 0
    reopened: int = 0
    reopened_at: datetime | None = None
    policy: PolicyIs | None = None
    merged_into: UUID | None = None

    @property
    def done(self) -> bool:
        """Resolved or closed."""
        return self.status in ("resolved", "closed")


def after(standing: Standing, step: Step) -> Standing:
    """The ticket one step later, with what follows of itself: a message of the customer reopens, the first answer or assignment opens."""
    if standing.merged_into is not None:
        return standing
    match step:
        case Asked():
            waits = standing.waiting or Waiting(step.at, step.message_id)
            if standing.done:
                return _reopened(standing, step.at)._replace(waiting=waits)
            return standing._replace(waiting=waits, status="open" if standing.status == "pending" else standing.status)
        case Answered():
            status: Status = "open" if standing.status == "new" else standing.status
            first, last = standing.first_answer or step, None if standing.done else step
            return standing._replace(waiting=None, status=status, replies=standing.replies + 1, first_answer=first, last_answer=last)
        case StatusIs():
            if not step.set:
                return standing
            return (_reopened(standing, step.at) if standing.done else standing)._replace(status=step.status)
        case Assigned():
            opens = standing.status == "new" and step.agent_id is not None
            return standing._replace(assignee=step.agent_id, group=step.group, status="open" if opens else standing.status)
        case PriorityIs():
            return standing._replace(priority=step.priority)
        case CategoryIs():
            return standing._replace(category=step.category)
        case PolicyIs():
            return standing._replace(policy=step)
        case Resolved():
            if standing.done:
                return standing
            done = standing._replace(status="resolved", waiting=None, last_answer=None)
            return done._replace(attempt=standing.attempt + 1, resolved_at=step.at, resolved_by=step.agent_id)
        case Closed():
            return standing if standing.status == "closed" else standing._replace(status="closed", waiting=None, closed_at=step.at)
        case Merged():
            return standing._replace(status="closed", waiting=None, closed_at=standing.closed_at or step.at, merged_into=step.into)
        case Reopened():
            waiting = standing.waiting or (Waiting(step.at, None) if step.asked else None)
            return _reopened(standing, step.at)._replace(waiting=waiting) if standing.done else standing
        case _:
            assert_never(step)


def _reopened(standing: Standing, at: datetime) -> Standing:
    return standing._replace(status="open", resolved_at=None, closed_at=None, reopened=standing.reopened + 1, reopened_at=at)


def standing_after(first: Standing, steps: Iterable[Step], until: datetime | None = None) -> Standing:
    """The ticket after all steps, or after those that had happened by `until`."""
    for step in steps:
        if until is not None and step.at > until:
            break
        first = after(first, step)
    return first
