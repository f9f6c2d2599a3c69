"""What may a client say of a reward, and what is it shown?"""

from uuid import UUID

from crm_chassis.body import Instant, Resource, Told
from crm_events.event import Code
from crm_events.store.loading import Loaded
from pydantic import model_validator

from crm_loyalty.bodies import OfOurTime
from crm_loyalty.money_shapes import MoneyAnswer, MoneyBody, money_answer
from crm_loyalty.reward import Reward


class RewardBody(Told):
    """A reward, for points that were spent, for an offer that was taken, or as a present. `cost`: what it costs us."""

    id: UUID | None = None
    customer_id: UUID
    kind: Code
    offer_id: UUID | None = None
    redemption_id: UUID | None = None
    cost: MoneyBody
    valid_to: OfOurTime | None = None

    @model_validator(mode="after")
    def _for_one_thing(self) -> "RewardBody":
        if self.offer_id is not None and self.redemption_id is not None:
            raise ValueError("A reward is for a redemption or for an offer, not for both.")
        return self


class UseBody(Told):
    """The customer used it."""


class TakeBackBody(Told):
    """Why it is taken back."""

    reason: Code


class RewardAnswer(Resource):
    """A reward. `state`: issued, used or cancelled; `reason`: why it was taken back, or `ended`."""

    id: UUID
    version: int
    customer_id: UUID
    kind: str
    offer_id: UUID | None
    redemption_id: UUID | None
    cost: MoneyAnswer
    state: str
    valid_to: Instant | None
    used_at: Instant | None
    cancelled_at: Instant | None
    reason: str | None
    occurred_at: Instant
    recorded_at: Instant | None


def reward_answer(part: Loaded[Reward]) -> RewardAnswer:
    """A reward that is there."""
    known, issued = part.state, part.state.issued
    if issued is None or known.issued_at is None:
        raise AssertionError("only a reward that was issued is shown")
    told = {name: getattr(issued, name) for name in ("kind", "offer_id", "redemption_id", "valid_to")}
    told |= {name: getattr(known, name) for name in ("state", "used_at", "cancelled_at", "reason")}
    heads = {"id": part.stream_id, "version": part.version, "customer_id": part.customer_id, "cost": money_answer(issued.cost)}
    return RewardAnswer.model_validate(heads | told | {"occurred_at": known.issued_at, "recorded_at": part.recorded_at})
