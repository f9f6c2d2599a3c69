"""What did a member buy and bring back? Each is one command over the transaction and the member's points."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.language.loyalty import MemberEvent, PointsEarned, TraceEntry
from crm_events.refusals import Invalid, NotFound
from crm_events.store.loading import Loaded
from crm_events.store.store import Target
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_loyalty import earning, offer_target, points, transaction
from crm_loyalty.access import Read, Write
from crm_loyalty.answers import MemberAnswer, TransactionAnswer, member_answer, transaction_answer
from crm_loyalty.bodies import ActionBody, ReturnBody, TransactionBody
from crm_loyalty.member import MEMBERS, Member
from crm_loyalty.members_api import found
from crm_loyalty.programme import Programme
from crm_loyalty.reads import aims, counted_of, earned_by, programme_of, sales_of
from crm_loyalty.transaction import TRANSACTIONS, Back, Transaction

router = APIRouter(tags=["transactions"])


@router.post("/v1/members/{member_id}/transactions", **command(TransactionAnswer))
async def record_transaction(member_id: UUID, body: TransactionBody, call: Write) -> Answer:
    """A purchase and what it earns; with it the offer is taken that its discount was given for. `If-Match` is about the member."""
    owner = await found(call.store, member_id)
    programme = await programme_of(call.store, owner.state.programme)
    transaction_id = body.id or uuid7()
    sale: dict[str, Any] = body.model_dump(exclude={"id", "occurred_at", "lines", "offer_id"}, exclude_none=True)
    sale |= {"transaction_id": transaction_id, "member_id": member_id}
    sale["lines"] = [line.model_dump(exclude_none=True) | {"line": number} for number, line in enumerate(body.lines, 1)]

    async def targets() -> Sequence[Target]:
        """The member and the purchase; and of an offer, whatever became of it with this customer, so that it is taken once."""
        sold = [Target(MEMBERS, member_id), Target(TRANSACTIONS, transaction_id, key=owner.customer_id)]
        return [*sold, *await aims(call.store, body.offer_id, owner.customer_id)] if body.offer_id else sold

    def decide(states: list[Any], now: datetime) -> Sequence[Sequence[Any]]:
        sold = transaction.record_sale(states[0], states[1], sale=sale, programme=programme, at=now, offer_id=body.offer_id)
        return [*sold, *(offer_target.taken_by(states[2:], transaction_id=transaction_id, at=now) if body.offer_id else ())]

    done = await call.store.handle_all(
        call.command(body),
        targets,
        decide,
    )
    part = next(part for part in done.parts if isinstance(part.state, Transaction))
    earned = [fact.event for fact in done.facts if isinstance(fact.event, PointsEarned)]
    answer = transaction_answer(part, earned, _unearned(part, programme, owner.state))
    return await call.answer(done, answer, created=f"/v1/members/{member_id}/transactions/{part.stream_id}", etag=part.version)


@router.get("/v1/members/{member_id}/transactions/{transaction_id}", **query(TransactionAnswer))
async def get_transaction(member_id: UUID, transaction_id: UUID, call: Read) -> Answer:
    """One purchase, with what of it has come back."""
    part = await call.store.read(TRANSACTIONS, transaction_id)
    if part.state.sale is None or part.state.sale.member_id != member_id:
        raise NotFound("This member has no transaction of this id.")
    owner = await found(call.store, member_id)
    programme = await programme_of(call.store, owner.state.programme)
    earned = (await earned_by(call.store, member_id, [transaction_id]))[transaction_id]
    return await call.show(transaction_answer(part, earned, _unearned(part, programme, owner.state)), version=part.version)


@router.get("/v1/members/{member_id}/transactions", **query(PageOf[TransactionAnswer]))
async def list_transactions(member_id: UUID, page: Paging, call: Read) -> Answer:
    """The member's purchases, the newest first."""
    owner = await found(call.store, member_id)
    programme = await programme_of(call.store, owner.state.programme)
    sales, more = await sales_of(call.store, member_id, after=page.after, limit=page.limit)
    earned = await earned_by(call.store, member_id, [part.stream_id for part in sales])
    items = [transaction_answer(part, earned[part.stream_id], _unearned(part, programme, owner.state)) for part in sales]
    return await call.page(items, more, page.limit)


@router.post("/v1/members/{member_id}/returns", **command(MemberAnswer))
async def record_return(member_id: UUID, body: ReturnBody, call: Write) -> Answer:
    """Goods come back, and with them the points their lines had earned; what was spent already is owed."""
    earned = (await earned_by(call.store, member_id, [body.transaction_id]))[body.transaction_id]
    counted = await counted_of(call.store, member_id, body.transaction_id)
    asked, back = call.command(body), [Back(each.line, each.quantity) for each in body.lines]
    owner = await found(call.store, member_id)
    told: dict[str, Any] = {"member_id": member_id, "back": back, "earned": earned, "counted": counted, "reason": body.reason}
    done = await call.store.handle_all(
        asked,
        [Target(MEMBERS, member_id), Target(TRANSACTIONS, body.transaction_id, key=owner.customer_id)],
        lambda states, now: transaction.record_return(states[0], states[1], **told, return_id=uuid5(asked.id, "return"), at=now),
    )
    return await call.answer(done, member_answer(done.part))


@router.post("/v1/members/{member_id}/transactions/{transaction_id}/actions", **command(MemberAnswer))
async def record_action(member_id: UUID, transaction_id: UUID, body: ActionBody, call: Write) -> Answer:
    """What the points of a purchase wait for was done: they can be spent from then on, even if it is told late."""
    part, owner = await call.store.read(TRANSACTIONS, transaction_id), await found(call.store, member_id)
    if part.state.sale is None or part.state.sold_at is None or part.state.sale.member_id != member_id:
        raise NotFound("This member has no transaction of this id.")
    programme, sold_at = await programme_of(call.store, owner.state.programme), part.state.sold_at
    used = {event.rule.version for event in (await earned_by(call.store, member_id, [transaction_id]))[transaction_id]}
    waits_for = {each.pending.action for each in programme.versions if each.version in used and each.pending and each.pending.action} if programme else set()

    def decide(member: Member, now: datetime) -> Sequence[MemberEvent]:
        if now < sold_at:
            raise Invalid("/occurred_at", "before-sale", "This is done after the goods were sold.")
        return points.done(member, transaction_id=transaction_id, action=body.action, waits_for=waits_for, at=now)

    done = await call.store.handle(MEMBERS, member_id, call.command(body), decide)
    return await call.answer(done, member_answer(done.part))


def _unearned(part: Loaded[Transaction], programme: Programme | None, member: Member) -> tuple[TraceEntry, ...]:
    """Why a purchase earned nothing: no event says so, thus the rules of its time are asked again, with the tier held now. No rule was, of who may not earn."""
    sale, sold_at = part.state.sale, part.state.sold_at
    if member.state != "active":
        return ()
    version = programme.in_force(sold_at) if programme and sold_at else None
    if sale is None or version is None:
        return ()
    return earning.evaluate(version, sale.lines, channel=sale.channel, outlet=sale.outlet, tier=member.standing.tier).trace
