"""How does a customer ask to be forgotten, and how far is it?"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_events.language.contacts import ContactEvent, PrivacyErased, PrivacyErasureRequested
from crm_events.refusals import KeptMoving, NotFound
from crm_events.store.store import TRIES, EventStore, Target
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts import erasure
from crm_contacts.access import Privacy
from crm_contacts.answers import ErasureAnswer
from crm_contacts.bodies import ErasureBody
from crm_contacts.cluster import clusters
from crm_contacts.contact import Contact
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["privacy"])

_MEMBERS = """
select s.stream_id, s.erasing, s.merged_into, d.customer_id is not null as destroyed
from streams s left join destroyed_key d on d.customer_id = s.stream_id where s.erasure = $1 order by s.stream_id
"""


@router.post("/v1/privacy/erasures", **command(ErasureAnswer))
async def request_erasure(body: ErasureBody, call: Privacy) -> Answer:
    """From now on nothing personal of this customer, in whichever contact, can be written or read; the keys are destroyed within a minute."""
    request_id, told = uuid7(), call.command(body)
    for _ in range(TRIES):
        members = (await clusters(call.store, [body.customer_id]))[body.customer_id].members
        ids = [body.customer_id, *(member for member in members if member != body.customer_id)]
        try:
            done = await call.store.handle_all(told, [Target(CONTACTS, each) for each in ids], partial(_decide, ids, request_id))
        except erasure.NotWhole:
            continue
        found = done.part.state.erasure
        return await call.answer(done, await _erasure(call.store, found), created=f"/v1/privacy/erasures/{found}")
    raise KeptMoving("Contacts kept being merged with this customer. Send the request again.")


def _decide(ids: Sequence[UUID], request_id: UUID, states: Sequence[Contact], _: datetime) -> list[list[ContactEvent]]:
    if states[0].registered_at is None:
        raise NotFound("There is no contact of this id.")
    return erasure.request_erasure(dict(zip(ids, states, strict=True)), request_id=request_id)


@router.get("/v1/privacy/erasures/{erasure_id}", **query(ErasureAnswer))
async def get_erasure(erasure_id: UUID, call: Privacy) -> Answer:
    """How far it is."""
    return await call.show(await _erasure(call.store, erasure_id))


async def _erasure(store: EventStore, erasure_id: UUID) -> ErasureAnswer:
    rows = await store.pool.fetch(_MEMBERS, erasure_id)
    if not rows:
        raise NotFound("There is no erasure of this id.")
    state = "erased" if not any(row["erasing"] for row in rows) else "destroying" if all(row["destroyed"] for row in rows) else "requested"
    root = next((row["stream_id"] for row in rows if row["merged_into"] is None), rows[0]["stream_id"])
    facts = [each.fact for each in await store.history(CONTACTS, root)]
    return ErasureAnswer(
        id=erasure_id,
        state=state,
        customer_id=root,
        member_ids=[row["stream_id"] for row in rows],
        requested_at=next(fact.occurred_at for fact in facts if isinstance(fact.event, PrivacyErasureRequested)),
        erased_at=next((fact.occurred_at for fact in facts if isinstance(fact.event, PrivacyErased)), None) if state == "erased" else None,
    )
