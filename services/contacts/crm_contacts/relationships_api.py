"""How do this customer and others stand to each other? Households, employers, dealers, who referred whom."""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_events.refusals import Gone, Invalid, NotFound
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts.access import Read, Write
from crm_contacts.answers import RelationshipAnswer, RelationshipPage, relationship_answer
from crm_contacts.bodies import RelationshipBody
from crm_contacts.cluster import clusters, must_stand
from crm_contacts.relationship import RELATIONSHIPS, link, unlink

router = APIRouter(tags=["relationships"])

_OPEN = """
select stream_id from streams where type = 'relationship' and open and (customer_id = any($1::uuid[]) or other_id = any($1::uuid[]))
and ($2::uuid is null or stream_id > $2) order by stream_id limit $3
"""


@router.post("/v1/contacts/{contact_id}/relationships", **command(RelationshipAnswer))
async def link_relationship(contact_id: UUID, body: RelationshipBody, call: Write) -> Answer:
    """The contact stands in this relation to another. 409 `already-exists`, while the same two are linked so."""
    await must_stand(call.store, contact_id)
    try:
        await must_stand(call.store, body.other_id)
    except (NotFound, Gone):
        raise Invalid("/other_id", "unknown", "There is no contact of this id; register it first.") from None
    relationship_id = body.id or uuid7()
    done = await call.store.handle(
        RELATIONSHIPS,
        relationship_id,
        call.command(body),
        lambda known, _: link(known, relationship_id=relationship_id, customer_id=contact_id, kind=body.kind, other_id=body.other_id),
        key=contact_id,
    )
    path = f"/v1/contacts/{contact_id}/relationships/{done.part.stream_id}"
    return await call.answer(done, relationship_answer(done.part), created=path)


@router.delete("/v1/contacts/{contact_id}/relationships/{relationship_id}", **command(RelationshipAnswer))
async def unlink_relationship(contact_id: UUID, relationship_id: UUID, call: Write) -> Answer:
    """The relation has ended; it stays in both timelines."""
    known = await call.store.read(RELATIONSHIPS, relationship_id)
    if not known.version or contact_id not in (known.customer_id, known.state.other_id):
        raise NotFound("The contact has no relationship of this id.")
    done = await call.store.handle(RELATIONSHIPS, relationship_id, call.command(), lambda relationship, _: unlink(relationship))
    return await call.answer(done, relationship_answer(done.part))


@router.get("/v1/contacts/{contact_id}/relationships", **query(RelationshipPage))
async def list_relationships(contact_id: UUID, call: Read, page: Paging) -> Answer:
    """Those that last, of every contact that is this customer, from either side."""
    await must_stand(call.store, contact_id)
    members = (await clusters(call.store, [contact_id]))[contact_id].members
    rows = await call.store.pool.fetch(_OPEN, members, UUID(page.after[0]) if page.after else None, page.limit + 1)
    ids = [row["stream_id"] for row in rows[: page.limit]]
    loaded = await call.store.read_many(RELATIONSHIPS, ids)
    return await call.page([relationship_answer(each) for each in loaded], [ids[-1]] if len(rows) > page.limit else None, page.limit)
