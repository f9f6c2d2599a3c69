"""What does a decision about a contact ask for, and how does each event change it?

Personal text in here is sealed (the store opens it for rules). A value told late, with an `occurred_at` before that of the value there, does not overwrite it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias, assert_never
from uuid import UUID

from crm_events.deciding import Fact
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
from crm_events.language.contacts import (
    ContactAbsorbed,
    ContactDetailsChanged,
    ContactEvent,
    ContactIdentifierAdded,
    ContactIdentifierBlocked,
    ContactIdentifierRemoved,
    ContactIdentifierVerified,
    ContactMerged,
    ContactRegistered,
    ContactReleased,
    ContactTypeSet,
    ContactUnmerged,
    NeedRecorded,
    NoteAdded,
    OwnerAssigned,
    PrivacyErased,
    PrivacyErasureRequested,
)
from crm_events.language.privacy import PrivacyRestricted
from crm_events.language.valuing import CompetitorUseReported, ContactLifecycleChanged, ExpectationRecorded, ValueWeightRecorded

MOST_IDENTIFIERS = 100
MOST_ABSORBED = 500
MOST_PARTED = 100
Status: TypeAlias = Literal["granted", "denied", "withdrawn", "restricted"]
DETAILS = ("name", "address", "birthday", "organisation_name", "language", "time_zone")


@dataclass(frozen=True, slots=True)
class Identifier:
    """What the contact is known by; `normalised` is what is compared. `blocked`: it identifies nobody any more."""

    id: UUID
    kind: str
    system: str | None
    value: str | None
    normalised: str | None
    added_at: datetime
    verified: bool = False
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The latest grant, or the latest denial, of one consent key; or that nothing may be used at all. `at`: when it was said."""

    event_id: UUID
    status: Status
    at: datetime
    text_version: str
    evidence: str | None
    double_opt_in_at: datetime | None
    effective_from: datetime
    effective_to: datetime | None
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent key (purpose, channel, contact point or all) and what was last said for it and against it."""

    purpose: str
    channel: str
    identifier_id: UUID | None
    grant: Said | None = None
    denial: Said | None = None

    @property
    def key(self) -> tuple[str, str, UUID | None]:
        return self.purpose, self.channel, self.identifier_id

    @property
    def latest(self) -> Said:
        """What holds of the key by itself; of two said at one moment the denial."""
        if self.grant and (self.denial is None or self.grant.at > self.denial.at):
            return self.grant
        if self.denial is None:
            raise AssertionError("a consent key is there because something was said")
        return self.denial


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the week in which the contact may be reached, by the clock of `time_zone`."""

    days: tuple[str, ...]
    starts: str
    ends: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the contact would like; permission is another matter."""

    channel: str | None = None
    language: str | None = None
    time_windows: tuple[Window, ...] = ()
    count: int | None = None
    per_days: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """An active merge, seen from one of its two contacts. `rule`: which one joined them, told on the absorbed one."""

    merge_id: UUID
    other_id: UUID
    at: datetime
    rule: str | None = None
    rule_version: str | None = None


@dataclass(frozen=True, slots=True)
class Parted:
    """A merge that was taken back: whom the contact is not, whatever joined them."""

    other_id: UUID
    rule: str | None
    rule_version: str | None


@dataclass(frozen=True, slots=True)
class Restriction:
    """What is kept of the contact is not to be used (`holds`), or may be again, since `at`."""

    request_id: UUID
    event_id: UUID
    at: datetime
    holds: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or organisation. `told`: when the present value of each field was told. `erasure`: the request under which it is being forgotten.

    `unbased_since`: they once consented, and since then no consent of theirs is in force.
    """

    registered_at: datetime | None = None
    kind: str | None = None
    type: str | None = None
    roles: tuple[str, ...] = ()
    name: str | None = None
    address: str | None = None
    birthday: str | None = None
    organisation_name: str | None = None
    language: str | None = None
    time_zone: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    consents: tuple[Consent, ...] = ()
    preferences: Preferences = Preferences()
    owner_id: str | None = None
    stage: str | None = None
    merged: Edge | None = None
    absorbed: tuple[Edge, ...] = ()
    parted: tuple[Parted, ...] = ()
    erasure: UUID | None = None
    erased: bool = False
    consented: bool = False
    unbased_since: datetime | None = None
    restriction: Restriction | None = None
    told: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def consents_in_force(self) -> bool:
        """Something they allowed is still allowed."""
        return any(each.latest.status == "granted" and not each.latest.expired for each in self.consents)


def evolve(contact: Contact, fact: Fact[ContactEvent]) -> Contact:
    """The contact after one more event; total over every subset of a history in its order."""
    after = _evolved(contact, fact)
    return after if after.consents is contact.consents or after.erased else _based(after, fact)


