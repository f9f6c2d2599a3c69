"""How are points spent? Reserve, then confirm or cancel, over all the members of a merged customer at once."""

from collections.abc import Sequence
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_events.language.loyalty import PointsReserved
from crm_events.refusals import NotFound
from crm_events.store.loading import Loaded
from crm_events.store.store import Done, Target
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_loyalty import redemption
from crm_loyalty.access import ReadOwn, WriteOwn
from crm_loyalty.answers import RedemptionAnswer, redemption_answer
from crm_loyalty.bodies import CancellationBody, ConfirmationBody, ReservationBody
from crm_loyalty.member import MEMBERS, Member
from crm_loyalty.members_api import found
from crm_loyalty.reads import allies, parts_of, programme_of, settled_long_ago

router = APIRouter(tags=["redemptions"])


@router.post("/v1/members/{member_id}/redemptions", **command(RedemptionAnswer))
async def reserve_redemption(member_id: UUID, body: ReservationBody, call: WriteOwn) -> Answer:
    """Hold points for 15 minutes. All members of a merged customer give, soonest expiry first; all of them are checked not to have moved meanwhile."""
    owner = await found(call.store, member_id)
    programme = await programme_of(call.store, owner.state.programme)
    redemption_id = uuid7()

    async def targets() -> Sequence[Target]:
        return [Target(MEMBERS, each) for each in (member_id, *await allies(call.store, owner))]

    done = await call.store.handle_all(
        call.command(body),
        targets,
        lambda members, now: redemption.reserve(
            members, redemption_id=redemption_id, points=body.points, reward=body.reward, version=programme.in_force(now) if programme else None, at=now
        ),
    )
    reserved = done.first(PointsReserved)
    made = reserved.redemption_id if reserved else redemption_id
    members = _states(done) if not done.replayed else await _members(call, made, await parts_of(call.store, made))
    return await call.answer(done, redemption_answer(made, members), created=f"/v1/members/{member_id}/redemptions/{made}", etag=_etag(done, member_id))


@router.get("/v1/members/{member_id}/redemptions/{redemption_id}", **query(RedemptionAnswer))
async def get_redemption(member_id: UUID, redemption_id: UUID, call: ReadOwn) -> Answer:
    """A redemption as it now stands."""
    owner, ids = await _found(call, member_id, redemption_id)
    return await call.show(redemption_answer(redemption_id, await _members(call, redemption_id, ids)), version=owner.version)


@router.put("/v1/members/{member_id}/redemptions/{redemption_id}/confirmation", **command(RedemptionAnswer))
async def confirm_redemption(member_id: UUID, redemption_id: UUID, body: ConfirmationBody, call: WriteOwn) -> Answer:
    """Spend what is held."""
    owner, ids = await _found(call, member_id, redemption_id)
    programme = await programme_of(call.store, owner.state.programme)
    aimed = list(dict.fromkeys([member_id, *ids]))
    done = await call.store.handle_all(
        call.command(body),
        [Target(MEMBERS, each) for each in aimed],
        lambda members, now: redemption.confirm(
            members, redemption_id=redemption_id, parts=[each in ids for each in aimed], version=programme.in_force(now) if programme else None
        ),
    )
    return await _answered(call, done, member_id, redemption_id, ids)


@router.post("/v1/members/{member_id}/redemptions/{redemption_id}/cancellation", **command(RedemptionAnswer))
async def cancel_redemption(member_id: UUID, redemption_id: UUID, body: CancellationBody, call: WriteOwn) -> Answer:
    """Give up what is held, or take back what was spent: the points return into the lots they came from."""
    owner, ids = await _found(call, member_id, redemption_id)
    programme = await programme_of(call.store, owner.state.programme)
    aimed = list(dict.fromkeys([member_id, *ids]))
    done = await call.store.handle_all(
        call.command(body),
        [Target(MEMBERS, each) for each in aimed],
        lambda members, now: redemption.cancel(
            members, redemption_id=redemption_id, parts=[each in ids for each in aimed], reason=body.reason,
            version=programme.in_force(now) if programme else None, at=now,
        ),
    )  # fmt: skip
    return await _answered(call, done, member_id, redemption_id, ids)


async def _found(call: Call, member_id: UUID, redemption_id: UUID) -> tuple[Loaded[Member], list[UUID]]:
    """The member asked, and the members that hold parts: itself, or others of the same customer. NotFound for any other redemption."""
    owner, ids = await found(call.store, member_id), await parts_of(call.store, redemption_id)
    call.own(owner.customer_id)
    if member_id not in ids and not {*ids} & {*await allies(call.store, owner)}:
        raise NotFound("This member has no redemption of this id.")
    return owner, ids


async def _answered(call: Call, done: Done[Member], member_id: UUID, redemption_id: UUID, ids: list[UUID]) -> Answer:
    """A repeat that changed nothing names only its first stream: then the parts are read anew."""
    members = _states(done) if not done.replayed else await _members(call, redemption_id, ids)
    return await call.answer(done, redemption_answer(redemption_id, members), etag=_etag(done, member_id))


async def _members(call: Call, redemption_id: UUID, ids: list[UUID]) -> list[Member]:
    members = [part.state for part in await call.store.read_many(MEMBERS, ids)]
    return members if all(member.redemption(redemption_id) for member in members) else await settled_long_ago(call.store, redemption_id, ids)


def _states(done: Done[Member]) -> list[Member]:
    return [part.state for part in done.parts]


def _etag(done: Done[Member], member_id: UUID) -> int:
    return next(part.version for part in done.parts if part.stream_id == member_id)
