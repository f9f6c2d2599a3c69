"""How long did somebody of ours work, and on which ticket? A stream of one fact."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_events.business_time import ms
from crm_events.deciding import Aggregate, Fact
from crm_events.language.service_work import WorkEvent, WorkLogged
from crm_events.refusals import AlreadyExists


@dataclass(frozen=True, slots=True)
class Work:
    """The event's fields and when it was."""

    work_id: UUID | None = None
    occurred_at: datetime | None = None
    agent_id: str = ""
    role: str = ""
    activity: str = ""
    goal: str | None = None
    seconds: int = 0
    customer_facing: bool = False
    ticket_id: UUID | None = None


SAID = tuple(each.name for each in fields(Work) if each.name not in ("work_id", "occurred_at"))


def evolve(_: Work, fact: Fact[WorkEvent]) -> Work:
    """There is one event, and it says everything."""
    return Work(fact.event.work_id, fact.occurred_at, **{name: getattr(fact.event, name) for name in SAID})


def log_work(work: Work, event: WorkLogged) -> list[WorkEvent]:
    """AlreadyExists, if the id given is another's."""
    if work.work_id is not None:
        raise AlreadyExists("Work of this id is logged already.", work.work_id)
    return [event]


def _columns(work: Work) -> Mapping[str, Any]:
    return {"opened_at": ms(work.occurred_at) if work.occurred_at else None, "assignee": work.agent_id}


WORK: Aggregate[Work, WorkEvent] = Aggregate("work", Work, evolve, columns=_columns)
