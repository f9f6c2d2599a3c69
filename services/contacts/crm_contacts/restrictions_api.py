"""How does a customer ask that what we know of them be kept, and not used?"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_events.language.contacts import ContactEvent
from crm_events.language.privacy import PrivacyRestricted
from crm_events.refusals import KeptMoving, NotFound
from crm_events.store.store import TRIES, EventStore, Target
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts.access import Privacy
from crm_contacts.bodies import RestrictionBody
from crm_contacts.cluster import clusters
from crm_contacts.contact import Contact
from crm_contacts.erasure import NotWhole, must_be_whole
from crm_contacts.privacy_shapes import RestrictionAnswer
from crm_contacts.profile import standing
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["privacy"])

_OF = "select stream_id from streams where restriction = $1 order by stream_id"


@router.post("/v1/privacy/restrictions", **command(RestrictionAnswer))
async def restrict_use(body: RestrictionBody, call: Privacy) -> Answer:
    """From now on `consents/check` says deny to every question, and messages and surveys are held back; reading, and what the customer does, goes on.

    Asked for while it holds, the same restriction is answered; lifted, the answer names the one that was. Nothing to lift: 404.
    """
    request_id, told = uuid7(), call.command(body)
    for _ in range(TRIES):
        members = (await clusters(call.store, [body.customer_id]))[body.customer_id].members
        ids = [body.customer_id, *(member for member in members if member != body.customer_id)]
        try:
            done = await call.store.handle_all(told, [Target(CONTACTS, each) for each in ids], partial(_decide, ids, request_id, body.restricted))
        except NotWhole:
            continue
        held = [part.state.restriction for part in done.parts if part.state.restriction]
        shown = await _restriction(call.store, held[0].request_id)
        return await call.answer(done, shown, created=f"/v1/privacy/restrictions/{shown.id}" if body.restricted else None)
    raise KeptMoving("Contacts kept being merged with this customer. Send the request again.")


@router.get("/v1/privacy/restrictions/{restriction_id}", **query(RestrictionAnswer))
async def get_restriction(restriction_id: UUID, call: Privacy) -> Answer:
    """Whether it holds. A customer's latest restriction is found, until they are forgotten."""
    return await call.show(await _restriction(call.store, restriction_id))


def restrict(members: Mapping[UUID, Contact], *, request_id: UUID, restricted: bool, at: datetime) -> list[list[ContactEvent]]:
    """Each contact's events, in order: none for one of which it is true already. Raises NotWhole; NotFound where there is nothing to lift.

    Told late, after it was lifted of one contact, it is told of no contact that it was never said of: the customer had lifted it.
    """
    must_be_whole(members)
    late = any(contact.restriction and contact.restriction.at > at for contact in members.values())
    held = {member: contact.restriction for member, contact in members.items() if contact.restriction and contact.restriction.holds}
    if restricted:
        same = next((each.request_id for each in held.values()), request_id)
        told = PrivacyRestricted(request_id=same, restricted=True)
        return [[] if member in held or (late and not contact.restriction) else [told] for member, contact in members.items()]
    if not held and not any(contact.restriction for contact in members.values()):
        raise NotFound("Nothing about this customer is restricted.")
    return [[PrivacyRestricted(request_id=held[member].request_id, restricted=False)] if member in held else [] for member in members]


def _decide(ids: Sequence[UUID], request_id: UUID, restricted: bool, states: Sequence[Contact], at: datetime) -> list[list[ContactEvent]]:
    standing(states[0])
    return restrict(dict(zip(ids, states, strict=True)), request_id=request_id, restricted=restricted, at=at)


async def _restriction(store: EventStore, request_id: UUID) -> RestrictionAnswer:
    members = [row["stream_id"] for row in await store.pool.fetch(_OF, request_id)]
    if not members:
        raise NotFound("There is no restriction of this id.")
    found = [part.state.restriction for part in await store.read_many(CONTACTS, members)]
    held = [each for each in found if each and each.request_id == request_id]
    root = (await clusters(store, members[:1]))[members[0]].root
    return RestrictionAnswer(
        id=request_id, customer_id=root, member_ids=members, restricted=any(each.holds for each in held), since=max(each.at for each in held)
    )
