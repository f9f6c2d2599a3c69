"""How could something be better, who says so, and what was decided? proposed → accepted → adopted, or declined on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from crm_events.business_time import ms
from crm_events.deciding import Aggregate, Fact
from crm_events.language.improvement import IdeaEvent, IdeaProposed, IdeaStatus, IdeaStatusChanged, ProposerKind
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

AFTER: Mapping[IdeaStatus, tuple[IdeaStatus, ...]] = {"proposed": ("accepted", "declined"), "accepted": ("adopted", "declined"), "adopted": (), "declined": ()}


@dataclass(frozen=True, slots=True)
class Idea:
    """`title` and `text` are sealed; `since`: when it came to its status."""

    idea_id: UUID | None = None
    proposed_at: datetime | None = None
    since: datetime | None = None
    status: IdeaStatus = "proposed"
    proposer_kind: ProposerKind = "staff"
    department: str | None = None
    title: str = ""
    text: str = ""
    feedback_ids: tuple[UUID, ...] = ()


def evolve(idea: Idea, fact: Fact[IdeaEvent]) -> Idea:
    """The idea after one fact more."""
    event, at = fact.event, fact.occurred_at
    match event:
        case IdeaProposed():
            return Idea(event.idea_id, at, at, "proposed", event.proposer_kind, event.department, event.title, event.text, event.feedback_ids)
        case IdeaStatusChanged():
            return replace(idea, status=event.status, since=at)
        case _:
            assert_never(event)


def propose(idea: Idea, event: IdeaProposed) -> list[IdeaEvent]:
    """AlreadyExists, if the id given is another's."""
    if idea.idea_id is not None:
        raise AlreadyExists("There is an idea of this id already. Choose another, or use that one.", event.idea_id)
    return [event]


def set_status(idea: Idea, *, status: IdeaStatus, at: datetime) -> list[IdeaEvent]:
    """It is accepted, adopted or declined. Where it is already is nothing new; of two who decide at once, one does."""
    if idea.idea_id is None or idea.proposed_at is None or idea.since is None:
        raise NotFound("There is no idea of this id.")
    if status == idea.status:
        return []
    if status not in AFTER[idea.status]:
        raise Rejected(f"idea-{idea.status}", f"The idea is {idea.status}: it cannot become {status}.", allowed=list(AFTER[idea.status]))
    if at < idea.since:
        raise Invalid("/occurred_at", "before-status", f"Tell a time after it was {idea.status}.")
    told = {"idea_id": idea.idea_id, "previous": idea.status, "proposer_kind": idea.proposer_kind, "proposed_at": idea.proposed_at}
    return [IdeaStatusChanged(status=status, **told, **({"department": idea.department} if idea.department else {}))]


def _columns(idea: Idea) -> Mapping[str, Any]:
    return {"opened_at": ms(idea.proposed_at) if idea.proposed_at else None, "status": idea.status}


IDEAS: Aggregate[Idea, IdeaEvent] = Aggregate("idea", Idea, evolve, columns=_columns)
