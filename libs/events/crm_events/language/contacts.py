"""What can happen to a contact: who it is, how it is reached, whom it belongs to, what was said with it?"""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field

from crm_events.event import Code, Event, PersonalText, Value
from crm_events.language.consent import (
    ConsentDenied,
    ConsentExpired,
    ConsentGranted,
    ConsentWithdrawn,
    PreferenceChannelSet,
    PreferenceFrequencyCapSet,
    PreferenceLanguageSet,
    PreferenceTimeWindowSet,
)
from crm_events.language.privacy import PrivacyRestricted
from crm_events.language.valuing import CompetitorUseReported, ContactLifecycleChanged, ExpectationRecorded, ValueWeightRecorded
from crm_events.language.words import Channel, Maybe, Seconds

ContactKind: TypeAlias = Literal["person", "organisation"]
ContactType: TypeAlias = Literal["external_potential", "external_actual", "internal", "intermediary"]
Role: TypeAlias = Literal["buyer", "consumer"]
IdentifierKind: TypeAlias = Literal["email", "phone", "national_id", "loyalty_card", "external", "device", "social"]
MergeCause: TypeAlias = Literal["manual", "rule", "repointed"]
RelationshipKind: TypeAlias = Literal["works_for", "household", "dealer_of", "supplier_of", "serves_end_customer", "referred_by"]
Direction: TypeAlias = Literal["inbound", "outbound"]
Sentiment: TypeAlias = Literal["positive", "neutral", "negative"]


class Source(Value):
    """Where a contact was first heard of: the system, and its own reference there."""

    system: Code
    reference: Maybe[Code] = None


class ContactRegistered(Event):
    """A person or organisation is known from now on."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)
    type = "contact.registered"
    kind: ContactKind
    name: Maybe[PersonalText] = None
    contact_type: ContactType = Field(alias="type")  # `type` is the event's own here
    roles: tuple[Role, ...]
    language: Maybe[Code] = None
    time_zone: Maybe[Code] = None
    source: Maybe[Source] = None


class ContactDetailsChanged(Event):
    """Parts of the profile were told anew; only what changed is there, `null` = cleared."""

    type = "contact.details_changed"
    name: PersonalText | None = None
    address: PersonalText | None = None
    birthday: PersonalText | None = None
    organisation_name: PersonalText | None = None
    language: Code | None = None
    time_zone: Code | None = None


class ContactTypeSet(Event):
    """The contact is of another type, or has other roles."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)
    type = "contact.type_set"
    contact_type: ContactType = Field(alias="type")  # `type` is the event's own here
    previous_type: ContactType
    roles: tuple[Role, ...]


class ContactIdentifierAdded(Event):
    """The contact can be known by one more identifier; `value` as told, `normalised` as compared."""

    type = "contact.identifier_added"
    identifier_id: UUID
    kind: IdentifierKind
    system: Maybe[Code] = None
    value: PersonalText
    normalised: PersonalText


class ContactIdentifierVerified(Event):
    """The contact proved that the identifier is theirs."""

    type = "contact.identifier_verified"
    identifier_id: UUID
    kind: IdentifierKind
    method: Maybe[Code] = None


class ContactIdentifierRemoved(Event):
    """The identifier no longer leads to this contact."""

    type = "contact.identifier_removed"
    identifier_id: UUID
    kind: IdentifierKind


class ContactIdentifierBlocked(Event):
    """The identifier identifies nobody any more: `rule` says why. Its value is nobody else's, either."""

    type = "contact.identifier_blocked"
    identifier_id: UUID
    kind: IdentifierKind
    rule: Code


class ContactMerged(Event):
    """On the absorbed contact: from now on it is part of `survivor_id`. `evidence`: ids of events or identifiers."""

    type = "contact.merged"
    merge_id: UUID
    survivor_id: UUID
    cause: MergeCause
    rule: Maybe[Code] = None
    rule_version: Maybe[Code] = None
    evidence: tuple[UUID, ...]
    reason: Maybe[PersonalText] = None


