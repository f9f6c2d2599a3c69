"""Who is entitled to what? Rights given and taken back by hand; those of a tier come and go with it."""

from typing import Annotated, Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.follower import cluster, erased
from crm_events.language.entitlement import EntitlementGranted
from crm_events.refusals import Gone, NotFound
from fastapi import APIRouter, Query
from uuid_utils.compat import uuid7

from crm_loyalty import entitlement
from crm_loyalty.access import Admin, Read, ReadOwn
from crm_loyalty.bodies import EntitlementBody, RevocationBody
from crm_loyalty.entitlement import ENTITLEMENTS
from crm_loyalty.entitlement_answers import EntitlementAnswer, entitlement_answer

router = APIRouter(tags=["entitlements"])

_OF = "select stream_id from streams where type = 'entitlement' and customer_id = any($1::uuid[]) and stream_id > $2 order by stream_id limit $3"


@router.post("/v1/entitlements", **command(EntitlementAnswer))
async def grant_entitlement(body: EntitlementBody, call: Admin) -> Answer:
    """Entitle a customer to something, for a time or until it is revoked. Tickets that are open, and those to come, get at least a priority's `scope`."""
    if await erased(call.store.pool, [body.customer_id]):
        raise Gone("The customer was erased.")
    entitlement_id = body.id or uuid7()
    told: dict[str, Any] = {name: value for name in ("scope", "valid_to") if (value := getattr(body, name)) is not None}
    told |= {"entitlement_id": entitlement_id, "kind": body.kind, "cause": "manual"}
    done = await call.store.handle(
        ENTITLEMENTS,
        entitlement_id,
        call.command(body),
        lambda known, now: entitlement.grant(known, event=EntitlementGranted(valid_from=body.valid_from or now, **told)),
        key=body.customer_id,
    )
    return await call.answer(done, entitlement_answer(done.part, call.now), created=f"/v1/entitlements/{done.part.stream_id}")


@router.get("/v1/entitlements/{entitlement_id}", **query(EntitlementAnswer))
async def get_entitlement(entitlement_id: UUID, call: ReadOwn) -> Answer:
    """One right, and whether it stands."""
    part = await call.store.read(ENTITLEMENTS, entitlement_id)
    if not part.version:
        raise NotFound("There is no entitlement of this id.")
    call.own(part.customer_id)
    return await call.show(entitlement_answer(part, call.now), version=part.version)


@router.get("/v1/entitlements", **query(PageOf[EntitlementAnswer]))
async def list_entitlements(customer_id: Annotated[UUID, Query(description="whose; of a merged customer, all of them")], page: Paging, call: Read) -> Answer:
    """The rights of a customer, and of the customers merged with it, those that ended too."""
    after = UUID(page.after[0]) if page.after else UUID(int=0)
    rows = await call.store.pool.fetch(_OF, await cluster(call.store.pool, customer_id), after, page.limit + 1)
    shown = rows[: page.limit]
    parts = await call.store.read_many(ENTITLEMENTS, [row["stream_id"] for row in shown]) if shown else []
    more = (str(shown[-1]["stream_id"]),) if len(rows) > page.limit else None
    return await call.page([entitlement_answer(part, call.now) for part in parts], more, page.limit)


@router.post("/v1/entitlements/{entitlement_id}/revocation", **command(EntitlementAnswer))
async def revoke_entitlement(entitlement_id: UUID, body: RevocationBody, call: Admin) -> Answer:
    """Take a right back. Tickets keep the priority that it gave them."""
    done = await call.store.handle(
        ENTITLEMENTS, entitlement_id, call.command(body), lambda known, _: entitlement.revoke(known, reason=body.reason, exception=body.exception)
    )
    return await call.answer(done, entitlement_answer(done.part, call.now))
