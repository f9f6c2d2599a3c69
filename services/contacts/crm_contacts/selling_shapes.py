"""What may a client say of selling to a customer, and what is it shown?"""

from uuid import UUID

from crm_chassis.body import Body, Instant, Resource, Told
from crm_events.event import Code, Currency, Money
from crm_events.language.words import Goal
from crm_events.store.loading import Loaded
from pydantic import Field

from crm_contacts.effort import SAID, Effort
from crm_contacts.opportunity import Opportunity

WHOLE = 2**53 - 1


class AmountBody(Body):
    """Integer minor units, ISO 4217."""

    amount: int = Field(ge=0, le=WHOLE)
    currency: Currency

    def money(self) -> Money:
        """As the event says it."""
        return Money(amount=self.amount, currency=self.currency)


class OpportunityBody(Told):
    """A chance to sell: `stage` in the company's own words."""

    stage: Code
    amount: AmountBody
    agent_id: Code
    category: Code | None = None
    id: UUID | None = None


class OpportunityStageBody(Told):
    """Where it is now; `amount` and `agent_id`: if they changed."""

    stage: Code
    amount: AmountBody | None = None
    agent_id: Code | None = None


class WinBody(Told):
    """`transaction_id`: the purchase; `amount`: if it was not for what it was said to be worth."""

    transaction_id: UUID | None = None
    amount: AmountBody | None = None


class LossBody(Told):
    """Why, and to whom."""

    reason: Code
    competitor: Code | None = None


class EffortBody(Told):
    """`customer_facing`: with the customer, not about them."""

    agent_id: Code
    role: Code
    activity: Code
    goal: Goal
    seconds: int = Field(ge=0, le=WHOLE)
    customer_facing: bool
    opportunity_id: UUID | None = None
    id: UUID | None = None


class AmountAnswer(Resource):
    """Integer minor units, ISO 4217."""

    amount: int
    currency: str


class OpportunityAnswer(Resource):
    """`ended`: won or lost, null while it is open; `since`: when it entered its stage."""

    id: UUID
    version: int
    customer_id: UUID
    stage: str
    since: Instant
    amount: AmountAnswer
    category: str | None
    agent_id: str
    ended: str | None
    ended_at: Instant | None
    transaction_id: UUID | None
    reason: str | None
    competitor: str | None
    occurred_at: Instant
    recorded_at: Instant


class EffortAnswer(Resource):
    """Time spent once."""

    id: UUID
    version: int
    customer_id: UUID
    agent_id: str
    role: str
    activity: str
    goal: str
    seconds: int
    customer_facing: bool
    opportunity_id: UUID | None
    occurred_at: Instant
    recorded_at: Instant


def opportunity_answer(loaded: Loaded[Opportunity]) -> OpportunityAnswer:
    """The opportunity as it stands."""
    state = loaded.state
    if state.opened_at is None or state.since is None or state.amount is None or loaded.recorded_at is None:
        raise AssertionError("only an opportunity that was opened is shown")
    return OpportunityAnswer(
        id=loaded.stream_id, version=loaded.version, customer_id=loaded.customer_id, stage=state.stage, since=state.since,
        amount=AmountAnswer(amount=state.amount.amount, currency=state.amount.currency), category=state.category, agent_id=state.agent_id,
        ended=state.ended, ended_at=state.ended_at, transaction_id=state.transaction_id, reason=state.reason, competitor=state.competitor,
        occurred_at=state.opened_at, recorded_at=loaded.recorded_at,
    )  # fmt: skip


def effort_answer(loaded: Loaded[Effort]) -> EffortAnswer:
    """One fact, as it was told."""
    times = {"occurred_at": loaded.state.occurred_at, "recorded_at": loaded.recorded_at}
    heads = {"id": loaded.stream_id, "version": loaded.version, "customer_id": loaded.customer_id}
    return EffortAnswer.model_validate(heads | times | {name: getattr(loaded.state, name) for name in SAID})
