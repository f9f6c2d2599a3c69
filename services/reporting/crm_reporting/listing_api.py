"""Which routes list customers, and find one by a name or an identifier?"""

from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Body
from crm_chassis.call import Call, caller
from crm_chassis.operations import query
from crm_chassis.paging import PageOf, Paging
from crm_events.identifiers import Kind, recognise, scope
from crm_events.text import search_term
from crm_events.text import words as words_of
from fastapi import APIRouter, Query, Security
from pydantic import Field, model_validator

from crm_reporting.answers import SummaryItem
from crm_reporting.applied import COMPOSER, INDEX, Applied
from crm_reporting.asking import misfit, words
from crm_reporting.audit import note_access
from crm_reporting.fresh import Freshness, wait_for_tokens
from crm_reporting.index import WORD, term
from crm_reporting.listing import SEGMENTS, SORTS, Wanted, page
from crm_reporting.reading import Reader
from crm_reporting.timeline import end

router = APIRouter(tags=["customers"])
Read = Annotated[Call, Security(caller, scopes=["reporting:read"])]
Words = Annotated[str | None, Query(max_length=2000)]
PATIENCE = 10.0  # seconds a list waits for a connection


class IdentifierAsked(Body):
    """An identifier in any spelling."""

    kind: Kind
    value: str = Field(min_length=1, max_length=400)
    system: str | None = Field(default=None, min_length=1, max_length=120)


class LookupBody(Body):
    """Either an identifier, or words of a name (or their beginnings, three letters and more; all must match)."""

    identifier: IdentifierAsked | None = None
    name: str | None = Field(default=None, min_length=1, max_length=400)

    @model_validator(mode="after")
    def _one_of_both(self) -> "LookupBody":
        if (self.identifier is None) == (self.name is None):
            raise ValueError("Ask by identifier or by name.")
        return self


@router.get("/v1/customers", **query(PageOf[SummaryItem], awaits=True))
async def list_customers(
    call: Read,
    paging: Paging,
    segment: Words = None,
    tier: Words = None,
    type: Words = None,  # noqa: A002  the parameter's name
    open_tickets: Annotated[int | None, Query(ge=0, le=1_000_000, description="at least so many")] = None,
    sla_state: Words = None,
    sort: Annotated[str, Query(max_length=40)] = "-last_contact_at",
) -> Answer:
    """Customers by filters, sorted by `sort` (`-` first for the greatest first)."""
    wanted = Wanted(
        words(segment, "segment", allowed=SEGMENTS),
        words(tier, "tier"),
        words(type, "type", allowed=("external_potential", "external_actual", "internal", "intermediary")),
        open_tickets,
        words(sla_state, "sla_state", allowed=("running", "paused", "breached")),
    )
    if sort.removeprefix("-") not in SORTS:
        raise misfit("sort", "unknown", f"Sort by one of: {', '.join(SORTS)}.")
    return await _page(call, paging, wanted, sort)


@router.post("/v1/customers/lookup", **query(PageOf[SummaryItem], lookup=True, awaits=True))
async def lookup_customers(body: LookupBody, call: Read, paging: Paging) -> Answer:
    """Who has this identifier, or a name with these words? Personal data stays out of the URL."""
    key = call.chassis.index_key
    if body.identifier is not None:
        found = recognise(body.identifier.kind, body.identifier.value, body.identifier.system, pointer="/identifier")
        hashes = [term(key, scope(found.kind, found.system), found.normalised)]
    else:
        hashes = [term(key, WORD, search_term(word)) for word in words_of(body.name or "")]
    return await _page(call, paging, Wanted(terms=hashes), "customer_id") if hashes else await call.page([], None, paging.limit)


async def _page(call: Call, paging: Paging, wanted: Wanted, sort: str) -> Answer:
    fresh = await _listed(call, await wait_for_tokens(call))
    reader: Reader = call.state.reader
    build = await reader.build()
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:
        items, following = await page(
            connection, build, wanted, sort=sort.removeprefix("-"), descending=sort.startswith("-"), after=paging.after, limit=paging.limit, now=call.now
        )
    if call.may_see_personal:
        for item in items:
            await note_access(call, UUID(item["customer_id"]))
    return await call.page(items, following, paging.limit, headers=fresh.headers())


async def _listed(call: Call, fresh: Freshness) -> Freshness:
    """A token's write is in the journal; a list shows it once the composer has come to where the journal is now, and a lookup once its terms are entered."""
    if not fresh.wanted or not fresh.reached:
        return fresh
    applied: Applied = call.state.applied
    reader: Reader = call.state.reader
    indexed = max((position for (source, _), position in fresh.wanted.items() if source == "contacts"), default=0)
    return await fresh.also(applied, {COMPOSER: await end(reader.pool), INDEX: indexed})
