"""Which rewards were issued, and were they used?"""

from typing import Annotated, Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.follower import cluster, erased
from crm_events.language.reward import RewardIssued
from crm_events.refusals import Gone, Invalid, NotFound, Rejected
from crm_events.store.loading import Loaded
from crm_events.store.store import Target
from fastapi import APIRouter, Query
from uuid_utils.compat import uuid7

from crm_loyalty import reward
from crm_loyalty.access import Read, ReadOwn, Write
from crm_loyalty.member import MEMBERS
from crm_loyalty.offer_target import OFFER_TARGETS, target_id
from crm_loyalty.reads import parts_of, settled_long_ago
from crm_loyalty.reward import REWARDS, Reward
from crm_loyalty.reward_shapes import RewardAnswer, RewardBody, TakeBackBody, UseBody, reward_answer

router = APIRouter(tags=["rewards"])

_OF = "select stream_id from streams where type = 'reward' and customer_id = any($1::uuid[]) and stream_id > $2 order by stream_id limit $3"


@router.post("/v1/rewards", **command(RewardAnswer))
async def issue_reward(body: RewardBody, call: Write) -> Answer:
    """Give a reward. One for each redemption, and one for each offer that a customer took."""
    if await erased(call.store.pool, [body.customer_id]):
        raise Gone("The customer was erased.")
    parts = await _paid(call, body)
    told: dict[str, Any] = {name: value for name in ("offer_id", "redemption_id", "valid_to") if (value := getattr(body, name)) is not None}
    told |= {"target_id": await _taken(call, body)} if body.offer_id else {}
    reward_id = body.id or uuid7()
    event = RewardIssued(reward_id=reward_id, kind=body.kind, cost=body.cost.money(), **told)
    done = await call.store.handle_all(
        call.command(body),
        [Target(REWARDS, reward_id, key=body.customer_id), *(Target(MEMBERS, each) for each in parts)],
        lambda states, now: [reward.issue(states[0], event=event, parts=states[1:], at=now), *([] for _ in parts)],
    )
    return await call.answer(done, reward_answer(done.part), created=f"/v1/rewards/{done.part.stream_id}")


@router.get("/v1/rewards/{reward_id}", **query(RewardAnswer))
async def get_reward(reward_id: UUID, call: ReadOwn) -> Answer:
    """One reward, and whether it can be used."""
    part = await _found(call, reward_id)
    call.own(part.customer_id)
    return await call.show(reward_answer(part), version=part.version)


@router.get("/v1/rewards", **query(PageOf[RewardAnswer]))
async def list_rewards(customer_id: Annotated[UUID, Query(description="whose; of a merged customer, all of them")], page: Paging, call: Read) -> Answer:
    """The rewards of a customer, those that were used or taken back too."""
    after = UUID(page.after[0]) if page.after else UUID(int=0)
    rows = await call.store.pool.fetch(_OF, await cluster(call.store.pool, customer_id), after, page.limit + 1)
    parts = await call.store.read_many(REWARDS, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([reward_answer(part) for part in parts], (str(parts[-1].stream_id),) if len(rows) > page.limit else None, page.limit)


@router.post("/v1/rewards/{reward_id}/use", **command(RewardAnswer))
async def use_reward(reward_id: UUID, body: UseBody, call: Write) -> Answer:
    """The customer uses it, once. The members whose points paid for it are checked not to have moved meanwhile."""
    part = await _found(call, reward_id)
    redeemed = part.state.issued.redemption_id if part.state.issued else None
    parts = await parts_of(call.store, redeemed) if redeemed else []
    done = await call.store.handle_all(
        call.command(body),
        [Target(REWARDS, reward_id), *(Target(MEMBERS, each) for each in parts)],
        lambda states, now: [reward.use(states[0], parts=states[1:], at=now), *([] for _ in parts)],
    )
    return await call.answer(done, reward_answer(done.part))


@router.post("/v1/rewards/{reward_id}/cancellation", **command(RewardAnswer))
async def cancel_reward(reward_id: UUID, body: TakeBackBody, call: Write) -> Answer:
    """Take a reward back that was not used."""
    await _found(call, reward_id)
    done = await call.store.handle(REWARDS, reward_id, call.command(body), lambda known, now: reward.cancel(known, reason=body.reason, at=now))
    return await call.answer(done, reward_answer(done.part))


async def _found(call: Call, reward_id: UUID) -> Loaded[Reward]:
    part = await call.store.read(REWARDS, reward_id)
    if not part.version:
        raise NotFound("There is no reward of this id.")
    return part


async def _paid(call: Call, body: RewardBody) -> list[UUID]:
    """The members whose points paid for it: of this customer."""
    if body.redemption_id is None:
        return []
    parts = await parts_of(call.store, body.redemption_id)
    owners = {part.customer_id for part in await call.store.read_many(MEMBERS, parts)}
    if not owners & {*await cluster(call.store.pool, body.customer_id)}:
        raise Invalid("/redemption_id", "unknown", "The customer has no redemption of this id.")
    if {part.state for member in await settled_long_ago(call.store, body.redemption_id, parts) for part in member.redemptions} != {"confirmed"}:
        raise Rejected("not-redeemed", "The points for this reward are not spent: held still, or given back. Confirm the redemption first.")
    return parts


async def _taken(call: Call, body: RewardBody) -> UUID:
    """The target that took the offer, by whichever id of the customer."""
    ids = await cluster(call.store.pool, body.customer_id)
    targets = await call.store.read_many(OFFER_TARGETS, [target_id(body.offer_id, each) for each in ids]) if body.offer_id else []
    taken = next((part for part in targets if part.state.answer == "accepted"), None)
    if taken is None:
        raise Rejected("offer-not-accepted", "The customer has not taken this offer. Tell first that they did.")
    return taken.stream_id
