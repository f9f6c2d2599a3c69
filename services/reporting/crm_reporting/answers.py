"""What do the answers of the customer routes look like? Declared for OpenAPI; the bytes are made from the documents directly."""

from typing import Any, Literal
from uuid import UUID

from crm_events.event import Instant
from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    """A part of an answer. Fields may be added; clients ignore what they do not know."""

    model_config = ConfigDict(extra="allow")


class IdentifierPart(Shape):
    """An identifier of one of the members."""

    id: UUID
    member_id: UUID
    kind: str
    system: str | None
    value: str | None
    normalised: str | None
    verified: bool
    added_at: Instant


class SourcePart(Shape):
    """Where the customer was first heard of."""

    system: str
    reference: str | None = None


class OtherValuePart(Shape):
    """What was told of one merged id in a field, and is not what the profile shows."""

    field: str
    value: Any
    member_id: UUID
    since: Instant


class ProfilePart(Shape):
    """Who the customer is: field by field what was told last, by the time it happened; see docs/identity.md for the fields that go otherwise."""

    kind: str | None
    name: str | None
    type: str | None
    roles: list[str]
    identifiers: list[IdentifierPart]
    language: str | None
    time_zone: str | None
    address: str | None
    birthday: str | None
    organisation_name: str | None
    source: SourcePart | None
    owner_id: str | None
    lifecycle_stage: str | None
    other_values: list[OtherValuePart] = []
    registered_at: Instant | None
    tenure_days: int | None


class ConsentPart(Shape):
    """The standing of one consent key over all members: the most restrictive wins."""

    purpose: str
    channel: str
    identifier_id: UUID | None
    status: Literal["granted", "denied", "withdrawn", "expired"]
    since: Instant
    event_id: UUID
    effective_to: Instant | None


class WindowPart(Shape):
    """Hours of the week in which the customer likes to be reached, by the clock of `time_zone`."""

    days: list[str]
    starts: str = Field(alias="from")
    ends: str = Field(alias="to")
    time_zone: str


class CapPart(Shape):
    """At most `count` messages in `per_days` days."""

    count: int
    per_days: int


class PreferencesPart(Shape):
    """How the customer likes to be reached; null: never told, or cleared."""

    channel: str | None
    language: str | None
    frequency_cap: CapPart | None
    time_windows: list[WindowPart]


class RelationshipPart(Shape):
    """`member_id`, one of the customer's ids, stands in relation `kind` to `other_id`."""

    id: UUID
    member_id: UUID
    kind: str
    other_id: UUID
    since: Instant


class ContactPart(Shape):
    """How much we speak with each other. `two_way_ratio`: conversations with both directions ÷ conversations."""

    interactions: int
    last_contact_at: Instant | None
    days_since_last_contact: int | None
    by_channel: dict[str, int]
    by_direction: dict[str, int]
    two_way_ratio: float | None


class ClockPart(Shape):
    """A service clock; minutes are whole business minutes."""

    metric: str
    instance: int
    state: str
    target_minutes: int | None
    elapsed_minutes: int
    due_at: Instant | None
    stopped_at: Instant | None
    policy: str | None
    calendar: str | None


class TicketPart(Shape):
    """An open ticket. `waiting_since`: the first message of the customer that nobody answered yet."""

    ticket_id: UUID
    subject: str | None
    kind: str
    channel: str
    status: str
    priority: str
    category: str | None
    assignee_id: str | None
    opened_at: Instant
    waiting_since: Instant | None
    clocks: list[ClockPart]


class ServicePart(Shape):
    """Tickets and promises."""

    open: int
    tickets: list[TicketPart]
    resolved: int
    reopened: int
    complaints: int
    satisfaction_mean: float | None
    breaches: int


class ExpiringPart(Shape):
    """The points that expire first."""

    points: int
    at: Instant


class MembershipPart(Shape):
    """The points of one membership."""

    member_id: UUID
    customer_id: UUID
    programme: str | None
    enrolled_at: Instant
    tier: str | None
    available: int
    pending: int
    reserved: int
    redeemed: int
    debt: int


class LoyaltyPart(Shape):
    """Points of all memberships together; `member_id` and `programme` are those of the oldest in a programme, `members` is each."""

    member_id: UUID
    programme: str | None
    tier: str | None
    available: int
    pending: int
    reserved: int
    redeemed: int
    debt: int
    expiring_next: ExpiringPart | None
    members: list[MembershipPart]


class MoneyPart(Shape):
    """Integer minor units and an ISO 4217 code."""

    amount: int
    currency: str


class PurchasesPart(Shape):
    """What was bought; `spend` is net of returns."""

    count: int
    spend: list[MoneyPart]
    first_at: Instant | None
    last_at: Instant | None
    mean_interval_days: float | None
    categories: dict[str, int]
    returns: int
    discount_rate: float | None


class ScoresPart(Shape):
    """`rfm`: recency, frequency, monetary value, a digit from 1 to 5 each (KPI 112)."""

    rfm: str | None


class FreshnessPart(Shape):
    """The last event of a source that is in this view. `parked`: later ones of this customer wait for an operator; `paused`: those of everybody do."""

    position: int
    recorded_at: Instant | None
    parked: bool
    paused: bool


class CustomerView(Shape):
    """The unified view. Sections not asked for by `fields` are left out."""

    customer_id: UUID
    canonical_id: UUID
    member_ids: list[UUID]
    profile: ProfilePart | None = None
    consents: list[ConsentPart] = []
    preferences: PreferencesPart = Field(default_factory=lambda: PreferencesPart(channel=None, language=None, frequency_cap=None, time_windows=[]))
    relationships: list[RelationshipPart] = []
    contact: ContactPart | None = None
    service: ServicePart | None = None
    loyalty: LoyaltyPart | None = None
    purchases: PurchasesPart | None = None
    scores: ScoresPart | None = None
    redacted: list[str]
    freshness: dict[str, FreshnessPart]
    etag: str | None


class TimelineItem(Shape):
    """One touchpoint. `data` is the event's payload, opened for those who may see it; `summary` holds nothing personal."""

    event_id: UUID
    type: str
    source: str
    occurred_at: Instant
    recorded_at: Instant
    channel: str | None
    actor: str
    summary: str
    data: dict[str, Any]
    stream_id: UUID
    version: int


class SummaryItem(Shape):
    """A customer in a list. `spend` in the currency most is spent in."""

    customer_id: UUID
    member_ids: list[UUID]
    kind: str | None
    name: str | None
    type: str | None
    owner_id: str | None
    tier: str | None
    available: int
    open_tickets: int
    sla_state: str | None
    breach_at: Instant | None
    interactions: int
    last_contact_at: Instant | None
    purchases: int
    spend: MoneyPart | None
    last_purchase_at: Instant | None
    first_seen_at: Instant | None
    redacted: list[str]
