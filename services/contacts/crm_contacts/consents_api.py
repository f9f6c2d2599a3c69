"""May we write to this customer? What they said, and what follows from it."""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_events.language.consent import ConsentChannel, ConsentPurpose
from fastapi import APIRouter

from crm_contacts import consents, permission
from crm_contacts.access import Read, WriteOwn
from crm_contacts.answers import ContactAnswer, DecidingAnswer, DecisionAnswer
from crm_contacts.bodies import ConsentBody, ConsentQuestion
from crm_contacts.cluster import members_now, members_then
from crm_contacts.contacts_api import written
from crm_contacts.profile import standing
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["consents"])


@router.put("/v1/contacts/{contact_id}/consents/{purpose}/{channel}", **command(ContactAnswer))
async def set_consent(contact_id: UUID, purpose: ConsentPurpose, channel: ConsentChannel, body: ConsentBody, call: WriteOwn) -> Answer:
    """The contact's latest word on this purpose and channel, or on one contact point of it."""
    word = consents.Word(purpose, channel, **body.model_dump(exclude={"occurred_at"}))
    told = body.occurred_at is not None
    done = await call.store.handle(
        CONTACTS, contact_id, call.command(body), lambda contact, now: consents.set_consent(contact, word=word, said_at=now, told=told)
    )
    return await written(call, done)


@router.post("/v1/consents/check", **query(DecisionAnswer, lookup=True))
async def check_consent(body: ConsentQuestion, call: Read) -> Answer:
    """Allow or deny over all contacts that are this customer, and the events that decide it. Keep `decision_id` with what is sent."""
    standing((await call.store.read(CONTACTS, body.customer_id)).state)
    now, at = call.now, body.at or call.now
    cluster = await (members_now(call.store, body.customer_id) if at >= now else members_then(call.store, body.customer_id, at))
    decision = permission.decide(cluster, (body.purpose, body.channel, body.identifier_id), at)
    because = [
        DecidingAnswer(event_id=each.said.event_id, status=each.status(at), purpose=each.key[0], channel=each.key[1], identifier_id=each.key[2])
        for each in decision.because
    ]
    return await call.show(DecisionAnswer(decision=decision.answer, decision_id=decision.id(body.model_dump_json()), because=because))
