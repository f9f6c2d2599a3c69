"""What can happen while we sell to a customer: a chance opens, moves on, is won or lost; somebody of ours works on it?"""

from typing import TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant, Money
from crm_events.language.words import Goal, Maybe, Seconds


class OpportunityTold(Event):
    """What every event of one opportunity repeats, so that it can be counted by itself. `previous_since`: when the stage before was entered."""

    opportunity_id: UUID
    stage: Code
    previous_stage: Maybe[Code] = None
    previous_since: Maybe[Instant] = None
    amount: Money
    category: Maybe[Code] = None
    agent_id: Code


class OpportunityOpened(OpportunityTold):
    """The customer may buy. Its own stream."""

    type = "opportunity.opened"


class OpportunityStageChanged(OpportunityTold):
    """It moved on or back, or its worth or its agent changed."""

    type = "opportunity.stage_changed"


class OpportunityWon(OpportunityTold):
    """The customer bought."""

    type = "opportunity.won"
    opened_at: Instant
    transaction_id: Maybe[UUID] = None


class OpportunityLost(OpportunityTold):
    """The customer did not buy, or bought from `competitor`."""

    type = "opportunity.lost"
    opened_at: Instant
    reason: Code
    competitor: Maybe[Code] = None


class SalesEffortLogged(Event):
    """Somebody of ours spent time on selling to the customer. Its own stream."""

    type = "sales_effort.logged"
    effort_id: UUID
    agent_id: Code
    role: Code
    activity: Code
    goal: Goal
    seconds: Seconds
    customer_facing: bool
    opportunity_id: Maybe[UUID] = None


OpportunityEvent: TypeAlias = OpportunityOpened | OpportunityStageChanged | OpportunityWon | OpportunityLost
SalesEffortEvent: TypeAlias = SalesEffortLogged
