"""What does a client see of a contact, a merge, an interaction? Every field of a resource, `null` where it is not known.

Personal text in these is still sealed: the chassis opens it for callers who may see it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_chassis.body import Instant, Resource
from crm_events.store.loading import Loaded
from pydantic import ConfigDict, Field

from crm_contacts.cluster import Cluster
from crm_contacts.contact import Consent, Contact, Preferences
from crm_contacts.interaction import TOLD, Interaction
from crm_contacts.relationship import Relationship


class IdentifierAnswer(Resource):
    """`normalised`: the form in which it is compared with others. `blocked`: it identifies nobody any more."""

    id: UUID
    kind: str
    system: str | None
    value: str | None
    normalised: str | None
    verified: bool
    blocked: bool
    added_at: Instant


class ConsentAnswer(Resource):
    """What holds of one key by itself: granted, denied, withdrawn or expired, since when, and which event says so."""

    purpose: str
    channel: str
    identifier_id: UUID | None
    status: str
    since: Instant
    effective_to: Instant | None
    event_id: UUID
    text_version: str


class WindowAnswer(Resource):
    """Hours of the week, by the clock of `time_zone`."""

    model_config = ConfigDict(serialize_by_alias=True)
    days: list[str]
    starts: str = Field(serialization_alias="from")
    ends: str = Field(serialization_alias="to")
    time_zone: str


class CapAnswer(Resource):
    """At most `count` messages in `per_days` days."""

    count: int
    per_days: int


class PreferencesAnswer(Resource):
    """What the contact would like."""

    channel: str | None
    language: str | None
    time_windows: list[WindowAnswer]
    frequency_cap: CapAnswer | None


class ContactAnswer(Resource):
    """A contact with its own identifiers and consents; those of all members of a merged customer are in the unified view.

    `restricted`: what is kept is not to be used, whatever was consented to.
    """

    id: UUID
    version: int
    canonical_id: UUID
    merged_ids: list[UUID]
    kind: str
    name: str | None
    type: str
    roles: list[str]
    identifiers: list[IdentifierAnswer]
    language: str | None
    time_zone: str | None
    address: str | None
    birthday: str | None
    organisation_name: str | None
    lifecycle_stage: str | None
    owner_id: str | None
    consents: list[ConsentAnswer]
    preferences: PreferencesAnswer
    restricted: bool
    registered_at: Instant
    updated_at: Instant
    redacted: list[str]


class ContactPage(Resource):
    """Contacts found."""

    items: list[ContactAnswer]
    next: str | None


class InteractionAnswer(Resource):
    """One contact between the customer and us."""

    id: UUID
    version: int
    customer_id: UUID
    channel: str
    direction: str
    kind: str | None
    purpose: str | None
    subject: str | None
    text: str | None
    duration_seconds: int | None
    agent_id: str | None
    outcome: str | None
    sentiment: str | None
    conversation_id: UUID | None
    occurred_at: Instant
    recorded_at: Instant
    redacted: list[str]


class InteractionPage(Resource):
    """Newest first."""

    items: list[InteractionAnswer]
    next: str | None


class RelationshipAnswer(Resource):
    """`customer_id` stands in relation `kind` to `other_id`."""

    id: UUID
    version: int
    customer_id: UUID
    kind: str
    other_id: UUID
    occurred_at: Instant
    ended_at: Instant | None
    recorded_at: Instant


class RelationshipPage(Resource):
    """Those that last."""

    items: list[RelationshipAnswer]
    next: str | None


class MergeAnswer(Resource):
    """`reversed_at`: when it was taken back, null while it holds."""

    id: UUID
    survivor_id: UUID
    absorbed_id: UUID
    cause: str
    rule: str | None
    rule_version: str | None
    reason: str | None
    evidence: list[UUID]
    occurred_at: Instant
    reversed_at: Instant | None
    redacted: list[str]


class ClusterAnswer(Resource):
    """Contacts that are one customer."""

    canonical_id: UUID
    member_ids: list[UUID]


class ReversalsAnswer(Resource):
    """What was taken back, and who is one customer now, of all whom it touches. `more`: as many as one request takes were taken back; send it again."""

    reversed: list[MergeAnswer]
    clusters: list[ClusterAnswer]
    more: bool


class DecidingAnswer(Resource):
    """A word that decided."""

    event_id: UUID
    status: str
    purpose: str
    channel: str
    identifier_id: UUID | None


class DecisionAnswer(Resource):
    """May we? Nothing said: deny, and `because` is empty."""

    decision: str
    decision_id: UUID
    because: list[DecidingAnswer]


def contact_answer(loaded: Loaded[Contact], cluster: Cluster, now: datetime) -> ContactAnswer:
    """The contact as of `now`."""
    contact = loaded.state
    if contact.registered_at is None or contact.kind is None or contact.type is None or loaded.recorded_at is None:
        raise AssertionError("only a registered contact is shown")
    return ContactAnswer(
        id=loaded.stream_id,
        version=loaded.version,
        canonical_id=cluster.root,
        merged_ids=[member for member in cluster.members if member != cluster.root],
        kind=contact.kind,
        name=contact.name,
        type=contact.type,
        roles=list(contact.roles),
        identifiers=[IdentifierAnswer.model_validate(item, from_attributes=True) for item in contact.identifiers],
        language=contact.language,
        time_zone=contact.time_zone,
        address=contact.address,
        birthday=contact.birthday,
        organisation_name=contact.organisation_name,
        lifecycle_stage=contact.stage,
        owner_id=contact.owner_id,
        consents=[_consent(each, now) for each in contact.consents],
        preferences=_preferences(contact.preferences),
        restricted=contact.restriction is not None and contact.restriction.holds,
        registered_at=contact.registered_at,
        updated_at=loaded.recorded_at,
        redacted=[],
    )


def interaction_answer(loaded: Loaded[Interaction]) -> InteractionAnswer:
    """One fact, as it was told."""
    told: Mapping[str, Any] = {name: getattr(loaded.state, name) for name in TOLD}
    times = {"occurred_at": loaded.state.occurred_at, "recorded_at": loaded.recorded_at}
    return InteractionAnswer(id=loaded.stream_id, version=loaded.version, customer_id=loaded.customer_id, redacted=[], **told, **times)


def relationship_answer(loaded: Loaded[Relationship]) -> RelationshipAnswer:
    """The relationship as it stands."""
    state = loaded.state
    if state.kind is None or state.other_id is None or state.linked_at is None or loaded.recorded_at is None:
        raise AssertionError("only a relationship that was linked is shown")
    return RelationshipAnswer(
        id=loaded.stream_id, version=loaded.version, customer_id=loaded.customer_id, kind=state.kind, other_id=state.other_id,
        occurred_at=state.linked_at, ended_at=state.unlinked_at, recorded_at=loaded.recorded_at,
    )  # fmt: skip


def _consent(consent: Consent, now: datetime) -> ConsentAnswer:
    said = consent.latest
    expired = said.effective_to is not None and said.effective_to <= now
    return ConsentAnswer(
        purpose=consent.purpose,
        channel=consent.channel,
        identifier_id=consent.identifier_id,
        status="expired" if expired else said.status,
        since=said.effective_to if expired and said.effective_to else said.at,
        effective_to=said.effective_to,
        event_id=said.event_id,
        text_version=said.text_version,
    )


def _preferences(preferences: Preferences) -> PreferencesAnswer:
    cap = None if preferences.count is None or preferences.per_days is None else CapAnswer(count=preferences.count, per_days=preferences.per_days)
    windows = [WindowAnswer(days=list(each.days), starts=each.starts, ends=each.ends, time_zone=each.time_zone) for each in preferences.time_windows]
    return PreferencesAnswer(channel=preferences.channel, language=preferences.language, time_windows=windows, frequency_cap=cap)
