"""How is a customer forgotten? Asked for over all contacts that are one customer, in one command; done when their keys are gone for good."""

from collections.abc import Sequence
from uuid import UUID

from crm_events.language.contacts import ContactEvent, PrivacyErased, PrivacyErasureRequested

from crm_contacts.contact import Contact


def request_erasure(members: Sequence[Contact], *, request_id: UUID) -> list[list[ContactEvent]]:
    """Each member's events, in order; one whose erasure is under way, or done, has nothing new."""
    return [[] if member.erasure or member.registered_at is None else [PrivacyErasureRequested(request_id=request_id)] for member in members]


def confirm_erasure(contact: Contact, *, request_id: UUID, key_ids: Sequence[UUID]) -> list[ContactEvent]:
    """The keys are destroyed, and no process can hold one in memory any more."""
    return [] if contact.erased else [PrivacyErased(request_id=request_id, key_ids=tuple(key_ids))]