class ContactAbsorbed(Event):
    """On the survivor: the other end of `contact.merged`."""

    type = "contact.absorbed"
    merge_id: UUID
    absorbed_id: UUID


class ContactUnmerged(Event):
    """On the absorbed contact: the merge is taken back."""

    type = "contact.unmerged"
    merge_id: UUID
    survivor_id: UUID
    reason: Maybe[PersonalText] = None


class ContactReleased(Event):
    """On the survivor: the other end of `contact.unmerged`."""

    type = "contact.released"
    merge_id: UUID
    absorbed_id: UUID


class NoteAdded(Event):
    """Somebody of ours wrote down something about the contact."""

    type = "note.added"
    note_id: UUID
    text: PersonalText


class OwnerAssigned(Event):
    """An agent looks after the contact from now on; `null` = nobody."""

    type = "owner.assigned"
    agent_id: Code | None
    previous_agent_id: Maybe[Code] = None


class NeedRecorded(Event):
    """The contact told of a need; `weight` 1–100 says how much it matters to them."""

    type = "need.recorded"
    need_id: UUID
    need: Code
    weight: Maybe[Annotated[int, Field(ge=1, le=100)]] = None


class PrivacyErasureRequested(Event):
    """The contact asked to be forgotten."""

    type = "privacy.erasure_requested"
    request_id: UUID


class PrivacyErased(Event):
    """The keys `key_ids` are destroyed: what was sealed with them reads as `null` for ever."""

    type = "privacy.erased"
    request_id: UUID
    key_ids: tuple[UUID, ...]


class PrivacyRedacted(Event):
    """What the event `event_id` said of the customer personally reads as `null` for ever; the event itself, its time and its codes stay. Its own stream."""

    type = "privacy.redacted"
    event_id: UUID
    member_ids: tuple[UUID, ...]  # all ids of the customer then: the event may be of any of them
    reason: Code | None = None


class InteractionRecorded(Event):
    """One contact between the customer and us, over one channel, in one direction. Its own stream."""

    type = "interaction.recorded"
    interaction_id: UUID
    channel: Channel
    direction: Direction
    kind: Maybe[Code] = None
    purpose: Maybe[Code] = None
    subject: Maybe[PersonalText] = None
    text: Maybe[PersonalText] = None
    duration_seconds: Maybe[Seconds] = None
    agent_id: Maybe[Code] = None
    outcome: Maybe[Code] = None
    sentiment: Maybe[Sentiment] = None
    conversation_id: Maybe[UUID] = None


class RelationshipLinked(Event):
    """The customer stands in this relation to another. Its own stream, whose id is the relationship's."""

    type = "relationship.linked"
    kind: RelationshipKind
    other_id: UUID


class RelationshipUnlinked(Event):
    """The relation has ended."""

    type = "relationship.unlinked"
    kind: RelationshipKind
    other_id: UUID


ContactEvent: TypeAlias = (
    ContactRegistered
    | ContactDetailsChanged
    | ContactTypeSet
    | ContactIdentifierAdded
    | ContactIdentifierVerified
    | ContactIdentifierRemoved
    | ContactIdentifierBlocked
    | ContactMerged
    | ContactAbsorbed
    | ContactUnmerged
    | ContactReleased
    | ConsentGranted
    | ConsentDenied
    | ConsentWithdrawn
    | ConsentExpired
    | PreferenceChannelSet
    | PreferenceLanguageSet
    | PreferenceTimeWindowSet
    | PreferenceFrequencyCapSet
    | NoteAdded
    | OwnerAssigned
    | NeedRecorded
    | ContactLifecycleChanged
    | ExpectationRecorded
    | ValueWeightRecorded
    | CompetitorUseReported
    | PrivacyErasureRequested
    | PrivacyErased
    | PrivacyRestricted
)
InteractionEvent: TypeAlias = InteractionRecorded
RelationshipEvent: TypeAlias = RelationshipLinked | RelationshipUnlinked
RedactionEvent: TypeAlias = PrivacyRedacted
