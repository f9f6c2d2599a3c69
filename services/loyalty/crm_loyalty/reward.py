"""May this reward be issued, used, taken back? Each is used at most once, and one is issued for a redemption, or for an offer that was taken."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from crm_events.deciding import Aggregate, At, Claim, Fact
from crm_events.language.reward import RewardCancelled, RewardEvent, RewardIssued, RewardUsed
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

from crm_loyalty.member import Member

ENDED = "ended"  # the reason when its time was up


@dataclass(frozen=True, slots=True)
class Reward:
    """As issued, and what became of it. What was used was used, whatever was told of it meanwhile."""

    issued: RewardIssued | None = None
    issued_at: datetime | None = None
    used_at: datetime | None = None
    cancelled_at: datetime | None = None
    reason: str | None = None

    @property
    def state(self) -> str:
        """`issued`, `used` or `cancelled`."""
        return "used" if self.used_at else "cancelled" if self.cancelled_at else "issued"


def evolve(reward: Reward, fact: Fact[RewardEvent]) -> Reward:
    """The reward after this event."""
    match fact.event:
        case RewardIssued():
            return Reward(fact.event, fact.occurred_at)
        case RewardUsed():
            return replace(reward, used_at=fact.occurred_at)
        case RewardCancelled():
            return replace(reward, cancelled_at=fact.occurred_at, reason=fact.event.reason)
        case _:
            assert_never(fact.event)


def due(reward: Reward) -> datetime | None:
    """When it ends by itself."""
    return reward.issued.valid_to if reward.issued and reward.state == "issued" else None


def advance(reward: Reward, now: datetime) -> list[At[RewardEvent]]:
    """Its end, at the moment it was due."""
    end = due(reward)
    return [At(RewardCancelled(**_head(reward), reason=ENDED), end)] if end is not None and end <= now else []


def _claims(_: Reward, event: RewardEvent) -> list[Claim]:
    """Kept for ever: what was paid for once, or taken once, is given once."""
    if not isinstance(event, RewardIssued):
        return []
    paid = [Claim("reward:redemption", str(event.redemption_id))] if event.redemption_id else []
    return paid + ([Claim("reward:offer", str(event.target_id))] if event.target_id else [])


REWARDS: Aggregate[Reward, RewardEvent] = Aggregate("reward", Reward, evolve, advance=advance, due=due, claims=_claims)


def issue(reward: Reward, *, event: RewardIssued, parts: Sequence[Member], at: datetime) -> list[RewardEvent]:
    """`parts`: the members that paid with points. AlreadyExists for an id of another; Rejected `not-redeemed`; Invalid, if it would end before it begins."""
    if reward.issued is not None:
        raise AlreadyExists("There is a reward of this id. Choose another, or use that one.", event.reward_id)
    if event.valid_to is not None and event.valid_to <= at:
        raise Invalid("/valid_to", "order", "A reward ends after it is issued.")
    _still_paid(event, parts)
    return [event]


def use(reward: Reward, *, parts: Sequence[Member], at: datetime) -> list[RewardEvent]:
    """Once. Rejected `reward-used`, `reward-cancelled`, and `not-redeemed` where the points were given back."""
    issued = _required(reward, at)
    if reward.used_at is not None:
        raise Rejected("reward-used", "The reward was used already.", used_at=reward.used_at)
    if reward.cancelled_at is not None and reward.cancelled_at <= at:
        raise Rejected("reward-cancelled", "The reward was taken back, or has ended.", cancelled_at=reward.cancelled_at, reason=reward.reason)
    _still_paid(issued, parts)
    return [RewardUsed(**_head(reward))]


def cancel(reward: Reward, *, reason: str, at: datetime) -> list[RewardEvent]:
    """Taken back, or ended: nothing new. Rejected `reward-used`."""
    _required(reward, at)
    if reward.used_at is not None:
        raise Rejected("reward-used", "What was used is not taken back.", used_at=reward.used_at)
    return [] if reward.cancelled_at is not None else [RewardCancelled(**_head(reward), reason=reason)]


def _required(reward: Reward, at: datetime) -> RewardIssued:
    if reward.issued is None or reward.issued_at is None:
        raise NotFound("There is no reward of this id.")
    if at < reward.issued_at:
        raise Invalid("/occurred_at", "before-issue", "This happened before the reward was issued. Tell when it happened.")
    return reward.issued


def _still_paid(issued: RewardIssued, parts: Sequence[Member]) -> None:
    """A part that has left its member's page is spent for good; one that is there must be."""
    if issued.redemption_id is None:
        return
    states = {part.state for member in parts if (part := member.redemption(issued.redemption_id))}
    if states - {"confirmed"}:
        raise Rejected("not-redeemed", "The points for this reward are not spent: held still, or given back. Confirm the redemption first.")


def _head(reward: Reward) -> dict[str, Any]:
    if reward.issued is None:
        raise AssertionError("only a reward that was issued is told of")
    told = {name: getattr(reward.issued, name) for name in ("reward_id", "kind", "offer_id", "target_id", "redemption_id", "cost")}
    return {name: value for name, value in told.items() if value is not None}
