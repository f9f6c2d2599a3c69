"""How long did somebody of ours work on selling to a customer, once? A stream of one fact."""

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from crm_events.deciding import Aggregate, Fact
from crm_events.language.selling import SalesEffortEvent, SalesEffortLogged
from crm_events.refusals import AlreadyExists


@dataclass(frozen=True, slots=True)
class Effort:
    """The event's fields and when it was."""

    effort_id: UUID | None = None
    occurred_at: datetime | None = None
    agent_id: str = ""
    role: str = ""
    activity: str = ""
    goal: str = ""
    seconds: int = 0
    customer_facing: bool = False
    opportunity_id: UUID | None = None


SAID = tuple(each.name for each in fields(Effort) if each.name not in ("effort_id", "occurred_at"))


def evolve(_: Effort, fact: Fact[SalesEffortEvent]) -> Effort:
    """There is one event, and it says everything."""
    return Effort(fact.event.effort_id, fact.occurred_at, **{name: getattr(fact.event, name) for name in SAID})


def log_effort(effort: Effort, event: SalesEffortLogged) -> list[SalesEffortEvent]:
    """AlreadyExists, if the id given is another's."""
    if effort.effort_id is not None:
        raise AlreadyExists("An effort of this id is logged already.", effort.effort_id)
    return [event]


EFFORTS: Aggregate[Effort, SalesEffortEvent] = Aggregate("effort", Effort, evolve)
