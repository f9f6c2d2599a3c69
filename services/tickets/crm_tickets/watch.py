"""What is one clock of a ticket's course, and what is to be said of it? Moments and spans are milliseconds, as in `calendars.py`."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from crm_events.business_time import Calendar, business_ms
from crm_events.language.ticket_words import Metric, Priority, Status, StatusSet

from crm_tickets.clock import Said
from crm_tickets.promises import Terms
from crm_tickets.steps import Answered, Resolved

Reason: TypeAlias = Literal["policy_disabled", "policy_changed", "resolved", "merged"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing to be said of a clock; `used` milliseconds of business time by then."""

    at: int
    said: Said
    used: int
    due: int
    lapses: int
    terms: Terms
    target: int
    pauses: tuple[StatusSet, ...]
    priority: Priority
    agent_id: str | None
    group: str | None
    status: Status
    running: bool
    reason: Reason | None = None


@dataclass(slots=True)
class Watch:
    """One clock of the course. `origin`: what it measures from (a waiting customer's message); `since`: running from there, None = paused or ended."""

    metric: Metric
    origin: int
    started: int
    terms: Terms
    target: int
    pauses: tuple[StatusSet, ...]
    hours: Calendar
    used: int = 0
    since: int | None = None
    due: int = 0
    lapses: int = 0
    verdict: Literal["met", "breached"] | None = None
    cancelled: bool = False
    ended: int | None = None
    marks: list[Mark] = field(default_factory=list)

    @property
    def limit(self) -> int:
        """The target in milliseconds."""
        return self.target * 60_000

    def used_at(self, at: int) -> int:
        """Business time used by `at`."""
        return self.used + (business_ms(self.hours, self.since, at) if self.since is not None else 0)


@dataclass(frozen=True, slots=True)
class Measured:
    """One resolution: `figures` as in `ticket.figures`, seconds."""

    step: Resolved
    figures: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """The first answer to a customer's own ticket, seconds from its opening."""

    step: Answered
    elapsed_seconds: int
    business_seconds: int
