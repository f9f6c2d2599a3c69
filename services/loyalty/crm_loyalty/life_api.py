"""What may staff do to a member? Suspend, resume, close; block points and give them back; set a tier; move points to another member."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid5

from crm_chassis.answer import Answer
from crm_chassis.body import Told
from crm_chassis.call import Call
from crm_chassis.operations import command
from crm_events.language.loyalty import MemberEvent
from crm_events.store.store import Target
from fastapi import APIRouter

from crm_loyalty import life
from crm_loyalty.access import Admin, Write
from crm_loyalty.answers import MemberAnswer, member_answer
from crm_loyalty.bodies import BlockBody, OverrideBody, StateBody, TransferBody
from crm_loyalty.member import MEMBERS, Member
from crm_loyalty.members_api import found

router = APIRouter(tags=["members"])
Decide: TypeAlias = Callable[[Member, datetime], list[MemberEvent]]


@router.post("/v1/members/{member_id}/suspension", **command(MemberAnswer))
async def suspend_member(member_id: UUID, body: StateBody, call: Admin) -> Answer:
    """Until it is resumed, purchases earn nothing and no points are spent."""
    return await _done(call, member_id, body, lambda member, _: life.suspend(member, reason=body.reason))


@router.post("/v1/members/{member_id}/resumption", **command(MemberAnswer))
async def resume_member(member_id: UUID, body: StateBody, call: Admin) -> Answer:
    """Earn and spend again; what was bought meanwhile earns nothing later."""
    return await _done(call, member_id, body, lambda member, _: life.resume(member, reason=body.reason))


@router.post("/v1/members/{member_id}/closure", **command(MemberAnswer))
async def close_member(member_id: UUID, body: StateBody, call: Admin) -> Answer:
    """End the account: what is left in it expires, and the customer may enrol again."""
    return await _done(call, member_id, body, lambda member, _: life.close(member, reason=body.reason))


@router.post("/v1/members/{member_id}/blocks", **command(MemberAnswer))
async def block_points(member_id: UUID, body: BlockBody, call: Admin) -> Answer:
    """Keep points from being spent while something is looked into."""
    return await _done(call, member_id, body, lambda member, now: life.block(member, points=body.points, reason=body.reason, at=now))


@router.post("/v1/members/{member_id}/releases", **command(MemberAnswer))
async def unblock_points(member_id: UUID, body: BlockBody, call: Admin) -> Answer:
    """Give blocked points back, into the same lots; those that have expired meanwhile expire now."""
    return await _done(call, member_id, body, lambda member, now: life.unblock(member, points=body.points, reason=body.reason, at=now))


@router.put("/v1/members/{member_id}/tier", **command(MemberAnswer))
async def override_tier(member_id: UUID, body: OverrideBody, call: Admin) -> Answer:
    """Set a tier with a reason, whatever the points say."""
    told: dict[str, Any] = {name: getattr(body, name) for name in ("tier", "holds_until", "reason", "exception")}
    return await _done(call, member_id, body, lambda member, now: life.override(member, **told, at=now))


@router.post("/v1/members/{member_id}/transfers", **command(MemberAnswer))
async def transfer_points(member_id: UUID, body: TransferBody, call: Write) -> Answer:
    """Give points to another member of the programme, soonest expiry first. They keep their times, and qualify for no tier."""
    giver, taker, asked = await found(call.store, member_id), await found(call.store, body.to_member_id), call.command(body)
    aimed = [Target(MEMBERS, member_id)] + ([Target(MEMBERS, body.to_member_id)] if body.to_member_id != member_id else [])
    done = await call.store.handle_all(
        asked,
        aimed,
        lambda members, now: life.transfer(
            members[0], members[-1], giver_id=member_id, taker_id=body.to_member_id, customers=(giver.customer_id, taker.customer_id),
            transfer_id=uuid5(asked.id, "transfer"), points=body.points, at=now,
        ),
    )  # fmt: skip
    return await call.answer(done, member_answer(next(part for part in done.parts if part.stream_id == member_id)))


async def _done(call: Call, member_id: UUID, body: Told, decide: Decide) -> Answer:
    await found(call.store, member_id)
    done = await call.store.handle(MEMBERS, member_id, call.command(body), decide)
    return await call.answer(done, member_answer(done.part))
