"""What did the contact say about being written to, and when is saying it again news?

The latest word on a key (purpose, channel, contact point or all) replaces the one before it. A grant can end by itself; a denial stands until a later grant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm_events.deciding import At
from crm_events.language.consent import ConsentChannel, ConsentDenied, ConsentExpired, ConsentGranted, ConsentPurpose, ConsentStatus, ConsentWithdrawn
from crm_events.language.contacts import ContactEvent
from crm_events.refusals import Invalid

from crm_contacts.contact import Consent, Contact, Said
from crm_contacts.profile import standing

ANY = "any"
_REACHES = {"email": {"email"}, "phone": {"sms", "phone"}, "device": {"push"}}  # what another kind of identifier is good for, is not known
_EVENTS: dict[ConsentStatus, type[ConsentGranted | ConsentDenied | ConsentWithdrawn]] = {
    "granted": ConsentGranted,
    "denied": ConsentDenied,
    "withdrawn": ConsentWithdrawn,
}


@dataclass(frozen=True, slots=True)
class Word:
    """What the contact says now. `effective_from` None: from the moment it is said."""

    purpose: ConsentPurpose
    channel: ConsentChannel
    status: ConsentStatus
    text_version: str
    identifier_id: UUID | None = None
    evidence: str | None = None
    double_opt_in_at: datetime | None = None
    effective_from: datetime | None = None
    effective_to: datetime | None = None

    @property
    def key(self) -> tuple[str, str, UUID | None]:
        return self.purpose, self.channel, self.identifier_id


def reaches(kind: str, channel: str) -> bool:
    """Whether this kind of identifier can be reached over this channel."""
    return channel == ANY or channel in _REACHES.get(kind, {channel})


def covers(wide: tuple[str, str, UUID | None], narrow: tuple[str, str, UUID | None]) -> bool:
    """Whether what is said of `wide` is said of `narrow`, too: the same purpose, the same or any channel, the same or all contact points."""
    return wide[0] == narrow[0] and wide[1] in (ANY, narrow[1]) and wide[2] in (None, narrow[2])


def set_consent(contact: Contact, *, word: Word, said_at: datetime, told: bool) -> list[ContactEvent]:
    """One event, or none if this holds already. `told`: the caller named `said_at`, which makes a word of another moment another word."""
    standing(contact)
    _check(contact, word)
    if _holds_already(contact, word, said_at if told else None):
        return []
    optional = {"identifier_id": word.identifier_id, "evidence": word.evidence, "double_opt_in_at": word.double_opt_in_at, "effective_to": word.effective_to}
    return [
        _EVENTS[word.status](
            purpose=word.purpose,
            channel=word.channel,
            text_version=word.text_version,
            effective_from=word.effective_from or said_at,
            **{name: value for name, value in optional.items() if value is not None},
        )
    ]


def expiries(contact: Contact, now: datetime) -> list[At[ContactEvent]]:
    """The grants that have ended by `now`, each at its end."""
    ended = sorted(((end, each) for end, each in _ends(contact) if end <= now), key=lambda pair: pair[0])
    return [At(ConsentExpired(purpose=each.purpose, channel=each.channel, identifier_id=each.identifier_id), end) for end, each in ended]


def next_expiry(contact: Contact) -> datetime | None:
    """When the next grant ends."""
    return min((end for end, _ in _ends(contact)), default=None)


def _ends(contact: Contact) -> Iterator[tuple[datetime, Consent]]:
    if contact.erasure is None:
        for each in contact.consents:
            if each.latest.status == "granted" and each.latest.effective_to and not each.latest.expired:
                yield each.latest.effective_to, each


def _check(contact: Contact, word: Word) -> None:
    if word.effective_to and word.status != "granted":
        raise Invalid("/effective_to", "not-allowed", "A denial stands until a later grant; leave out when it ends.")
    if word.effective_to and word.effective_from and word.effective_to <= word.effective_from:
        raise Invalid("/effective_to", "too-early", "A grant must end after it begins.")
    if word.identifier_id is None:
        return
    point = next((each for each in contact.identifiers if each.id == word.identifier_id), None)
    if point is None:
        raise Invalid("/identifier_id", "unknown", "The contact has no identifier of this id. Add it first, or leave it out to speak of all.")
    if not reaches(point.kind, word.channel):
        raise Invalid("/identifier_id", "unfit", f"An identifier of this kind is not reached by {word.channel}. Name another, or leave it out.")


def _holds_already(contact: Contact, word: Word, told_at: datetime | None) -> bool:
    if contact.merged or contact.absorbed:  # another member's word, unseen here, may lie between: said again, it counts again
        return False
    known = next((each for each in contact.consents if each.key == word.key), None)
    if known is None or not _same(known.latest, word, told_at):
        return False
    since = known.latest.at
    if word.status == "granted":  # a denial since then, of this key or a wider one, is answered by saying it again
        return not any(each.denial and each.denial.at >= since and covers(each.key, word.key) for each in contact.consents)
    return not any(each.grant and each.grant.at >= since and covers(word.key, each.key) for each in contact.consents)


def _same(said: Said, word: Word, told_at: datetime | None) -> bool:
    if told_at is not None and told_at != said.at:
        return False
    if word.effective_from is not None and word.effective_from != said.effective_from:
        return False
    before = said.status, said.text_version, said.evidence, said.double_opt_in_at, said.effective_to
    return before == (word.status, word.text_version, word.evidence, word.double_opt_in_at, word.effective_to)
