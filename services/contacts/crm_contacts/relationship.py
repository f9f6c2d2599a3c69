"""How do two customers stand to each other, and since when? A stream of its own; while it lasts, the same two cannot be linked so again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from crm_events.deciding import Aggregate, Claim, Fact
from crm_events.language.contacts import RelationshipEvent, RelationshipKind, RelationshipLinked, RelationshipUnlinked
from crm_events.refusals import AlreadyExists, Invalid


@dataclass(frozen=True, slots=True)
class Relationship:
    """Read from the stream's customer to the other: she `works_for` it."""

    kind: RelationshipKind | None = None
    other_id: UUID | None = None
    linked_at: datetime | None = None
    unlinked_at: datetime | None = None


def evolve(relationship: Relationship, fact: Fact[RelationshipEvent]) -> Relationship:
    """The relationship after one more event."""
    match fact.event:
        case RelationshipLinked(kind=kind, other_id=other_id):
            return Relationship(kind, other_id, fact.occurred_at)
        case RelationshipUnlinked():
            return replace(relationship, unlinked_at=fact.occurred_at)
        case _:
            assert_never(fact.event)


def link(relationship: Relationship, *, relationship_id: UUID, customer_id: UUID, kind: RelationshipKind, other_id: UUID) -> list[RelationshipEvent]:
    """Invalid for a customer linked to itself, AlreadyExists for an id that is in use; that the two are linked already, the claim tells."""
    if customer_id == other_id:
        raise Invalid("/other_id", "same", "A relationship is between two contacts; name another one.")
    if relationship.kind is not None:
        raise AlreadyExists("A relationship of this id is there already.", relationship_id)
    return [RelationshipLinked(kind=kind, other_id=other_id)]


def unlink(relationship: Relationship) -> list[RelationshipEvent]:
    """One that has ended is nothing new."""
    if relationship.kind is None or relationship.other_id is None or relationship.unlinked_at:
        return []
    return [RelationshipUnlinked(kind=relationship.kind, other_id=relationship.other_id)]


def _claims(_: Relationship, event: RelationshipEvent) -> Iterator[Claim]:
    yield Claim(f"relationship:{event.kind}", str(event.other_id), isinstance(event, RelationshipLinked), within="customer")


def _columns(relationship: Relationship) -> dict[str, Any]:
    return {
        "other_id": str(relationship.other_id) if relationship.other_id else None,
        "open": relationship.kind is not None and relationship.unlinked_at is None,
    }


RELATIONSHIPS: Aggregate[Relationship, RelationshipEvent] = Aggregate("relationship", Relationship, evolve, claims=_claims, columns=_columns)