def _evolved(contact: Contact, fact: Fact[ContactEvent]) -> Contact:
    event, at = fact.event, fact.occurred_at
    match event:
        case ContactRegistered():
            profile = {"name": event.name, "language": event.language, "time_zone": event.time_zone, "type": event.contact_type, "roles": event.roles}
            told = {name: value for name, value in profile.items() if value is not None}
            return _tell(replace(contact, registered_at=at, kind=event.kind), at, told)
        case ContactDetailsChanged():
            return _tell(contact, at, {name: getattr(event, name) for name in DETAILS if name in event.model_fields_set})
        case ContactTypeSet():
            return _tell(contact, at, {"type": event.contact_type, "roles": event.roles})
        case ContactIdentifierAdded():
            added = Identifier(event.identifier_id, event.kind, event.system, event.value, event.normalised, at)
            return replace(contact, identifiers=(*contact.identifiers, added))
        case ContactIdentifierVerified():
            known = tuple(replace(each, verified=True) if each.id == event.identifier_id else each for each in contact.identifiers)
            return replace(contact, identifiers=known)
        case ContactIdentifierBlocked():
            known = tuple(replace(each, blocked=True) if each.id == event.identifier_id else each for each in contact.identifiers)
            return replace(contact, identifiers=known)
        case ContactIdentifierRemoved():  # what was said about a contact point ends with it: nobody is reached there any more
            kept = tuple(each for each in contact.identifiers if each.id != event.identifier_id)
            return replace(contact, identifiers=kept, consents=tuple(each for each in contact.consents if each.identifier_id != event.identifier_id))
        case ContactMerged():
            return replace(contact, merged=Edge(event.merge_id, event.survivor_id, at, event.rule, event.rule_version))
        case ContactUnmerged():
            return _parted(contact, contact.merged) if contact.merged and contact.merged.merge_id == event.merge_id else contact
        case ContactAbsorbed():
            return replace(contact, absorbed=(*contact.absorbed, Edge(event.merge_id, event.absorbed_id, at)))
        case ContactReleased():
            return replace(contact, absorbed=tuple(edge for edge in contact.absorbed if edge.merge_id != event.merge_id))
        case ConsentGranted() | ConsentDenied() | ConsentWithdrawn():
            return _with_consent(contact, event, _said(event, fact))
        case ConsentExpired():
            return _with_expiry(contact, event)
        case PreferenceChannelSet():
            return _prefer(contact, at, "preferences.channel", channel=event.channel)
        case PreferenceLanguageSet():
            return _prefer(contact, at, "preferences.language", language=event.language)
        case PreferenceTimeWindowSet():
            windows = tuple(Window(each.days, each.starts, each.ends, each.time_zone) for each in event.time_windows)
            return _prefer(contact, at, "preferences.time_windows", time_windows=windows)
        case PreferenceFrequencyCapSet():
            return _prefer(contact, at, "preferences.frequency_cap", count=event.count, per_days=event.per_days)
        case OwnerAssigned():
            return _tell(contact, at, {"owner_id": event.agent_id})
        case ContactLifecycleChanged():
            return _tell(contact, at, {"stage": event.stage})
        case NoteAdded() | NeedRecorded() | ExpectationRecorded() | ValueWeightRecorded() | CompetitorUseReported():
            return contact
        case PrivacyRestricted():
            newer = contact.restriction is None or at >= contact.restriction.at
            return replace(contact, restriction=Restriction(event.request_id, fact.event_id, at, event.restricted)) if newer else contact
        case PrivacyErasureRequested():
            return replace(contact, erasure=event.request_id)
        case PrivacyErased():  # the sealed text could be kept, but nobody can open it
            return Contact(contact.registered_at, contact.kind, merged=contact.merged, absorbed=contact.absorbed, erasure=event.request_id, erased=True)
        case _:
            assert_never(event)


def _based(contact: Contact, fact: Fact[ContactEvent]) -> Contact:
    consented = contact.consented or isinstance(fact.event, ConsentGranted)
    lost = consented and not contact.consents_in_force
    return replace(contact, consented=consented, unbased_since=(contact.unbased_since or fact.occurred_at) if lost else None)


def _tell(contact: Contact, at: datetime, values: Mapping[str, Any]) -> Contact:
    newer = {name: value for name, value in values.items() if name not in contact.told or at >= contact.told[name]}
    return replace(contact, **newer, told={**contact.told, **dict.fromkeys(newer, at)})


def _parted(contact: Contact, edge: Edge) -> Contact:
    known = Parted(edge.other_id, edge.rule, edge.rule_version)
    return replace(contact, merged=None, parted=(*(each for each in contact.parted if each != known), known)[-MOST_PARTED:])


def _prefer(contact: Contact, at: datetime, name: str, **values: Any) -> Contact:
    if name in contact.told and at < contact.told[name]:
        return contact
    return replace(contact, preferences=replace(contact.preferences, **values), told={**contact.told, name: at})


def _said(event: ConsentGranted | ConsentDenied | ConsentWithdrawn, fact: Fact[ContactEvent]) -> Said:
    status: Status = "granted" if isinstance(event, ConsentGranted) else "denied" if isinstance(event, ConsentDenied) else "withdrawn"
    bounds = event.double_opt_in_at, event.effective_from, event.effective_to
    return Said(fact.event_id, status, fact.occurred_at, event.text_version, event.evidence, *bounds)


def _with_consent(contact: Contact, event: ConsentGranted | ConsentDenied | ConsentWithdrawn, said: Said) -> Contact:
    key = event.purpose, event.channel, event.identifier_id
    known = next((each for each in contact.consents if each.key == key), Consent(*key))
    before = known.grant if said.status == "granted" else known.denial
    if before and before.at > said.at:
        return contact
    after = replace(known, grant=said) if said.status == "granted" else replace(known, denial=said)
    return replace(contact, consents=(*(each for each in contact.consents if each.key != key), after))


def _with_expiry(contact: Contact, event: ConsentExpired) -> Contact:
    key = event.purpose, event.channel, event.identifier_id

    def ended(each: Consent) -> Consent:
        return replace(each, grant=replace(each.grant, expired=True)) if each.key == key and each.grant and each.grant.effective_to else each

    return replace(contact, consents=tuple(map(ended, contact.consents)))
