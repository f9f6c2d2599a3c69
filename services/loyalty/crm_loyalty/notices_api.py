"""Who is to be told of what? The notices of a customer, for whoever sends them: what was told, what was missed, and how much of it still stands."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Instant, Resource
from crm_chassis.operations import query
from crm_chassis.paging import PageOf, Paging
from crm_events.follower import cluster
from crm_events.language.notices import Notice, NoticeMissed
from crm_events.store.loading import HISTORY, Recorded, recorded
from fastapi import APIRouter, Query

from crm_loyalty.access import Read
from crm_loyalty.member import MEMBERS, Member

router = APIRouter(tags=["members"])

_NOTICES = f"""
select stream_id, {HISTORY.removeprefix("select ")} where stream_id in (select stream_id from streams where type = 'member' and customer_id = any($1::uuid[]))
and type like 'notice.%' and position < $2 order by position desc limit $3
"""


class NoticeAnswer(Resource):
    """What a member was told, or not in time (`missed`). `left`: of its `points`, those that still wait to be spent; `open`: there is still something to do."""

    id: UUID
    member_id: UUID
    kind: str
    missed: bool
    open: bool
    channel: str
    due_at: Instant
    ends_at: Instant
    points: int | None
    left: int | None
    tier: str | None
    occurred_at: Instant
    recorded_at: Instant


@router.get("/v1/notices", **query(PageOf[NoticeAnswer]))
async def list_notices(customer_id: Annotated[UUID, Query(description="whose; of a merged customer, all of them")], page: Paging, call: Read) -> Answer:
    """What the members of a customer, and of the customers merged with it, are told of ends to come, the newest first."""
    together = await cluster(call.store.pool, customer_id)
    rows = await call.store.pool.fetch(_NOTICES, together, page.after[0] if page.after else 2**62, page.limit + 1)
    shown = list(zip(rows, recorded(rows), strict=True))[: page.limit]
    members = {part.stream_id: part.state for part in await call.store.read_many(MEMBERS, list({row["stream_id"] for row, _ in shown}))}
    items = [_answer(each, row["stream_id"], members[row["stream_id"]], call.now) for row, each in shown]
    return await call.page(items, (shown[-1][1].position,) if len(rows) > page.limit else None, page.limit)


def _answer(each: Recorded, member_id: UUID, member: Member, now: datetime) -> NoticeAnswer:
    notice: Notice = each.fact.event
    told = {name: getattr(notice, name) for name in ("kind", "channel", "due_at", "ends_at", "points", "tier")}
    left = sum(lot.available + lot.pending for lot in member.ledger.lots if lot.lot_id in {each.lot_id for each in notice.lots or ()})
    held = member.standing.held
    stands = left > 0 if notice.kind == "points_expiring" else held is not None and (held.name, held.until) == (notice.tier, notice.ends_at)
    return NoticeAnswer(
        id=notice.notice_id, member_id=member_id, missed=isinstance(notice, NoticeMissed), open=stands and notice.ends_at > now,
        left=left if notice.points is not None else None, occurred_at=each.fact.occurred_at, recorded_at=each.recorded_at, **told,
    )  # fmt: skip
