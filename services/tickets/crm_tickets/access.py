"""Who may do what here? Any one of the scopes admits; `self` lets a customer's own token in, for tickets of its own and of those merged with it."""

from typing import Annotated
from uuid import UUID

from crm_chassis.call import Call, caller
from crm_events.follower import erased
from crm_events.refusals import Gone
from fastapi import Security

Read = Annotated[Call, Security(caller, scopes=["tickets:read"])]
ReadOwn = Annotated[Call, Security(caller, scopes=["tickets:read", "self"])]
Write = Annotated[Call, Security(caller, scopes=["tickets:write"])]
WriteOwn = Annotated[Call, Security(caller, scopes=["tickets:write", "self"])]
Admin = Annotated[Call, Security(caller, scopes=["tickets:admin"])]
ReadPromises = Annotated[Call, Security(caller, scopes=["tickets:read", "tickets:admin"])]

_FORGOTTEN = "select exists (select from streams s join customer_edge e using (customer_id) where s.stream_id = $1 and e.erased)"


async def not_forgotten(call: Call, *, customer_id: UUID | None = None, ticket_id: UUID | None = None) -> None:
    """Gone for a customer who asked to be forgotten, or a ticket of hers: nothing personal is taken any more."""
    gone = await erased(call.store.pool, [customer_id]) if customer_id else await call.store.pool.fetchval(_FORGOTTEN, ticket_id)
    if gone:
        raise Gone("The customer was erased.")
