"""What chances to sell to this customer are there, how did they end, and what work did they take?"""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_events.language.selling import SalesEffortLogged
from crm_events.refusals import Invalid, NotFound
from crm_events.store.loading import Loaded
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts import opportunity
from crm_contacts.access import Read, Write
from crm_contacts.cluster import clusters, must_stand
from crm_contacts.effort import EFFORTS, log_effort
from crm_contacts.opportunity import OPPORTUNITIES, Opportunity
from crm_contacts.selling_shapes import (
    EffortAnswer,
    EffortBody,
    LossBody,
    OpportunityAnswer,
    OpportunityBody,
    OpportunityStageBody,
    WinBody,
    effort_answer,
    opportunity_answer,
)

router = APIRouter(tags=["selling"])


@router.post("/v1/contacts/{contact_id}/opportunities", **command(OpportunityAnswer))
async def open_opportunity(contact_id: UUID, body: OpportunityBody, call: Write) -> Answer:
    """The customer may buy: in which stage, for how much, with whom of ours."""
    await must_stand(call.store, contact_id)
    opportunity_id = body.id or uuid7()
    done = await call.store.handle(
        OPPORTUNITIES,
        opportunity_id,
        call.command(body),
        lambda known, _: opportunity.open_opportunity(
            known, opportunity_id=opportunity_id, stage=body.stage, amount=body.amount.money(), agent_id=body.agent_id, category=body.category
        ),
        key=contact_id,
    )
    path = f"/v1/contacts/{contact_id}/opportunities/{done.part.stream_id}"
    return await call.answer(done, opportunity_answer(done.part), created=path)


@router.get("/v1/contacts/{contact_id}/opportunities/{opportunity_id}", **query(OpportunityAnswer))
async def get_opportunity(contact_id: UUID, opportunity_id: UUID, call: Read) -> Answer:
    """How far it is, or how it ended."""
    loaded = await _of(call, contact_id, opportunity_id)
    return await call.show(opportunity_answer(loaded), version=loaded.version)


@router.put("/v1/contacts/{contact_id}/opportunities/{opportunity_id}/stage", **command(OpportunityAnswer))
async def set_opportunity_stage(contact_id: UUID, opportunity_id: UUID, body: OpportunityStageBody, call: Write) -> Answer:
    """It moved on or back, or is worth something else. Once it ended: 409 `opportunity-ended`."""
    await _writable(call, contact_id, opportunity_id)
    amount = body.amount.money() if body.amount else None
    done = await call.store.handle(
        OPPORTUNITIES,
        opportunity_id,
        call.command(body),
        lambda known, now: opportunity.set_stage(known, opportunity_id=opportunity_id, stage=body.stage, at=now, amount=amount, agent_id=body.agent_id),
    )
    return await call.answer(done, opportunity_answer(done.part))


@router.post("/v1/contacts/{contact_id}/opportunities/{opportunity_id}/win", **command(OpportunityAnswer))
async def win_opportunity(contact_id: UUID, opportunity_id: UUID, body: WinBody, call: Write) -> Answer:
    """The customer bought. Lost before: 409 `opportunity-ended`."""
    await _writable(call, contact_id, opportunity_id)
    amount = body.amount.money() if body.amount else None
    done = await call.store.handle(
        OPPORTUNITIES,
        opportunity_id,
        call.command(body),
        lambda known, _: opportunity.win(known, opportunity_id=opportunity_id, amount=amount, transaction_id=body.transaction_id),
    )
    return await call.answer(done, opportunity_answer(done.part))


@router.post("/v1/contacts/{contact_id}/opportunities/{opportunity_id}/loss", **command(OpportunityAnswer))
async def lose_opportunity(contact_id: UUID, opportunity_id: UUID, body: LossBody, call: Write) -> Answer:
    """The customer did not buy, or bought elsewhere. Won before: 409 `opportunity-ended`."""
    await _writable(call, contact_id, opportunity_id)
    done = await call.store.handle(
        OPPORTUNITIES,
        opportunity_id,
        call.command(body),
        lambda known, _: opportunity.lose(known, opportunity_id=opportunity_id, reason=body.reason, competitor=body.competitor),
    )
    return await call.answer(done, opportunity_answer(done.part))


@router.post("/v1/contacts/{contact_id}/sales-efforts", **command(EffortAnswer))
async def log_sales_effort(contact_id: UUID, body: EffortBody, call: Write) -> Answer:
    """Time that somebody of ours spent on selling to the customer, perhaps on one opportunity of theirs."""
    await must_stand(call.store, contact_id)
    if body.opportunity_id:
        members = (await clusters(call.store, [contact_id]))[contact_id].members
        known = await call.store.read(OPPORTUNITIES, body.opportunity_id)
        if not known.version or known.customer_id not in members:
            raise Invalid("/opportunity_id", "unknown", "The customer has no opportunity of this id. Open it first, or leave it out.")
    effort_id = body.id or uuid7()
    event = SalesEffortLogged(effort_id=effort_id, **body.model_dump(exclude={"id", "occurred_at"}, exclude_none=True))
    done = await call.store.handle(EFFORTS, effort_id, call.command(body), lambda effort, _: log_effort(effort, event), key=contact_id)
    return await call.answer(done, effort_answer(done.part), created=f"/v1/contacts/{contact_id}/sales-efforts/{done.part.stream_id}")


async def _of(call: Call, contact_id: UUID, opportunity_id: UUID) -> Loaded[Opportunity]:
    loaded = await call.store.read(OPPORTUNITIES, opportunity_id)
    if not loaded.version or loaded.customer_id != contact_id:
        raise NotFound("The contact has no opportunity of this id.")
    return loaded


async def _writable(call: Call, contact_id: UUID, opportunity_id: UUID) -> None:
    await _of(call, contact_id, opportunity_id)
    await must_stand(call.store, contact_id)
