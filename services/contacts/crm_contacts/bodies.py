"""What may a client say? Absent: not told; `null`: cleared."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID
from zoneinfo import available_timezones

from crm_chassis.body import Body, Moment, Told
from crm_events.event import Code
from crm_events.language.consent import ConsentChannel, ConsentPurpose, ConsentStatus
from crm_events.language.contacts import ContactKind, ContactType, Direction, IdentifierKind, RelationshipKind, Role, Sentiment, Source
from crm_events.language.words import Channel, Day, TimeOfDay
from pydantic import AfterValidator, Field, model_validator

_ZONES = available_timezones()


def _a_zone(name: str) -> str:
    if name not in _ZONES:
        raise ValueError("Name a time zone of the IANA list, as Asia/Tehran.")
    return name


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("Write something that can be read, or leave it out.")
    return text


def _a_birthday(day: str) -> str:
    if date.fromisoformat(day) > date.today():  # by the server's calendar: a day more or less does no harm
        raise ValueError("A birthday lies in the past.")
    return day


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_a_zone)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", description="BCP 47, as fa or en-GB")]
Name = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_not_blank)]
Line = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_not_blank)]
LongText = Annotated[str, Field(min_length=1, max_length=20_000)]
IdentifierValue = Annotated[str, Field(min_length=1, max_length=320)]
Birthday = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="a date, as 1990-05-01"), AfterValidator(_a_birthday)]


class IdentifierBody(Body):
    """What a contact is known by. `external` needs the `system` it is from."""

    kind: IdentifierKind
    value: IdentifierValue
    system: Code | None = None


class SourceBody(Body):
    """Where the contact was first heard of."""

    system: Code
    reference: Code | None = None

    def source(self) -> Source:
        """As the event says it."""
        return Source(system=self.system, reference=self.reference)


class Registration(Told):
    """`kind` alone is required; whom one does not know yet has no name."""

    kind: ContactKind
    id: UUID | None = None
    name: Name | None = None
    type: ContactType = "external_potential"
    roles: list[Role] = Field(default=[], max_length=10)
    identifiers: list[IdentifierBody] = Field(default=[], max_length=100)
    language: Language | None = None
    time_zone: TimeZone | None = None
    source: SourceBody | None = None


class Change(Told):
    """Only what is told changes; `null` clears it (`type` and `roles` cannot be cleared)."""

    name: Name | None = None
    address: Line | None = None
    birthday: Birthday | None = None
    organisation_name: Name | None = None
    language: Language | None = None
    time_zone: TimeZone | None = None
    type: ContactType = "external_potential"
    roles: list[Role] = Field(default=[], max_length=10)


class IdentifierAddition(Told, IdentifierBody):
    """One more identifier."""

    id: UUID | None = None


class Verification(Told):
    """`method`: how it was shown, as code_by_sms."""

    method: Code | None = None


class BlockingBody(Told):
    """`rule`: why it identifies nobody, as a_shops_own_number."""

    rule: Code = "by-hand"


class ConsentBody(Told):
    """`identifier_id`: one contact point; without it, all. `effective_from`: default when it was said. Only a grant may end by itself."""

    status: ConsentStatus
    text_version: Code
    identifier_id: UUID | None = None
    evidence: Line | None = None
    double_opt_in_at: Moment | None = None
    effective_from: Moment | None = None
    effective_to: Moment | None = None


class ConsentQuestion(Body):
    """May we write to them? `at`: default now."""

    customer_id: UUID
    purpose: ConsentPurpose
    channel: ConsentChannel
    identifier_id: UUID | None = None
    at: Moment | None = None


class WindowBody(Body):
    """Hours of the week, `from` before `to`, by the clock of `time_zone`."""

    days: list[Day] = Field(min_length=1, max_length=7)
    starts: TimeOfDay = Field(alias="from")
    ends: TimeOfDay = Field(alias="to")
    time_zone: TimeZone

    @model_validator(mode="after")
    def _in_order(self) -> "WindowBody":
        if self.starts >= self.ends:
            raise ValueError("A window begins before it ends; write one over midnight as two.")
        return self


class CapBody(Body):
    """At most `count` messages in `per_days` days."""

    count: int = Field(ge=0, le=10_000)
    per_days: int = Field(ge=1, le=366)


class PreferencesBody(Told):
    """Only what is told is set; `null` clears it."""

    channel: Code | None = None
    language: Language | None = None
    time_windows: list[WindowBody] | None = Field(default=None, max_length=50)
    frequency_cap: CapBody | None = None


class InteractionBody(Told):
    """One contact between the customer and us."""

    channel: Channel
    direction: Direction
    id: UUID | None = None
    kind: Code | None = None
    purpose: Code | None = None
    subject: Line | None = None
    text: LongText | None = None
    duration_seconds: int | None = Field(default=None, ge=0, le=2**53 - 1)
    agent_id: Code | None = None
    outcome: Code | None = None
    sentiment: Sentiment | None = None
    conversation_id: UUID | None = None


class NoteBody(Told):
    """Something to be remembered."""

    text: LongText


class OwnerBody(Told):
    """`null`: nobody."""

    agent_id: Code | None


class NeedBody(Told):
    """`weight`: 1 to 100, how much it matters to them."""

    need: Code
    weight: int | None = Field(default=None, ge=1, le=100)


class RelationshipBody(Told):
    """The contact of the path stands in relation `kind` to `other_id`."""

    kind: RelationshipKind
    other_id: UUID
    id: UUID | None = None


class MergeBody(Told):
    """The absorbed contact becomes part of the survivor. `evidence`: ids of the events or identifiers that show it; `rule`: yours, if no person decided it."""

    survivor_id: UUID
    absorbed_id: UUID
    id: UUID | None = None
    reason: Line | None = None
    evidence: list[UUID] = Field(default=[], max_length=100)
    rule: Code | None = None
    rule_version: Code | None = None

    @model_validator(mode="after")
    def _of_a_rule(self) -> Self:
        if self.rule_version is not None and self.rule is None:
            raise ValueError("rule_version is a rule's: name the rule, too.")
        return self


class ReversalBody(Told):
    """Why the two are not one after all."""

    reason: Line | None = None


class ReversalsBody(Told):
    """Either some contacts that are to leave the others they are one customer with, or the rule (and its version) whose merges are to be taken back."""

    contact_ids: Annotated[list[UUID], Field(min_length=1, max_length=50)] | None = None
    rule: Code | None = None
    rule_version: Code | None = None
    reason: Line | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.contact_ids is None) == (self.rule is None) or (self.rule_version is not None and self.rule is None):
            raise ValueError("Name contact_ids, or a rule with or without its version.")
        return self


class Lookup(Body):
    """Either an identifier, or words of a name (or their beginnings, 3 letters and more; all must match)."""

    identifier: IdentifierBody | None = None
    name: Name | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Lookup":
        if (self.identifier is None) == (self.name is None):
            raise ValueError("Ask by an identifier or by a name: one of the two.")
        return self


class RedactionBody(Told):
    """Which event of whom."""

    customer_id: UUID
    event_id: UUID
    reason: Code | None = None


class AcknowledgementBody(Told):
    """Who has forgotten the customer, besides our own services: a name of ERASURE_SUBSCRIBERS. `counts`: what they looked through or deleted, by its kind."""

    service: Code
    counts: dict[Code, Annotated[int, Field(ge=0, le=2**53 - 1)]] = Field(default={}, max_length=20)


class ExportBody(Told):
    """Who wants to know what is known of them."""

    id: UUID | None = None
    customer_id: UUID


class ExportRefusalBody(Told):
    """Why they are not told: a code, such as `not_identified` or `excessive`."""

    reason: Code


class RestrictionBody(Told):
    """Whose data are kept and not used, with everyone merged into one customer with them; or, `restricted` false, may be used again."""

    customer_id: UUID
    restricted: bool = True


class ErasureBody(Told):
    """Whom to forget: with everyone merged into one customer with them."""

    customer_id: UUID
