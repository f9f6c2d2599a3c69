"""What is offered, to whom, and what do they make of it?"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Told
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import Page, PageOf, Paging
from crm_events.follower import cluster, erased
from crm_events.language.offer import Eligibility, OfferCreated, OfferTargeted, OfferTargetEvent
from crm_events.refusals import Gone, Invalid, NotFound
from crm_events.store.loading import Loaded
from crm_events.store.store import Target
from fastapi import APIRouter, Query
from uuid_utils.compat import uuid7

from crm_loyalty import offer, offer_target
from crm_loyalty.access import Admin, Read, ReadOwn, Write, WriteOwn, of_now
from crm_loyalty.offer import OFFERS
from crm_loyalty.offer_shapes import (
    AcceptanceBody,
    DeclineBody,
    OfferAnswer,
    OfferBody,
    OfferTargetAnswer,
    PresentationBody,
    TargetBody,
    offer_answer,
    target_answer,
)
from crm_loyalty.offer_target import OFFER_TARGETS, OfferTarget, target_id
from crm_loyalty.reads import aims, members_of
from crm_loyalty.transaction import TRANSACTIONS

router = APIRouter(tags=["offers"])
Decide: TypeAlias = Callable[[OfferTarget, Sequence[OfferTarget], datetime], list[OfferTargetEvent]]

_OFFERS = "select stream_id from streams where type = 'offer' and stream_id > $1 order by stream_id limit $2"
_OF_OFFER = """
select stream_id from streams where type = 'offer_target' and offer = $1 and stream_id > $2 order by stream_id limit $3
"""
_OF_CUSTOMER = """
select stream_id from streams where type = 'offer_target' and customer_id = any($1::uuid[]) and stream_id > $2
and ($4::text is null or state -> 'targeted' ->> 'group' = $4) order by stream_id limit $3
"""


@router.post("/v1/offers", **command(OfferAnswer))
async def create_offer(body: OfferBody, call: Admin) -> Answer:
    """Make an offer. It does not change: make another."""
    offer_id, told = body.id or uuid7(), body.model_dump(exclude={"id", "occurred_at", "eligibility"}, exclude_none=True)
    event = OfferCreated(offer_id=offer_id, eligibility=Eligibility(**body.eligibility.model_dump(exclude_none=True)), **told)
    done = await call.store.handle(OFFERS, offer_id, call.command(body), lambda known, _: offer.create(known, event=event))
    return await call.answer(done, offer_answer(done.part), created=f"/v1/offers/{done.part.stream_id}")


@router.get("/v1/offers/{offer_id}", **query(OfferAnswer))
async def get_offer(offer_id: UUID, call: Read) -> Answer:
    """One offer."""
    part = await call.store.read(OFFERS, offer_id)
    offer.required(part.state)
    return await call.show(offer_answer(part), version=part.version)


@router.get("/v1/offers", **query(PageOf[OfferAnswer]))
async def list_offers(page: Paging, call: Read) -> Answer:
    """All offers, those that ended too."""
    rows = await call.store.pool.fetch(_OFFERS, _after(page), page.limit + 1)
    parts = await call.store.read_many(OFFERS, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([offer_answer(part) for part in parts], (str(parts[-1].stream_id),) if len(rows) > page.limit else None, page.limit)


@router.post("/v1/offers/{offer_id}/targets", **command(OfferTargetAnswer))
async def target_offer(offer_id: UUID, body: TargetBody, call: Write) -> Answer:
    """Mean an offer for a customer. A keyed hash draws the group: the same for every id of a merged customer, and never drawn anew."""
    if await erased(call.store.pool, [body.customer_id]):
        raise Gone("The customer was erased.")
    made = offer.required((await call.store.read(OFFERS, offer_id)).state)
    members = [part.state for part in await members_of(call.store, body.customer_id, after=None, limit=200)]
    whole = await cluster(call.store.pool, body.customer_id)
    told: dict[str, Any] = {name: value for name in ("segment", "need_id", "need") if (value := getattr(body, name)) is not None}
    told |= {"channel": body.channel or made.channel, "starts_at": made.starts_at, "ends_at": made.ends_at}
    aimed, group = target_id(offer_id, body.customer_id), offer.drawn(made, call.store.hash(offer.lot_of(offer_id, whole)))

    def decide(states: list[OfferTarget], now: datetime) -> list[list[OfferTargetEvent]]:
        known = offer_target.aim(states[0], states[1:], event=OfferTargeted(offer_id=offer_id, target_id=aimed, group=group, **told))
        offer.admit(made, members=members, segment=body.segment, need=body.need, at=now)
        return [known, *([] for _ in states[1:])]

    done = await call.store.handle_all(call.command(body), _together(call, offer_id, body.customer_id), decide)
    return await call.answer(done, target_answer(done.part), created=f"/v1/offers/{offer_id}/targets/{aimed}")


@router.get("/v1/offers/{offer_id}/targets/{target_id}", **query(OfferTargetAnswer))
async def get_offer_target(offer_id: UUID, target_id: UUID, call: ReadOwn) -> Answer:
    """What became of an offer to one customer."""
    return await call.show(target_answer(part := await _own(call, offer_id, target_id)), version=part.version)


@router.get("/v1/offers/{offer_id}/targets", **query(PageOf[OfferTargetAnswer]))
async def list_offer_targets(offer_id: UUID, page: Paging, call: Read) -> Answer:
    """Everybody an offer is meant for, and the control group."""
    offer.required((await call.store.read(OFFERS, offer_id)).state)
    return await _page(call, page, await call.store.pool.fetch(_OF_OFFER, offer_id, _after(page), page.limit + 1))


@router.get("/v1/offer-targets", **query(PageOf[OfferTargetAnswer]))
async def list_offers_to(customer_id: Annotated[UUID, Query(description="whose; of a merged customer, all of them")], page: Paging, call: ReadOwn) -> Answer:
    """All that is or was offered to a customer; to their own token, not that they are of a control group."""
    call.own(customer_id)
    whose, group = await cluster(call.store.pool, customer_id), None if call.customers is None else "treatment"
    return await _page(call, page, await call.store.pool.fetch(_OF_CUSTOMER, whose, _after(page), page.limit + 1, group))


@router.post("/v1/offers/{offer_id}/targets/{target_id}/presentation", **command(OfferTargetAnswer))
async def present_offer(offer_id: UUID, target_id: UUID, body: PresentationBody, call: Write) -> Answer:
    """The customer saw it. Never one of the control group."""
    return await _step(call, offer_id, target_id, body, lambda target, others, now: offer_target.present(target, others, channel=body.channel, at=now))


@router.post("/v1/offers/{offer_id}/targets/{target_id}/acceptance", **command(OfferTargetAnswer))
async def accept_offer(offer_id: UUID, target_id: UUID, body: AcceptanceBody, call: WriteOwn) -> Answer:
    """The customer took it. An offer is taken once, by whichever id of a merged customer."""
    of_now(call, body)
    part = await _own(call, offer_id, target_id)
    if body.transaction_id is not None:
        sale = await call.store.read(TRANSACTIONS, body.transaction_id)
        if sale.state.sale is None or sale.customer_id not in await cluster(call.store.pool, part.customer_id):
            raise Invalid("/transaction_id", "unknown", "The customer has no transaction of this id. Record it first, or leave it out.")
    return await _step(
        call, offer_id, target_id, body, lambda target, others, now: offer_target.accept(target, others, transaction_id=body.transaction_id, at=now)
    )


@router.post("/v1/offers/{offer_id}/targets/{target_id}/decline", **command(OfferTargetAnswer))
async def decline_offer(offer_id: UUID, target_id: UUID, body: DeclineBody, call: WriteOwn) -> Answer:
    """The customer does not want it."""
    of_now(call, body)
    await _own(call, offer_id, target_id)
    return await _step(call, offer_id, target_id, body, lambda target, others, now: offer_target.decline(target, others, reason=body.reason, at=now))


def _together(call: Call, offer_id: UUID, customer_id: UUID) -> Callable[[], Awaitable[Sequence[Target]]]:
    return partial(aims, call.store, offer_id, customer_id)


async def _step(call: Call, offer_id: UUID, target_id: UUID, body: Told, decide: Decide) -> Answer:
    customer_id = (await _found(call, offer_id, target_id)).customer_id
    done = await call.store.handle_all(
        call.command(body),
        _together(call, offer_id, customer_id),
        lambda states, now: [decide(states[0], states[1:], now), *([] for _ in states[1:])],
    )
    return await call.answer(done, target_answer(next(part for part in done.parts if part.stream_id == target_id)))


async def _found(call: Call, offer_id: UUID, target_id: UUID) -> Loaded[OfferTarget]:
    part = await call.store.read(OFFER_TARGETS, target_id)
    if part.state.targeted is None or part.state.targeted.offer_id != offer_id:
        raise NotFound("This offer has no target of this id.")
    return part


async def _own(call: Call, offer_id: UUID, target_id: UUID) -> Loaded[OfferTarget]:
    """To a customer's own token nothing is offered that is not offered to it."""
    part = await _found(call, offer_id, target_id)
    call.own(part.customer_id)
    if call.customers is not None and part.state.targeted is not None and part.state.targeted.group == "control":
        raise NotFound("This offer has no target of this id.")
    return part


async def _page(call: Call, page: Page, rows: Sequence[Any]) -> Answer:
    parts = await call.store.read_many(OFFER_TARGETS, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([target_answer(part) for part in parts], (str(parts[-1].stream_id),) if len(rows) > page.limit else None, page.limit)


def _after(page: Page) -> UUID:
    return UUID(page.after[0]) if page.after else UUID(int=0)
