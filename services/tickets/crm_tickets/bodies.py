"""What may a client say? Absent: not told; `null`: cleared, where that means anything."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self, TypeAlias
from uuid import UUID
from zoneinfo import available_timezones

from crm_chassis.body import Body, Long, Told
from crm_events.event import Code, Currency
from crm_events.language.escalation import Level
from crm_events.language.recovery import RecoveryKind
from crm_events.language.sla import Holiday
from crm_events.language.ticket_words import Metric, Priority, StatusSet, TicketKind
from crm_events.language.tickets import AuthorKind, Score5, Score7, Visibility
from crm_events.language.words import Channel, Day, TimeOfDay
from pydantic import AfterValidator, AwareDatetime, Field, field_validator, model_validator

from crm_tickets.jalali import iso

CivilDay: TypeAlias = date  # under another name, for a field is called `date`
_ZONES = available_timezones()
YEARS = 10 * 366 * 24 * 60  # minutes a target may have at most


def _a_zone(name: str) -> str:
    if name not in _ZONES:
        raise ValueError("Name a time zone of the IANA list, as Asia/Tehran.")
    return name


def _as_stored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)  # as it reads back from the event: UTC, milliseconds


Moment = Annotated[AwareDatetime, AfterValidator(_as_stored)]
Subject = Annotated[str, Field(min_length=1, max_length=1000)]
Reason = Annotated[str, Field(min_length=1, max_length=2000)]
Minutes = Annotated[int, Field(ge=0, le=YEARS)]


class Author(Body):
    """Who wrote. `id`: of the agent, or of the machine."""

    kind: AuthorKind
    id: Code | None = None


class Window(Body):
    """When the customer wishes it done."""

    starts: Moment = Field(alias="from")
    ends: Moment = Field(alias="to")

    @model_validator(mode="after")
    def _in_order(self) -> "Window":
        if self.ends <= self.starts:
            raise ValueError("The window ends after it begins.")
        return self


class NewTicket(Told):
    """The customer's question, or ours. Only a customer's own awaits a reply."""

    id: UUID | None = None
    customer_id: UUID
    kind: TicketKind
    channel: Channel
    subject: Subject
    text: Long
    priority: Priority
    category: Code | None = None
    product: Code | None = None
    requested_for: Window | None = None
    author: Author = Author(kind="customer")


class NewMessage(Told):
    """Something said on the ticket. `author`: default the caller."""

    id: UUID | None = None
    author: Author | None = None
    visibility: Visibility = "public"
    channel: Channel
    text: Long


class Assignment(Told):
    """Whose the ticket is; `null` = nobody's."""

    agent_id: Code | None
    group: Code | None = None


class PriorityBody(Told):
    """How urgent it is."""

    priority: Priority
    reason: Reason | None = None


class CategoryBody(Told):
    """What it is about."""

    category: Code


class StatusBody(Told):
    """Who it waits for: us (open), the customer (pending), a third party (on_hold)."""

    status: Literal["open", "pending", "on_hold"]
    reason: Reason | None = None


class Resolution(Told):
    """What was done. `agent_id`: default the caller, else the assignee."""

    resolution: Long
    agent_id: Code | None = None
    root_cause: Code | None = None


class Closure(Told):
    """Nothing to be said."""


class Reopening(Told):
    """Why it was not done."""

    reason: Reason


class Satisfaction(Told):
    """The customer's opinion."""

    score: Score5
    effort: Score7 | None = None
    courtesy: Score5 | None = None
    comment: Reason | None = None


class Merger(Told):
    """The ticket it goes on in."""

    into_id: UUID


class NewLink(Told):
    """Another ticket that belongs to this one. `kind`: your own word, as `same_cause`."""

    other_id: UUID
    kind: Code


class NewSplit(Told):
    """A ticket made of the customer's own messages that wait for an answer. What is not named is as on the ticket they were written to."""

    id: UUID | None = None
    message_ids: tuple[UUID, ...] = Field(min_length=1, max_length=20)
    customer_id: UUID | None = None
    subject: Subject
    kind: TicketKind | None = None
    priority: Priority | None = None
    category: Code | None = None
    product: Code | None = None


class RootCauseBody(Told):
    """What lay behind a complaint. `upheld`: it was right; `department`: where it went wrong."""

    root_cause: Code
    upheld: bool = True
    department: Code | None = None


