"""What one event said of a customer is to be read no more: which event, and since when? A stream of its own for each, found by customer and event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from crm_events.deciding import Aggregate, Fact
from crm_events.language.contacts import PrivacyRedacted, RedactionEvent


@dataclass(frozen=True, slots=True)
class Redaction:
    """`redacted_at` None: nobody asked. `member_ids`: whom the event may be of."""

    event_id: UUID | None = None
    member_ids: tuple[UUID, ...] = ()
    reason: str | None = None
    redacted_at: datetime | None = None


def redaction_id(customer_id: UUID, event_id: UUID) -> UUID:
    """Asked for twice, it is the same."""
    return uuid5(customer_id, str(event_id))


def evolve(_: Redaction, fact: Fact[RedactionEvent]) -> Redaction:
    """The redaction once it was asked for."""
    event = fact.event
    return Redaction(event.event_id, event.member_ids, event.reason, fact.occurred_at)


def redact(redaction: Redaction, *, event_id: UUID, member_ids: Sequence[UUID], reason: str | None) -> list[RedactionEvent]:
    """One that was asked for before is nothing new."""
    return [] if redaction.redacted_at else [PrivacyRedacted(event_id=event_id, member_ids=tuple(member_ids), reason=reason)]


REDACTIONS: Aggregate[Redaction, RedactionEvent] = Aggregate("redaction", Redaction, evolve)
