"""On what ground do we keep a customer's data? Found: whose only ground was a consent that is gone.

A contract or a request is another ground. Contacts knows some of them itself: the contact's type, and an opportunity that was not lost. Of others it hears: who
asked something, became a member, was sent an invoice or given a right, stays known. A contact that never consented is not judged here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from crm_events.consuming.record import Record
from crm_events.follower import Handler
from crm_events.lease import Connection

from crm_contacts.contact import Contact

GROUNDS = ("ticket.opened", "member.enrolled", "invoice.issued", "entitlement.granted")  # nobody buys who is no member: a purchase says nothing more
ACTUAL = ("external_actual", "internal", "intermediary")

OTHER_BASIS = """
create table other_basis (              -- who is known to us for another reason than a consent, as heard from tickets and loyalty
  customer_id uuid primary key,
  type text not null,                   -- of the first event that said so
  event_id uuid not null);
"""

_HEAR = "insert into other_basis (customer_id, type, event_id) values ($1, $2, $3) on conflict do nothing"


@dataclass(frozen=True, slots=True)
class Unbased:
    """A customer whose consents were all there was, and since when none holds. `member_ids`: all their contacts."""

    customer_id: UUID
    member_ids: tuple[UUID, ...]
    since: datetime


def based(contact: Contact) -> bool:
    """Whether the contact itself shows a ground: what it allowed, or that it is more to us than somebody who might buy."""
    return contact.consents_in_force or contact.type in ACTUAL


def unbased(contacts: Sequence[Contact]) -> bool:
    """Whether all contacts of a customer together lack a ground, one of them having consented once."""
    return not any(map(based, contacts)) and any(each.unbased_since for each in contacts)


def moment(milliseconds: int) -> datetime:
    """A column's time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def grounds() -> dict[str, Handler]:
    """The handlers, by type of event, of what gives a ground."""
    return dict.fromkeys(GROUNDS, _heard)


async def _heard(connection: Connection, record: Record) -> None:
    await connection.execute(_HEAR, record.key, record.type, record.event_id)
