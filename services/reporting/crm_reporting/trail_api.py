"""Which route tells what operators did?"""

from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Resource
from crm_chassis.call import Call, caller
from crm_chassis.operations import query
from crm_chassis.paging import PageOf, Paging
from crm_events.event import Instant
from fastapi import APIRouter, Query, Security

from crm_reporting.trail import Operation, trail

router = APIRouter(tags=["operations"])
Read = Annotated[Call, Security(caller, scopes=["ops:read"])]


class TrailItem(Resource):
    """Who did what, when, why, and what came of it. What takes long has two rows: `begun`, and how it ended. `subject`: the event or build it was about."""

    id: int
    at: Instant
    actor: str
    operation: str
    outcome: str
    source: str | None
    customer_id: UUID | None
    subject: str | None
    reason: str | None
    request_id: str | None


@router.get("/v1/operations/audit", **query(PageOf[TrailItem]))
async def list_operations_audit(
    call: Read,
    paging: Paging,
    operation: Annotated[Operation | None, Query()] = None,
    actor: Annotated[str | None, Query(max_length=200)] = None,
    customer_id: Annotated[UUID | None, Query()] = None,
) -> Answer:
    """What operators did, newest first."""
    before = int(paging.after[0]) if paging.after else None
    rows = await trail(call.state.wide, before=before, operation=operation, actor=actor, customer_id=customer_id, limit=paging.limit + 1)
    shown = rows[: paging.limit]
    return await call.page([TrailItem(**row) for row in shown], [shown[-1]["id"]] if len(rows) > paging.limit else None, paging.limit)
