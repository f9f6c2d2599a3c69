"""How is a customer forgotten? Asked for over all contacts that are one customer, in one command; done when their keys are gone for good."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from crm_events.language.contacts import ContactEvent, PrivacyErased, PrivacyErasureRequested

from crm_contacts.contact import Contact


class NotWhole(Exception):
    """A merge came between asking who is one customer and looking at them. Ask again."""


def must_be_whole(members: Mapping[UUID, Contact]) -> None:
    """NotWhole, if one of them is merged with a contact that is not among them: its version alone would not tell, for it was read after the merge."""
    for member in members.values():
        edges = [*member.absorbed, *([member.merged] if member.merged else [])]
        if any(edge.other_id not in members for edge in edges):
            raise NotWhole


def request_erasure(members: Mapping[UUID, Contact], *, request_id: UUID) -> list[list[ContactEvent]]:
    """Each member's events, in order; one whose erasure is under way, or done, has nothing new.

    Raises NotWhole.
    """
    must_be_whole(members)
    return [[] if member.erasure or member.registered_at is None else [PrivacyErasureRequested(request_id=request_id)] for member in members.values()]


def confirm_erasure(contact: Contact, *, request_id: UUID, key_ids: Sequence[UUID]) -> list[ContactEvent]:
    """The keys are destroyed, and no process can hold one in memory any more."""
    return [] if contact.erased else [PrivacyErased(request_id=request_id, key_ids=tuple(key_ids))]
