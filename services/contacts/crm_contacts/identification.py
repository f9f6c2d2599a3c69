"""What is a contact known by? Identifiers added, verified, removed; which of them nobody else may hold."""

from collections.abc import Iterator
from uuid import UUID

from crm_events import text
from crm_events.deciding import Claim
from crm_events.identifiers import Recognised, scope
from crm_events.language.contacts import ContactEvent, ContactIdentifierAdded, ContactIdentifierBlocked, ContactIdentifierRemoved, ContactIdentifierVerified
from crm_events.refusals import AlreadyExists, NotFound, Rejected

from crm_contacts.contact import MOST_IDENTIFIERS, Contact, Identifier

WORD, BORN, BLOCKED = "word", "born", "blocked"
SHARED = frozenset({"social", "device"})  # a household's tablet, a shop's page: several contacts may be known by one, and matching looks at who they are


def added(identifier_id: UUID, item: Recognised) -> ContactIdentifierAdded:
    """The event for one identifier."""
    return ContactIdentifierAdded(identifier_id=identifier_id, kind=item.kind, system=item.system, value=item.value, normalised=item.normalised)


def add_identifier(contact: Contact, *, identifier_id: UUID, item: Recognised) -> list[ContactEvent]:
    """One more identifier; one the contact has already, in whatever spelling, is nothing new. Needs the opened state."""
    if any((scope(each.kind, each.system), each.normalised) == (item.scope, item.normalised) for each in contact.identifiers):
        return []
    if any(each.id == identifier_id for each in contact.identifiers):
        raise AlreadyExists("The contact has another identifier of this id.", identifier_id)
    if len(contact.identifiers) >= MOST_IDENTIFIERS:
        raise Rejected("too-many-identifiers", "Remove an identifier that is no longer used before adding another.", limit=MOST_IDENTIFIERS)
    return [added(identifier_id, item)]


def verify_identifier(contact: Contact, *, identifier_id: UUID, method: str | None = None) -> list[ContactEvent]:
    """The contact has shown that it is theirs."""
    known = next((each for each in contact.identifiers if each.id == identifier_id), None)
    if known is None:
        raise NotFound("The contact has no identifier of this id.")
    return [] if known.verified else [ContactIdentifierVerified(identifier_id=identifier_id, kind=known.kind, method=method)]


def block_identifier(contact: Contact, *, identifier_id: UUID, rule: str) -> list[ContactEvent]:
    """It identifies nobody any more: the contact keeps it as something told, nobody is found or matched by it."""
    known = next((each for each in contact.identifiers if each.id == identifier_id), None)
    if known is None:
        raise NotFound("The contact has no identifier of this id.")
    return [] if known.blocked else [ContactIdentifierBlocked(identifier_id=identifier_id, kind=known.kind, rule=rule)]


def remove_identifier(contact: Contact, *, identifier_id: UUID) -> list[ContactEvent]:
    """The identifier no longer leads to this contact, and may be another's; one that is not there is nothing new."""
    return [ContactIdentifierRemoved(identifier_id=each.id, kind=each.kind) for each in contact.identifiers if each.id == identifier_id]


def identifier_claims(item: Identifier, *, take: bool) -> Iterator[Claim]:
    """An identifier belongs to one contact at a time, unless it is of a kind that several may share: that is only found by it."""
    if item.normalised is not None:
        yield identifier_claim(item.kind, item.system, item.normalised, take=take)
        if item.kind in SHARED and not take:  # of the time when one contact alone could have it
            yield Claim(scope(item.kind, item.system), item.normalised, take)


def identifier_claim(kind: str, system: str | None, normalised: str, *, take: bool) -> Claim:
    """The claim of one identifier."""
    if kind in SHARED:
        return Claim(scope(kind, system), normalised, take, within="stream")
    return Claim(scope(kind, system), normalised, take, "identifier-taken")


def name_claims(name: str | None, *, take: bool) -> Iterator[Claim]:
    """The words and beginnings a name is found by: claimed within the contact's own stream, so that they never collide."""
    for term in sorted(text.terms(name or "")):
        yield Claim(WORD, term, take, within="stream")


def blocked_claims(item: Identifier) -> Iterator[Claim]:
    """The value leads to nobody, and nobody is to have it. Within the stream, for several contacts may have had it before."""
    if item.normalised is not None:
        yield from identifier_claims(item, take=False)
        yield Claim(blocked_scope(item.kind, item.system), item.normalised, within="stream")


def blocked_scope(kind: str, system: str | None) -> str:
    """Where values that identify nobody are claimed."""
    return f"{BLOCKED}:{scope(kind, system)}"


def birthday_claims(birthday: str | None) -> Iterator[Claim]:
    """Who was born on one day is found together, to be compared by name."""
    if birthday:
        yield Claim(BORN, birthday, within="stream")
