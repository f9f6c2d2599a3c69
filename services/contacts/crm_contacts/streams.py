"""What does the store need to know of a contact? What it claims, when it is next due, which columns its row is found by."""

from collections.abc import Iterator
from typing import Any

from crm_events.deciding import Aggregate, Claim
from crm_events.language.contacts import (
    ContactDetailsChanged,
    ContactEvent,
    ContactIdentifierAdded,
    ContactIdentifierBlocked,
    ContactIdentifierRemoved,
    ContactMerged,
    ContactRegistered,
    PrivacyErasureRequested,
)

from crm_contacts.basis import based
from crm_contacts.consents import expiries, next_expiry
from crm_contacts.contact import Contact, evolve
from crm_contacts.identification import birthday_claims, blocked_claims, identifier_claim, identifier_claims, name_claims

MERGE = "merge"


def _claims(before: Contact, event: ContactEvent) -> Iterator[Claim]:
    match event:
        case ContactRegistered():
            yield from name_claims(event.name, take=True)
        case ContactDetailsChanged():  # the words of the former name stay: one told late is no former name. A look-up compares with the name as it is
            yield from name_claims(event.name, take=True)
            yield from birthday_claims(event.birthday)
        case ContactIdentifierAdded():
            yield identifier_claim(event.kind, event.system, event.normalised, take=True)
        case ContactIdentifierBlocked():
            for item in before.identifiers:
                if item.id == event.identifier_id:
                    yield from blocked_claims(item)
        case ContactIdentifierRemoved():
            for item in before.identifiers:
                if item.id == event.identifier_id:
                    yield from identifier_claims(item, take=False)
        case ContactMerged():  # kept for ever: a merge is found by its id
            yield Claim(MERGE, str(event.merge_id))
        case PrivacyErasureRequested():
            for item in before.identifiers:
                yield from identifier_claims(item, take=False)
            yield from name_claims(before.name, take=False)
        case _:
            return


def _columns(contact: Contact) -> dict[str, Any]:
    return {
        "merged_into": str(contact.merged.other_id) if contact.merged else None,
        "erasure": str(contact.erasure) if contact.erasure else None,
        "erasing": contact.erasure is not None and not contact.erased,
        "restriction": str(contact.restriction.request_id) if contact.restriction else None,
        "unbased_since": None if contact.unbased_since is None or based(contact) else int(contact.unbased_since.timestamp() * 1000),
    }


CONTACTS: Aggregate[Contact, ContactEvent] = Aggregate(
    "contact", Contact, evolve, revision=6, advance=expiries, claims=_claims, due=next_expiry, columns=_columns, opened=True
)
