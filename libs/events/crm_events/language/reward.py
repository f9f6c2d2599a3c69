"""What does a customer get beyond the goods, what does it cost us, and is it used?"""

from typing import TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant, Money
from crm_events.language.words import Maybe


class RewardTold(Event):
    """What every event of one reward repeats. `redemption_id`: the points it was paid with; `offer_id`, `target_id`: the offer that was taken."""

    reward_id: UUID
    kind: Code
    offer_id: Maybe[UUID] = None
    target_id: Maybe[UUID] = None
    redemption_id: Maybe[UUID] = None
    cost: Money


class RewardIssued(RewardTold):
    """The customer may use it, until `valid_to`. Its own stream."""

    type = "reward.issued"
    valid_to: Maybe[Instant] = None


class RewardUsed(RewardTold):
    """The customer used it."""

    type = "reward.used"


class RewardCancelled(RewardTold):
    """It was taken back, or (reason `ended`) its time was up."""

    type = "reward.cancelled"
    reason: Code


RewardEvent: TypeAlias = RewardIssued | RewardUsed | RewardCancelled
