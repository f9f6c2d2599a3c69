"""Which routes answer who a customer is, as things stand and as they stood?"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Moment
from crm_chassis.call import Call, caller
from crm_chassis.operations import query
from crm_chassis.paging import PageOf, Paging
from crm_events.refusals import Invalid
from fastapi import APIRouter, Query, Security

from crm_reporting import timeline
from crm_reporting.answers import CustomerView, TimelineItem
from crm_reporting.asking import words
from crm_reporting.audit import note_access
from crm_reporting.compose import SECTIONS
from crm_reporting.documents import SHAPES
from crm_reporting.fresh import wait_for_tokens
from crm_reporting.reading import Known, Reader, etag

router = APIRouter(tags=["customers"])
Read = Annotated[Call, Security(caller, scopes=["reporting:read", "self"])]
Words = Annotated[str | None, Query(max_length=2000)]
When = Annotated[Moment | None, Query()]


@router.get("/v1/customers/{customer_id}", **query(CustomerView, awaits=True))
async def get_customer(customer_id: UUID, call: Read, fields: Words = None, as_of: When = None, known_at: When = None) -> Answer:
    """The unified view of a customer, of any id any source has an event of; `as_of`: only what had happened, `known_at`: only what was recorded."""
    call.own(customer_id)
    wanted = words(fields, "fields", allowed=SECTIONS)
    fresh = await wait_for_tokens(call)
    reader: Reader = call.state.reader
    known = await _known(reader, customer_id, call.now, as_of, known_at)
    shown = await reader.shown(known, wanted)
    name = etag(shown, wanted, as_of, known_at, call.may_see_personal)
    await note_access(call, customer_id)
    return await call.show(
        shown | {"customer_id": str(customer_id), "etag": name},
        version=name,
        canonical=_canonical(customer_id, known),
        headers=fresh.headers(known.parked, follows=known.follows),
    )


@router.get("/v1/customers/{customer_id}/timeline", **query(PageOf[TimelineItem], awaits=True))
async def get_timeline(
    customer_id: UUID,
    call: Read,
    paging: Paging,
    types: Words = None,
    channel: Words = None,
    source: Words = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
) -> Answer:
    """Every touchpoint of the customer and of the ids merged with theirs, newest `occurred_at` first; `to` is not included."""
    call.own(customer_id)
    sources = words(source, "source", allowed=SHAPES)
    fresh = await wait_for_tokens(call)
    reader: Reader = call.state.reader
    known = await reader.now(customer_id, call.now)
    wanted = timeline.Filter(words(types, "types") or None, sources or None, words(channel, "channel") or None, since, until)
    after = (datetime.fromisoformat(paging.after[0]), int(paging.after[1])) if paging.after else None
    items, following = await timeline.page(reader.pool, known.cluster.members, wanted, after, paging.limit)
    await note_access(call, customer_id)
    # The timeline is the journal's: events that wait for an operator are in it, so a parked customer's is current.
    return await call.page(items, (following[0].isoformat(), following[1]) if following else None, paging.limit, headers=fresh.headers())


async def _known(reader: Reader, customer_id: UUID, now: datetime, as_of: datetime | None, known_at: datetime | None) -> Known:
    if as_of is None and known_at is None:
        return await reader.now(customer_id, now, two_way=True)
    for name, moment in (("as_of", as_of), ("known_at", known_at)):
        if moment is not None and moment > now:
            raise Invalid(f"?{name}", "in-the-future", "Ask about a moment that has passed.")
    known = known_at or now
    return await reader.then(customer_id, as_of=as_of or known, known_at=known)


def _canonical(customer_id: UUID, known: Known) -> str | None:
    return f"/v1/customers/{known.cluster.root}" if known.cluster.root != str(customer_id) else None
