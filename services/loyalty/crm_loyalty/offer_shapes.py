"""What may a client say of offers, and what is it shown?"""

from typing import Annotated
from uuid import UUID

from crm_chassis.body import Body, Instant, Resource, Told
from crm_events.event import Code
from crm_events.store.loading import Loaded
from pydantic import Field

from crm_loyalty.bodies import OfOurTime
from crm_loyalty.money_shapes import MoneyAnswer, MoneyBody, money_answer
from crm_loyalty.offer import Offer
from crm_loyalty.offer_target import OfferTarget

Codes = Annotated[tuple[Code, ...], Field(max_length=100)]


class EligibilityBody(Body):
    """Who may be offered it; an empty list admits all. `tiers`: held in `programme`, or in any."""

    programme: Code | None = None
    tiers: Codes = ()
    segments: Codes = ()


class OfferBody(Told):
    """An offer. `needs`: that it answers; `control_percent`: so many of a hundred customers are offered nothing; `cost`: of one."""

    id: UUID | None = None
    name: Code
    channel: Code
    eligibility: EligibilityBody = EligibilityBody()
    needs: Codes = ()
    starts_at: OfOurTime
    ends_at: OfOurTime
    cost: MoneyBody | None = None
    control_percent: Annotated[int, Field(ge=0, le=99)] = 10


class TargetBody(Told):
    """Whom is it meant for, and why? `need_id`: of the need that was recorded."""

    customer_id: UUID
    segment: Code | None = None
    need_id: UUID | None = None
    need: Code | None = None
    channel: Code | None = None


class PresentationBody(Told):
    """The customer saw it; `channel`: if it was another than meant."""

    channel: Code | None = None


class AcceptanceBody(Told):
    """The customer took it, with this purchase."""

    transaction_id: UUID | None = None


class DeclineBody(Told):
    """The customer does not want it."""

    reason: Code | None = None


class EligibilityAnswer(Resource):
    """Who may be offered it."""

    programme: str | None
    tiers: tuple[str, ...]
    segments: tuple[str, ...]


class OfferAnswer(Resource):
    """An offer as it was made."""

    id: UUID
    version: int
    name: str
    channel: str
    eligibility: EligibilityAnswer
    needs: tuple[str, ...]
    starts_at: Instant
    ends_at: Instant
    cost: MoneyAnswer | None
    control_percent: int
    occurred_at: Instant
    recorded_at: Instant | None


class OfferTargetAnswer(Resource):
    """The offer to one customer. `state`: targeted, presented, accepted, declined or expired; of `group` control it stays targeted."""

    id: UUID
    version: int
    offer_id: UUID
    customer_id: UUID
    group: str
    state: str
    segment: str | None
    need_id: UUID | None
    need: str | None
    channel: str | None
    presented_at: Instant | None
    answered_at: Instant | None
    expired_at: Instant | None
    transaction_id: UUID | None
    reason: str | None
    ends_at: Instant
    occurred_at: Instant
    recorded_at: Instant | None


def offer_answer(part: Loaded[Offer]) -> OfferAnswer:
    """An offer that is there."""
    made = part.state.created
    if made is None or part.state.created_at is None:
        raise AssertionError("only an offer that was made is shown")
    told = {name: getattr(made, name) for name in ("name", "channel", "needs", "starts_at", "ends_at", "control_percent")}
    return OfferAnswer(
        id=part.stream_id, version=part.version, eligibility=EligibilityAnswer(**dict(made.eligibility)), cost=money_answer(made.cost) if made.cost else None,
        occurred_at=part.state.created_at, recorded_at=part.recorded_at, **told,
    )  # fmt: skip


def target_answer(part: Loaded[OfferTarget]) -> OfferTargetAnswer:
    """A target that is there."""
    known, aimed = part.state, part.state.targeted
    if aimed is None or known.targeted_at is None:
        raise AssertionError("only a target is shown")
    told = {name: getattr(aimed, name) for name in ("offer_id", "group", "segment", "need_id", "need", "ends_at")}
    told |= {name: getattr(known, name) for name in ("state", "channel", "presented_at", "answered_at", "expired_at", "transaction_id", "reason")}
    heads = {"id": part.stream_id, "version": part.version, "customer_id": part.customer_id}
    return OfferTargetAnswer.model_validate(heads | told | {"occurred_at": known.targeted_at, "recorded_at": part.recorded_at})
