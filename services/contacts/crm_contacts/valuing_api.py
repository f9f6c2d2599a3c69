"""How far is the relation with this contact, and what matters to them?"""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Body, Told
from crm_chassis.operations import command
from crm_events.event import Code, Currency, Money
from crm_events.language.valuing import Stage, StageCause
from fastapi import APIRouter
from pydantic import Field, model_validator

from crm_contacts import valuing
from crm_contacts.access import Write
from crm_contacts.answers import ContactAnswer
from crm_contacts.contacts_api import written
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["contacts"])
WHOLE = 2**53 - 1


class StageBody(Told):
    """`cause`: why; `cause_event_id`: the event that shows it, a purchase for one."""

    stage: Stage
    cause: StageCause = "manual"
    cause_event_id: UUID | None = None


class ExpectationBody(Told):
    """`score` on the scale from `scale_min` to `scale_max`."""

    dimension: Code
    score: int = Field(ge=-1000, le=1000)
    scale_min: int = Field(ge=-1000, le=1000)
    scale_max: int = Field(ge=-1000, le=1000)

    @model_validator(mode="after")
    def _on_the_scale(self) -> "ExpectationBody":
        if not self.scale_min <= self.score <= self.scale_max or self.scale_min == self.scale_max:
            raise ValueError("A score lies on its scale, and a scale ends above where it begins.")
        return self


class WeightBody(Told):
    """`weight`: 1 to 100, how much this value matters to them."""

    value: Code
    weight: int = Field(ge=1, le=100)


class SpendBody(Body):
    """Integer minor units, ISO 4217."""

    amount: int = Field(ge=0, le=WHOLE)
    currency: Currency


class CompetitorBody(Told):
    """`rank` 1 of `of` 3: they buy most of it there, of three. `spend` in `period_days`."""

    category: Code
    competitor: Code
    brand: Code | None = None
    rank: int | None = Field(default=None, ge=1, le=1000)
    of: int | None = Field(default=None, ge=1, le=1000)
    spend: SpendBody | None = None
    period_days: int | None = Field(default=None, ge=1, le=3660)

    @model_validator(mode="after")
    def _among_so_many(self) -> "CompetitorBody":
        if self.rank and self.of and self.rank > self.of:
            raise ValueError("A place among so many is not beyond the last.")
        return self


@router.put("/v1/contacts/{contact_id}/lifecycle-stage", **command(ContactAnswer))
async def set_lifecycle_stage(contact_id: UUID, body: StageBody, call: Write) -> Answer:
    """The relation enters a stage, for a cause. Told late it does not overwrite what is newer. Who was not lost is not won back: 409 `not-lost`."""
    told = body.model_dump(exclude={"occurred_at"})
    done = await call.store.handle(CONTACTS, contact_id, call.command(body), lambda contact, now: valuing.enter_stage(contact, at=now, **told))
    return await written(call, done)


@router.post("/v1/contacts/{contact_id}/expectations", **command(ContactAnswer))
async def record_expectation(contact_id: UUID, body: ExpectationBody, call: Write) -> Answer:
    """How good the contact expects us to be in one dimension."""
    told = body.model_dump(exclude={"occurred_at"})
    return await written(call, await call.store.handle(CONTACTS, contact_id, call.command(body), lambda known, _: valuing.record_expectation(known, **told)))


@router.post("/v1/contacts/{contact_id}/value-weights", **command(ContactAnswer))
async def record_value_weight(contact_id: UUID, body: WeightBody, call: Write) -> Answer:
    """How much one value matters to the contact."""
    told = body.model_dump(exclude={"occurred_at"})
    return await written(call, await call.store.handle(CONTACTS, contact_id, call.command(body), lambda known, _: valuing.record_value_weight(known, **told)))


@router.post("/v1/contacts/{contact_id}/competitor-uses", **command(ContactAnswer))
async def report_competitor_use(contact_id: UUID, body: CompetitorBody, call: Write) -> Answer:
    """Whom else the contact buys a category from."""
    told = body.model_dump(exclude={"occurred_at", "spend"})
    spend = Money(amount=body.spend.amount, currency=body.spend.currency) if body.spend else None
    done = await call.store.handle(CONTACTS, contact_id, call.command(body), lambda contact, _: valuing.report_competitor_use(contact, spend=spend, **told))
    return await written(call, done)