class CostBody(Body):
    """What it costs us: minor units."""

    amount: Annotated[int, Field(ge=0, le=10**15)]
    currency: Currency


class NewRecovery(Told):
    """What we offer to make a complaint good. `points`: where points are offered, and nowhere else."""

    id: UUID | None = None
    kind: RecoveryKind
    points: Annotated[int, Field(ge=1, le=10**12)] | None = None
    cost: CostBody | None = None


class RecoveryStep(Told):
    """Nothing to be said."""


class Conditions(Body):
    """Which tickets a policy is for. Each list admits any of its values; one that is absent or empty admits all."""

    kinds: tuple[TicketKind, ...] = ()
    priorities: tuple[Priority, ...] = ()
    categories: tuple[Code, ...] = Field(default=(), max_length=200)
    channels: tuple[Channel, ...] = ()
    products: tuple[Code, ...] = Field(default=(), max_length=200)


class Consequence(Body):
    """What is done when a promise is broken: `to` whom it is escalated; whose the ticket is then, and how urgent at least."""

    level: Level = 1
    to: Code
    agent_id: Code | None = None
    group: Code | None = None
    priority: Priority | None = None


class NewEscalation(Told):
    """Who is called in, a person or a group. `cause`: your own word."""

    level: Level = 1
    to: Code
    cause: Code = "manual"

    @field_validator("cause")
    @classmethod
    def _not_a_breach(cls, cause: str) -> str:
        if cause == "breach":
            raise ValueError("That word is kept for broken promises; choose another.")
        return cause


class PolicyBody(Body):
    """A promise. `targets`: business minutes by metric; `pauses`: statuses in which a metric's clock stands still; `on_breach`: what is done, by metric."""

    rank: int = Field(ge=0, le=1_000_000)
    enabled: bool = True
    when: Conditions = Conditions()
    targets: dict[Metric, Minutes]
    calendar: Code
    pauses: dict[Metric, tuple[StatusSet, ...]] = Field(default={})
    on_reopen: Literal["continue", "restart"] = "continue"
    on_breach: dict[Metric, Consequence] = Field(default={})
    valid_from: Moment | None = None

    @model_validator(mode="after")
    def _promised(self) -> Self:
        if unpromised := sorted(set(self.on_breach) - set(self.targets)):
            raise ValueError(f"on_breach names what targets do not promise: {', '.join(unpromised)}")
        return self

    @field_validator("targets")
    @classmethod
    def _not_requested_time(cls, targets: dict[Metric, int]) -> dict[Metric, int]:
        if "requested_time" in targets:
            raise ValueError("The requested time is the customer's to name, on the ticket.")
        return targets


class HolidayBody(Body):
    """A day without business hours, by either calendar: `date` as 2026-03-21 or `jalali` as 1405-01-01. It is kept, and shown, by the first."""

    date: CivilDay | None = None
    jalali: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] | None = None
    name: Code

    @model_validator(mode="after")
    def _one_day(self) -> Self:
        if (self.date is None) == (self.jalali is None):
            raise ValueError("Name the day once: by date or by jalali.")
        self.day()
        return self

    def day(self) -> Holiday:
        """As it is kept."""
        return Holiday(date=iso(self.jalali) if self.jalali is not None else self.date, name=self.name)


class CalendarBody(Body):
    """Business hours: per weekday any number of periods that do not overlap, by the wall clock of the zone."""

    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_a_zone)]
    week: dict[Day, tuple[tuple[TimeOfDay, TimeOfDay], ...]]
    holidays: tuple[HolidayBody, ...] = Field(default=(), max_length=2000)
    valid_from: Moment | None = None

    @field_validator("week")
    @classmethod
    def _in_order(cls, week: dict[Day, tuple[tuple[str, str], ...]]) -> dict[Day, tuple[tuple[str, str], ...]]:
        for periods in week.values():
            edges = [edge for period in sorted(periods) for edge in period]
            if edges != sorted(edges) or any(start == end for start, end in periods):
                raise ValueError("Periods of a day must end after they begin and not overlap.")
        if not any(week.values()):
            raise ValueError("Open at some hour of the week, or no promise could ever be due.")
        return week
