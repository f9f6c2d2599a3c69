"""Which routes tell how each delivery went, and send one again?"""

from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call, caller
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.lease import Connection
from crm_events.refusals import NotFound
from fastapi import APIRouter, Path, Query, Security

from crm_reporting.keyed import Outcome, once
from crm_reporting.parked_api import PATIENCE
from crm_reporting.trail import deed_of, refusals_kept
from crm_reporting.webhooks import subscription
from crm_reporting.webhooks.shapes import DeliveryAnswer, DeliveryItem, State, delivery_of

router = APIRouter(tags=["webhooks"])
Read = Annotated[Call, Security(caller, scopes=["webhooks:read"])]
Write = Annotated[Call, Security(caller, scopes=["webhooks:write"])]
Delivery = Annotated[int, Path(ge=1, le=2**62)]

_NEWEST = 2**62
_PAGE = """
select * from webhook_delivery where webhook = $1 and id < $2 and ($3::text is null or state = $3) and ($4::uuid is null or event_id = $4)
order by id desc limit $5
"""
_ONE = "select * from webhook_delivery where webhook = $1 and id = $2"
_TRIES = "select n, at, outcome, status, round(seconds::numeric, 3)::float8 as seconds from webhook_attempt where delivery = $1 order by n"


@router.get("/v1/webhooks/{webhook_id}/deliveries", **query(PageOf[DeliveryItem]))
async def list_webhook_deliveries(
    webhook_id: UUID, call: Read, paging: Paging, state: Annotated[State | None, Query()] = None, event_id: Annotated[UUID | None, Query()] = None
) -> Answer:
    """What was sent and what waits, newest first; those that ended are kept for a time (30 days if nothing else is set)."""
    await subscription.shown(call.state.wide, webhook_id)
    before = int(paging.after[0]) if paging.after else _NEWEST
    rows = await call.state.wide.fetch(_PAGE, webhook_id, before, state, event_id, paging.limit + 1)
    shown = rows[: paging.limit]
    return await call.page([delivery_of(row) for row in shown], [shown[-1]["id"]] if len(rows) > paging.limit else None, paging.limit)


@router.get("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}", **query(DeliveryAnswer))
async def get_webhook_delivery(webhook_id: UUID, delivery_id: Delivery, call: Read) -> Answer:
    """One delivery with every attempt at it."""
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:
        return await call.show(await _delivery(connection, webhook_id, delivery_id))


@router.post("/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redelivery", **command(DeliveryAnswer))
async def redeliver_webhook(webhook_id: UUID, delivery_id: Delivery, call: Write) -> Answer:
    """Send one event once more, under its first `webhook-id`; after what waits of the same customer. A delivery of its own in the log."""
    asked, deed = call.command(), deed_of(call, "webhook", subject=str(webhook_id))
    async with refusals_kept(deed, call.state.wide), call.state.wide.acquire(timeout=PATIENCE) as connection:

        async def again() -> Outcome:
            made = await subscription.redeliver(connection, webhook_id, delivery_id, by=call.actor)
            await deed.came_to(f"delivery {delivery_id} again", connection)
            return {"delivery": made}

        outcome, replayed = await once(connection, asked, again)
        made = int(outcome["delivery"])
        answer = await call.show(await _delivery(connection, webhook_id, made), headers={"Idempotency-Replayed": "true"} if replayed else {})
    if not replayed:
        answer.status_code = 201
        answer.headers["Location"] = f"/v1/webhooks/{webhook_id}/deliveries/{made}"
    return answer


async def _delivery(connection: Connection, webhook: UUID, delivery: int) -> dict[str, object]:
    row = await connection.fetchrow(_ONE, webhook, delivery)
    if row is None:
        raise NotFound("There is no such delivery; those that ended are kept for some time only.")
    return delivery_of(row) | {"tries": [dict(each) for each in await connection.fetch(_TRIES, delivery)]}
