"""Whose e-mail is this, and which contact has that name? Identifiers, and finding contacts by them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import MOST, Paging
from crm_events import text
from crm_events.identifiers import Recognised, recognise
from crm_events.language.contacts import ContactIdentifierAdded
from crm_events.refusals import Invalid
from crm_events.sealing import open_tree, sealed_key_ids
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts import identification
from crm_contacts.access import Read, Write, WriteOwn
from crm_contacts.answers import ContactAnswer, ContactPage, contact_answer
from crm_contacts.blocking import must_identify
from crm_contacts.bodies import BlockingBody, IdentifierAddition, Lookup, Verification
from crm_contacts.cluster import clusters
from crm_contacts.contact import Contact
from crm_contacts.contacts_api import written
from crm_contacts.profile import standing
from crm_contacts.streams import CONTACTS

router = APIRouter(tags=["identifiers"])

_NAMED = """
select holder from claims where hash = any($1::bytea[]) and scope like 'word:%' and ($2::uuid is null or holder > $2)
group by holder having count(distinct hash) = cardinality($1::bytea[]) order by holder limit $3
"""
# Its one holder, or those who share it: a claim of a kind that may be shared is within its stream.
_HOLDERS = "select distinct holder from claims where hash = $2 and (scope = $1 or scope = $1 || ':' || holder::text) order by holder limit $3"


@router.post("/v1/contacts/lookup", **query(ContactPage, lookup=True))
async def lookup_contacts(body: Lookup, call: Read, page: Paging) -> Answer:
    """Contacts by identifier or name. A page can be short, even empty, and still have a next one: some of its candidates did not match."""
    if body.identifier:
        item = recognise(body.identifier.kind, body.identifier.value, body.identifier.system, pointer="/identifier")
        found, last = await _known_by(call.store, item), None
    else:
        found, last = await _named(call, body.name or "", page.after, page.limit)
    customers = {each.root: each for each in (await clusters(call.store, found)).values()}
    roots = await call.store.read_many(CONTACTS, list(customers))
    shown = [contact_answer(each, customers[each.stream_id], call.now) for each in roots if each.version and each.state.erasure is None]
    return await call.page(shown, [last] if last else None, page.limit)


async def _known_by(store: EventStore, item: Recognised) -> list[UUID]:
    rows = await store.pool.fetch(_HOLDERS, item.scope, store.hash(item.normalised), MOST)
    return [row["holder"] for row in rows]


async def _named(call: Call, name: str, after: Sequence[Any] | None, limit: int) -> tuple[list[UUID], UUID | None]:
    asked = text.words(name)
    if not asked:
        raise Invalid("/name", "no-words", "Name at least one word, or its first three letters.")
    hashes = sorted({call.store.hash(text.search_term(word)) for word in asked})
    rows = await call.store.pool.fetch(_NAMED, hashes, UUID(after[0]) if after else None, limit + 1)
    candidates = [row["holder"] for row in rows[:limit]]
    loaded = await call.store.read_many(CONTACTS, candidates)
    names = await _opened_names(call, loaded)
    return [each.stream_id for each, known in zip(loaded, names, strict=True) if text.matches(known, asked)], candidates[-1] if len(rows) > limit else None


async def _opened_names(call: Call, loaded: Sequence[Loaded[Contact]]) -> list[str]:
    """The names as they are now: the index also knows former ones, and beginnings of six letters only."""
    sealed = [each.state.name or "" for each in loaded]
    names, _ = open_tree(sealed, await call.store.vault.keys_for_reading(sealed_key_ids(sealed)))
    return [name or "" for name in names]


@router.post("/v1/contacts/{contact_id}/identifiers", **command(ContactAnswer))
async def add_identifier(contact_id: UUID, body: IdentifierAddition, call: WriteOwn) -> Answer:
    """The contact is known by one more. 409 `identifier-taken`, if it is another's: perhaps the two are one customer."""
    identifier_id, item = body.id or uuid7(), recognise(body.kind, body.value, body.system)
    await must_identify(call.store, [item])
    done = await call.store.handle(
        CONTACTS, contact_id, call.command(body), lambda contact, _: identification.add_identifier(standing(contact), identifier_id=identifier_id, item=item)
    )
    added = done.first(ContactIdentifierAdded)
    return await written(call, done, created=f"/v1/contacts/{contact_id}/identifiers/{added.identifier_id}" if added else None)


@router.delete("/v1/contacts/{contact_id}/identifiers/{identifier_id}", **command(ContactAnswer))
async def remove_identifier(contact_id: UUID, identifier_id: UUID, call: Write) -> Answer:
    """It no longer leads to this contact, and may become another's."""
    done = await call.store.handle(
        CONTACTS, contact_id, call.command(), lambda contact, _: identification.remove_identifier(standing(contact), identifier_id=identifier_id)
    )
    return await written(call, done)


@router.put("/v1/contacts/{contact_id}/identifiers/{identifier_id}/blocking", **command(ContactAnswer))
async def block_identifier(contact_id: UUID, identifier_id: UUID, body: BlockingBody, call: Write) -> Answer:
    """It identifies nobody any more, this contact or another: nobody is found or written to by it, and nobody can be given it."""
    done = await call.store.handle(
        CONTACTS,
        contact_id,
        call.command(body),
        lambda contact, _: identification.block_identifier(standing(contact), identifier_id=identifier_id, rule=body.rule),
    )
    return await written(call, done)


@router.put("/v1/contacts/{contact_id}/identifiers/{identifier_id}/verification", **command(ContactAnswer))
async def verify_identifier(contact_id: UUID, identifier_id: UUID, body: Verification, call: Write) -> Answer:
    """The contact has shown that it is theirs."""
    done = await call.store.handle(
        CONTACTS,
        contact_id,
        call.command(body),
        lambda contact, _: identification.verify_identifier(standing(contact), identifier_id=identifier_id, method=body.method),
    )
    return await written(call, done)
