"""Who is told when a ticket needs more than its agent?"""

from typing import Annotated, TypeAlias

from pydantic import Field

from crm_events.event import Code, Event
from crm_events.language.ticket_words import Metric
from crm_events.language.words import Maybe, Ordinal

Level: TypeAlias = Annotated[int, Field(ge=1, le=9)]


class TicketEscalated(Event):
    """Somebody above, or beside, was called in: `to` a person or a group. `cause`: your own word, or `breach`, with the clock whose promise was broken."""

    type = "ticket.escalated"
    level: Level
    to: Code
    cause: Code
    metric: Maybe[Metric] = None
    instance: Maybe[Ordinal] = None
