"""Who is this customer? Registering, reading and describing a contact."""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_events.identifiers import recognise
from crm_events.language.contacts import NeedRecorded, NoteAdded
from crm_events.store.store import Done
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts import profile
from crm_contacts.access import ReadOwn, Write, WriteOwn
from crm_contacts.answers import ContactAnswer, contact_answer
from crm_contacts.blocking import must_identify
from crm_contacts.bodies import Change, NeedBody, NoteBody, OwnerBody, PreferencesBody, Registration
from crm_contacts.cluster import cluster_of
from crm_contacts.contact import DETAILS, Contact, Window
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["contacts"])


async def written(call: Call, done: Done[Contact], *, created: str | None = None) -> Answer:
    """A command's answer: the contact it wrote, by its own id even where that was merged away."""
    return await call.answer(done, contact_answer(done.part, await cluster_of(call.store, done.part), call.now), created=created)


@router.post("/v1/contacts", **command(ContactAnswer))
async def register_contact(body: Registration, call: Write) -> Answer:
    """A person or organisation becomes known. 409 `identifier-taken`, if one of the identifiers is another contact's."""
    contact_id = body.id or uuid7()
    identifiers = [(uuid7(), recognise(item.kind, item.value, item.system, pointer=f"/identifiers/{place}")) for place, item in enumerate(body.identifiers)]
    await must_identify(call.store, [item for _, item in identifiers])
    done = await call.store.handle(
        CONTACTS,
        contact_id,
        call.command(body),
        lambda contact, _: profile.register(
            contact, contact_id=contact_id, kind=body.kind, type=body.type, roles=body.roles, name=body.name, language=body.language,
            time_zone=body.time_zone, source=body.source.source() if body.source else None, identifiers=identifiers,
        ),
    )  # fmt: skip
    return await written(call, done, created=f"/v1/contacts/{done.part.stream_id}")


@router.get("/v1/contacts/{contact_id}", **query(ContactAnswer))
async def get_contact(contact_id: UUID, call: ReadOwn) -> Answer:
    """The contact; for an id that was merged away, the survivor and a link to it."""
    call.own(contact_id)
    loaded = await call.store.read(CONTACTS, contact_id)
    profile.standing(loaded.state)
    cluster = await cluster_of(call.store, loaded)
    if cluster.root == contact_id:
        return await call.show(contact_answer(loaded, cluster, call.now), version=loaded.version)
    survivor = await call.store.read(CONTACTS, cluster.root)
    return await call.show(contact_answer(survivor, cluster, call.now), version=survivor.version, canonical=f"/v1/contacts/{cluster.root}")


@router.patch("/v1/contacts/{contact_id}", **command(ContactAnswer))
async def change_contact(contact_id: UUID, body: Change, call: WriteOwn) -> Answer:
    """Parts of the description are told anew; only what differs is news."""
    told = body.model_dump(mode="json", include=body.model_fields_set)
    details = {name: told[name] for name in DETAILS if name in told}
    kind, roles = (body.type if "type" in told else None), (body.roles if "roles" in told else None)
    done = await call.store.handle(
        CONTACTS, contact_id, call.command(body), lambda contact, _: profile.change_details(contact, details=details, type=kind, roles=roles)
    )
    return await written(call, done)


@router.put("/v1/contacts/{contact_id}/preferences", **command(ContactAnswer))
async def set_preferences(contact_id: UUID, body: PreferencesBody, call: WriteOwn) -> Answer:
    """How and when the contact would like to be reached. Whether we may is a matter of consent."""
    told = {name: getattr(body, name) for name in body.model_fields_set - {"occurred_at"}}
    if told.get("time_windows"):
        told["time_windows"] = [Window(tuple(each.days), each.starts, each.ends, each.time_zone) for each in body.time_windows or ()]
    if body.frequency_cap:
        told["frequency_cap"] = body.frequency_cap.count, body.frequency_cap.per_days
    done = await call.store.handle(CONTACTS, contact_id, call.command(body), lambda contact, _: profile.set_preferences(contact, told=told))
    return await written(call, done)


@router.put("/v1/contacts/{contact_id}/owner", **command(ContactAnswer))
async def assign_owner(contact_id: UUID, body: OwnerBody, call: Write) -> Answer:
    """Which agent looks after the contact."""
    done = await call.store.handle(CONTACTS, contact_id, call.command(body), lambda contact, _: profile.assign_owner(contact, agent_id=body.agent_id))
    return await written(call, done)


@router.post("/v1/contacts/{contact_id}/notes", **command(ContactAnswer))
async def add_note(contact_id: UUID, body: NoteBody, call: Write) -> Answer:
    """Something written down about the contact, to be read in its timeline."""
    note_id = uuid7()
    done = await call.store.handle(CONTACTS, contact_id, call.command(body), lambda contact, _: profile.add_note(contact, note_id=note_id, text=body.text))
    note = done.first(NoteAdded)
    return await written(call, done, created=f"/v1/contacts/{contact_id}/notes/{note.note_id}" if note else None)


@router.post("/v1/contacts/{contact_id}/needs", **command(ContactAnswer))
async def record_need(contact_id: UUID, body: NeedBody, call: Write) -> Answer:
    """Something the contact needs, in the company's own words."""
    need_id = uuid7()
    done = await call.store.handle(
        CONTACTS, contact_id, call.command(body), lambda contact, _: profile.record_need(contact, need_id=need_id, need=body.need, weight=body.weight)
    )
    need = done.first(NeedRecorded)
    return await written(call, done, created=f"/v1/contacts/{contact_id}/needs/{need.need_id}" if need else None)
