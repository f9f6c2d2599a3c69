"""Who is a member, and what do they hold? Enrolment, balances, the ledger's entries, and adjustments by hand."""

from typing import Annotated
from uuid import UUID, uuid5

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.follower import erased
from crm_events.language.loyalty import MemberEnrolled
from crm_events.refusals import Gone, Invalid, NotFound
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore
from fastapi import APIRouter, Query
from uuid_utils.compat import uuid7

from crm_loyalty import member, points
from crm_loyalty.access import Admin, Read, ReadOwn, Write
from crm_loyalty.answers import EntryAnswer, MemberAnswer, PointsAnswer, entry_answer, member_answer, points_answer
from crm_loyalty.bodies import AdjustmentBody, EnrolmentBody
from crm_loyalty.ledger import consumption_order
from crm_loyalty.member import MEMBERS, Member
from crm_loyalty.reads import entries_of, members_of, programme_of

router = APIRouter(tags=["members"])


async def found(store: EventStore, member_id: UUID) -> Loaded[Member]:
    """The member as of now, or NotFound."""
    part = await store.read(MEMBERS, member_id)
    if not part.version:
        raise NotFound("There is no member of this id.")
    return part


@router.post("/v1/members", **command(MemberAnswer))
async def enrol_member(body: EnrolmentBody, call: Write) -> Answer:
    """Open an account for a customer: one a programme, and one without."""
    programme = await programme_of(call.store, body.programme)
    if body.programme is not None and programme is None:
        raise Invalid("/programme", "unknown", "There is no programme of this name. Publish it first, or enrol without one.")
    if await erased(call.store.pool, [body.customer_id]):
        raise Gone("The customer was erased.")
    told = {name: value for name in ("programme", "card_number", "channel") if (value := getattr(body, name)) is not None}
    member_id, event = body.id or uuid7(), MemberEnrolled(**told)
    done = await call.store.handle(
        MEMBERS,
        member_id,
        call.command(body),
        lambda known, now: member.enrol(known, member_id=member_id, event=event, version=programme.in_force(now) if programme else None, at=now),
        key=body.customer_id,
    )
    return await call.answer(done, member_answer(done.part), created=f"/v1/members/{done.part.stream_id}")


@router.get("/v1/members/{member_id}", **query(MemberAnswer))
async def get_member(member_id: UUID, call: ReadOwn) -> Answer:
    """A member, with its tier and balance as of now."""
    part = await found(call.store, member_id)
    call.own(part.customer_id)
    return await call.show(member_answer(part), version=part.version)


@router.get("/v1/members", **query(PageOf[MemberAnswer]))
async def list_members(customer_id: Annotated[UUID, Query(description="whose; of a merged customer, all of them")], page: Paging, call: Read) -> Answer:
    """The members of a customer, and of the customers merged with it."""
    after = UUID(page.after[0]) if page.after else None
    parts = await members_of(call.store, customer_id, after=after, limit=page.limit + 1)
    shown = parts[: page.limit]
    return await call.page([member_answer(part) for part in shown], (str(shown[-1].stream_id),) if len(parts) > page.limit else None, page.limit)


@router.get("/v1/members/{member_id}/points", **query(PointsAnswer))
async def get_points(member_id: UUID, call: ReadOwn) -> Answer:
    """Where the member's points are, lot by lot."""
    part = await found(call.store, member_id)
    call.own(part.customer_id)
    lots = sorted(part.state.ledger.lots, key=consumption_order)
    return await call.show(points_answer(part, lots, call.now))


@router.get("/v1/members/{member_id}/points/entries", **query(PageOf[EntryAnswer]))
async def list_points_entries(member_id: UUID, page: Paging, call: ReadOwn) -> Answer:
    """The ledger's entries, the newest first."""
    part = await found(call.store, member_id)
    call.own(part.customer_id)
    entries, more = await entries_of(call.store, member_id, before=page.after[0] if page.after else None, limit=page.limit)
    return await call.page([entry_answer(entry) for entry in entries], (more,) if more else None, page.limit)


@router.post("/v1/members/{member_id}/adjustments", **command(MemberAnswer))
async def adjust_points(member_id: UUID, body: AdjustmentBody, call: Admin) -> Answer:
    """Give or take points outside the rules; they qualify for no tier. What no lot can give is owed."""
    programme, asked = await programme_of(call.store, (await found(call.store, member_id)).state.programme), call.command(body)
    done = await call.store.handle(
        MEMBERS,
        member_id,
        asked,
        lambda known, now: points.adjust(
            known, adjustment_id=uuid5(asked.id, "adjustment"), points=body.points, reason=body.reason, cause_event_id=body.cause_event_id,
            version=programme.in_force(now) if programme else None, at=now,
        ),
    )  # fmt: skip
    return await call.answer(done, member_answer(done.part))
