"""What passed between a customer and us, once? A stream of one fact, so that calls neither move the contact's version nor lengthen its fold."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_events.deciding import Aggregate, Fact
from crm_events.language.contacts import InteractionEvent, InteractionRecorded
from crm_events.refusals import AlreadyExists


@dataclass(frozen=True, slots=True)
class Interaction:
    """The event's fields and when it happened."""

    interaction_id: UUID | None = None
    occurred_at: datetime | None = None
    channel: str | None = None
    direction: str | None = None
    kind: str | None = None
    purpose: str | None = None
    subject: str | None = None
    text: str | None = None
    duration_seconds: int | None = None
    agent_id: str | None = None
    outcome: str | None = None
    sentiment: str | None = None
    conversation_id: UUID | None = None


TOLD = tuple(each.name for each in fields(Interaction) if each.name not in ("interaction_id", "occurred_at"))


def evolve(_: Interaction, fact: Fact[InteractionEvent]) -> Interaction:
    """There is one event, and it says everything."""
    event = fact.event
    return Interaction(event.interaction_id, fact.occurred_at, **{name: getattr(event, name) for name in TOLD})


def record(interaction: Interaction, event: InteractionRecorded) -> list[InteractionEvent]:
    """AlreadyExists, if the id given is another's."""
    if interaction.interaction_id is not None:
        raise AlreadyExists("An interaction of this id is recorded already.", interaction.interaction_id)
    return [event]


def _columns(interaction: Interaction) -> dict[str, Any]:
    return {"occurred_at": round(interaction.occurred_at.timestamp() * 1_000_000) if interaction.occurred_at else None}


INTERACTIONS: Aggregate[Interaction, InteractionEvent] = Aggregate("interaction", Interaction, evolve, columns=_columns)
