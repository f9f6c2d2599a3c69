"""Who brought whom? Invitations, and who came of them; what they buy and what it is rewarded with follows by itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.command import Command
from crm_events.follower import cluster, erased
from crm_events.language.referral import ReferralInvited
from crm_events.refusals import AlreadyExists, Gone, NotFound, Taken
from crm_events.store.loading import Loaded
from fastapi import APIRouter, Query
from uuid_utils.compat import uuid7

from crm_loyalty import referral
from crm_loyalty.access import ReadOwn, WriteOwn, of_now
from crm_loyalty.kinship import kinship
from crm_loyalty.reads import members_of, programme_of
from crm_loyalty.referral import REFERRALS, Referral
from crm_loyalty.referral_shapes import InvitationBody, ReferralAnswer, RegistrationBody, referral_answer

router = APIRouter(tags=["referrals"])

_OF = "select stream_id from streams where type = 'referral' and customer_id = any($1::uuid[]) and stream_id > $2 order by stream_id limit $3"


@router.post("/v1/referrals", **command(ReferralAnswer))
async def invite_referral(body: InvitationBody, call: WriteOwn) -> Answer:
    """Invite somebody. The same customer inviting the same address again is answered the invitation that is there."""
    call.own(body.customer_id)
    of_now(call, body)
    if await erased(call.store.pool, [body.customer_id]):
        raise Gone("The customer was erased.")
    scope, key = referral.invitation(body.programme), referral.invitee_key(body.invitee) if body.invitee else None
    asked, whose = call.command(body), await cluster(call.store.pool, body.customer_id)
    if key is not None and (known := await _invited(call, scope, key, whose)) is not None:
        return await _again(call, asked, known)
    programme = await programme_of(call.store, body.programme)
    members = [part.state for part in await members_of(call.store, body.customer_id, after=None, limit=200)]
    told = {name: value for name in ("invitee", "channel") if (value := getattr(body, name)) is not None}
    referral_id = body.id or uuid7()
    event = ReferralInvited(referral_id=referral_id, programme=body.programme, **told)
    try:
        done = await call.store.handle(
            REFERRALS,
            referral_id,
            asked,
            lambda state, now: referral.invite(state, event=event, version=programme.in_force(now) if programme else None, members=members),
            key=body.customer_id,
        )
    except Taken:  # by one that was sent at the same moment
        if key is None or (known := await _invited(call, scope, key, whose)) is None:
            raise
        return await _again(call, asked, known)
    return await call.answer(done, referral_answer(done.part), created=f"/v1/referrals/{done.part.stream_id}")


@router.get("/v1/referrals/{referral_id}", **query(ReferralAnswer))
async def get_referral(referral_id: UUID, call: ReadOwn) -> Answer:
    """One referral, and how far it is."""
    part = await _found(call, referral_id)
    call.own(part.customer_id)
    return await call.show(referral_answer(part), version=part.version)


@router.get("/v1/referrals", **query(PageOf[ReferralAnswer]))
async def list_referrals(
    customer_id: Annotated[UUID, Query(description="who invited; of a merged customer, all of them")], page: Paging, call: ReadOwn
) -> Answer:
    """All whom a customer invited."""
    call.own(customer_id)
    after = UUID(page.after[0]) if page.after else UUID(int=0)
    rows = await call.store.pool.fetch(_OF, await cluster(call.store.pool, customer_id), after, page.limit + 1)
    parts = await call.store.read_many(REFERRALS, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([referral_answer(part) for part in parts], (str(parts[-1].stream_id),) if len(rows) > page.limit else None, page.limit)


@router.post("/v1/referrals/{referral_id}/registration", **command(ReferralAnswer))
async def register_referral(referral_id: UUID, body: RegistrationBody, call: WriteOwn) -> Answer:
    """Who was invited has come: staff says so, or the customer who came. Where it shows by now that nobody was brought, the referral is rejected."""
    call.own(body.customer_id)
    of_now(call, body)
    part = await _found(call, referral_id)
    if await erased(call.store.pool, [body.customer_id, part.customer_id]):
        raise Gone("The customer was erased.")
    kin = await kinship(call.store, referral_id, programme=part.state.programme, referrer=part.customer_id, other=body.customer_id)
    done = await call.store.handle(
        REFERRALS,
        referral_id,
        replace(call.command(body), only_for=None),  # the invitation is another's: who has its id was given it
        lambda state, now: referral.register(state, referral_id=referral_id, other_id=body.customer_id, kin=kin, at=now),
    )
    answer = referral_answer(done.part)
    mine = call.customers is None or part.customer_id in call.customers
    return await call.answer(done, answer if mine else answer.model_copy(update={"invitee": None}))


async def _invited(call: Call, scope: str, key: str, whose: Sequence[UUID]) -> Loaded[Referral] | None:
    """The invitation of this address, if it is this customer's own; AlreadyExists, if it is another's."""
    holders = await call.store.holders(scope, key)
    part = await call.store.read(REFERRALS, holders[0]) if holders else None
    if part is not None and part.customer_id not in whose:
        raise AlreadyExists("Somebody has invited them already.", part.stream_id)
    return part


async def _again(call: Call, asked: Command, known: Loaded[Referral]) -> Answer:
    done = await call.store.handle(REFERRALS, known.stream_id, asked, lambda *_: [])
    return await call.answer(done, referral_answer(done.part), created=f"/v1/referrals/{known.stream_id}")


async def _found(call: Call, referral_id: UUID) -> Loaded[Referral]:
    part = await call.store.read(REFERRALS, referral_id)
    if not part.version:
        raise NotFound("There is no referral of this id.")
    return part
