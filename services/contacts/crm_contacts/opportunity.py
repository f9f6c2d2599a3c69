"""How far is a chance to sell, what is it worth, and how did it end? A stream of its own."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, assert_never
from uuid import UUID

from crm_events.deciding import Aggregate, Fact
from crm_events.event import Money
from crm_events.language.selling import OpportunityEvent, OpportunityLost, OpportunityOpened, OpportunityStageChanged, OpportunityWon
from crm_events.refusals import AlreadyExists, NotFound, Rejected


@dataclass(frozen=True, slots=True)
class Opportunity:
    """`since`: when it entered its stage. `ended` None: it is open."""

    opened_at: datetime | None = None
    stage: str = ""
    since: datetime | None = None
    amount: Money | None = None
    category: str | None = None
    agent_id: str = ""
    ended: Literal["won", "lost"] | None = None
    ended_at: datetime | None = None
    transaction_id: UUID | None = None
    reason: str | None = None
    competitor: str | None = None


def evolve(opportunity: Opportunity, fact: Fact[OpportunityEvent]) -> Opportunity:
    """The opportunity after one more event. A stage told late, of before the one it is in, stays in its history alone."""
    event, at = fact.event, fact.occurred_at
    match event:
        case OpportunityOpened():
            return Opportunity(at, event.stage, at, event.amount, event.category, event.agent_id)
        case OpportunityStageChanged():
            if opportunity.since and at < opportunity.since:
                return opportunity
            since = opportunity.since if event.stage == opportunity.stage else at
            return replace(opportunity, stage=event.stage, since=since, amount=event.amount, agent_id=event.agent_id)
        case OpportunityWon():
            return replace(opportunity, ended="won", ended_at=at, amount=event.amount, transaction_id=event.transaction_id)
        case OpportunityLost():
            return replace(opportunity, ended="lost", ended_at=at, amount=event.amount, reason=event.reason, competitor=event.competitor)
        case _:
            assert_never(event)


def open_opportunity(
    opportunity: Opportunity, *, opportunity_id: UUID, stage: str, amount: Money, agent_id: str, category: str | None = None
) -> list[OpportunityEvent]:
    """AlreadyExists, if the id given is another's."""
    if opportunity.opened_at is not None:
        raise AlreadyExists("An opportunity of this id is there already.", opportunity_id)
    known = {"category": category} if category else {}
    return [OpportunityOpened(opportunity_id=opportunity_id, stage=stage, amount=amount, agent_id=agent_id, **known)]


def set_stage(
    opportunity: Opportunity, *, opportunity_id: UUID, stage: str, at: datetime, amount: Money | None = None, agent_id: str | None = None
) -> list[OpportunityEvent]:
    """It moves; where it is already, for as much and with the same agent, is nothing new. Raises NotFound, Rejected `opportunity-ended`."""
    if _standing(opportunity).ended:
        raise _over(opportunity)
    told = _told(opportunity, opportunity_id, amount) | {"stage": stage} | ({"agent_id": agent_id} if agent_id else {})
    if (stage, told["amount"], told["agent_id"]) == (opportunity.stage, opportunity.amount, opportunity.agent_id):
        return []
    if stage != opportunity.stage and opportunity.since and at >= opportunity.since:
        told |= {"previous_stage": opportunity.stage, "previous_since": opportunity.since}
    return [OpportunityStageChanged(**told)]


def win(opportunity: Opportunity, *, opportunity_id: UUID, amount: Money | None = None, transaction_id: UUID | None = None) -> list[OpportunityEvent]:
    """It is won, for the amount it was last said to be worth unless another is told. Won twice is nothing new; lost before: Rejected `opportunity-ended`."""
    if _standing(opportunity).ended == "won":
        return []
    if opportunity.ended:
        raise _over(opportunity)
    known = {"transaction_id": transaction_id} if transaction_id else {}
    return [OpportunityWon(**_ending(opportunity, opportunity_id, amount), **known)]


def lose(opportunity: Opportunity, *, opportunity_id: UUID, reason: str, competitor: str | None = None) -> list[OpportunityEvent]:
    """It is lost, for a reason, perhaps to a competitor. Lost twice is nothing new; won before: Rejected `opportunity-ended`."""
    if _standing(opportunity).ended == "lost":
        return []
    if opportunity.ended:
        raise _over(opportunity)
    known = {"competitor": competitor} if competitor else {}
    return [OpportunityLost(**_ending(opportunity, opportunity_id, None), reason=reason, **known)]


def _standing(opportunity: Opportunity) -> Opportunity:
    if opportunity.opened_at is None:
        raise NotFound("The contact has no opportunity of this id.")
    return opportunity


def _over(opportunity: Opportunity) -> Rejected:
    return Rejected("opportunity-ended", "This opportunity was won or lost. Open another one.", ended=opportunity.ended)


def _told(opportunity: Opportunity, opportunity_id: UUID, amount: Money | None) -> dict[str, Any]:
    told = {"opportunity_id": opportunity_id, "stage": opportunity.stage, "amount": amount or opportunity.amount, "agent_id": opportunity.agent_id}
    return told | ({"category": opportunity.category} if opportunity.category else {})


def _ending(opportunity: Opportunity, opportunity_id: UUID, amount: Money | None) -> dict[str, Any]:
    before = {"previous_stage": opportunity.stage, "previous_since": opportunity.since, "opened_at": opportunity.opened_at}
    return _told(opportunity, opportunity_id, amount) | before


OPPORTUNITIES: Aggregate[Opportunity, OpportunityEvent] = Aggregate("opportunity", Opportunity, evolve)
