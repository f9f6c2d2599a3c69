"""What passed between this customer and us? Calls, visits, messages, each a fact of its own."""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_events.language.contacts import InteractionRecorded
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts.access import Read, Write
from crm_contacts.answers import InteractionAnswer, InteractionPage, interaction_answer
from crm_contacts.bodies import InteractionBody
from crm_contacts.cluster import clusters, must_stand
from crm_contacts.interaction import INTERACTIONS, record

router = APIRouter(tags=["interactions"])

_NEWEST = """
select stream_id, occurred_at from streams where type = 'interaction' and customer_id = any($1::uuid[])
and ($2::bigint is null or (occurred_at, stream_id) < ($2, $3::uuid)) order by occurred_at desc, stream_id desc limit $4
"""


@router.post("/v1/contacts/{contact_id}/interactions", **command(InteractionAnswer))
async def record_interaction(contact_id: UUID, body: InteractionBody, call: Write) -> Answer:
    """One contact between the customer and us, whenever it was."""
    await must_stand(call.store, contact_id)
    interaction_id = body.id or uuid7()
    event = InteractionRecorded(interaction_id=interaction_id, **body.model_dump(exclude={"id", "occurred_at"}, exclude_none=True))
    done = await call.store.handle(INTERACTIONS, interaction_id, call.command(body), lambda known, _: record(known, event), key=contact_id)
    path = f"/v1/contacts/{contact_id}/interactions/{done.part.stream_id}"
    return await call.answer(done, interaction_answer(done.part), created=path)


@router.get("/v1/contacts/{contact_id}/interactions", **query(InteractionPage))
async def list_interactions(contact_id: UUID, call: Read, page: Paging) -> Answer:
    """Those of every contact that is this customer, newest first."""
    await must_stand(call.store, contact_id)
    members = (await clusters(call.store, [contact_id]))[contact_id].members
    moment, last = page.after or (None, None)
    rows = await call.store.pool.fetch(_NEWEST, members, moment, UUID(last) if last else None, page.limit + 1)
    shown = rows[: page.limit]
    loaded = await call.store.read_many(INTERACTIONS, [row["stream_id"] for row in shown])
    more = [shown[-1]["occurred_at"], shown[-1]["stream_id"]] if len(rows) > page.limit else None
    return await call.page([interaction_answer(each) for each in loaded], more, page.limit)
