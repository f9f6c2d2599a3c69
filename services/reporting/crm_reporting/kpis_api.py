"""Which routes answer figures, and the facts behind them?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import asyncpg
from crm_chassis.answer import Answer
from crm_chassis.body import Moment
from crm_chassis.call import Call, caller
from crm_chassis.operations import query
from crm_chassis.paging import PageOf, Paging
from crm_events.event import Instant
from crm_events.lease import Connection
from crm_events.refusals import NotFound
from fastapi import APIRouter, Query, Security
from pydantic import BaseModel, ConfigDict, Field

from crm_reporting.asking import misfit, words
from crm_reporting.fresh import wait_for_tokens
from crm_reporting.kpis import asking
from crm_reporting.kpis.asking import Asked
from crm_reporting.kpis.catalogue import KPIS
from crm_reporting.listing import SEGMENTS
from crm_reporting.reading import Reader

router = APIRouter(tags=["kpis"])
Read = Annotated[Call, Security(caller, scopes=["reporting:read"])]
Words = Annotated[str | None, Query(max_length=400)]
Since = Annotated[Moment | None, Query(alias="from", description="the period's start; default 365 days before its end")]
Until = Annotated[Moment | None, Query(alias="to", description="the period's end, not included; default now")]
Version = Annotated[int | None, Query(ge=1, le=1000)]
YEAR = timedelta(days=365)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
PATIENCE = 10.0  # seconds a figure waits for a connection


class KpiItem(BaseModel):
    """A figure that can be asked for. `by`: the groupings it knows."""

    name: str
    number: str
    unit: str
    definition_version: int
    meaning: str
    by: list[str]


class GroupPart(BaseModel):
    """The figure of one group."""

    model_config = ConfigDict(extra="allow")

    key: str | None
    value: float | None
    numerator: float | None
    denominator: float | None
    null_reason: str | None


class FigureAnswer(BaseModel):
    """A figure with what it counted. `value` is null, with the reason, when there is nothing to divide by."""

    model_config = ConfigDict(extra="allow")

    name: str
    number: str
    value: float | None
    numerator: float | None
    denominator: float | None
    unit: str
    definition_version: int
    since: Instant = Field(alias="from")
    until: Instant = Field(alias="to")
    as_of: Instant
    input_event_count: int
    null_reason: str | None
    groups: list[GroupPart]
    more_groups: bool


class EvidenceItem(BaseModel):
    """One fact that was counted, with what the figure takes from it."""

    model_config = ConfigDict(extra="allow")

    event_id: UUID
    source: str
    position: int
    occurred_at: Instant
    recorded_at: Instant
    customer_id: UUID | None


@router.get("/v1/kpis", **query(PageOf[KpiItem]))
async def list_kpis(call: Read, paging: Paging) -> Answer:
    """The catalogue of figures."""
    names = sorted(KPIS, key=lambda name: int(KPIS[name].number[1:]))
    left = [name for name in names if not paging.after or int(KPIS[name].number[1:]) > paging.after[0]]
    shown = left[: paging.limit]
    items = [
        KpiItem(name=kpi.name, number=kpi.number, unit=kpi.unit, definition_version=kpi.version, meaning=kpi.meaning, by=list(kpi.by))
        for kpi in (KPIS[name] for name in shown)
    ]
    return await call.page(items, [int(KPIS[shown[-1]].number[1:])] if len(left) > paging.limit else None, paging.limit)


@router.get("/v1/kpis/{name}", **query(FigureAnswer, awaits=True))
async def get_kpi(
    name: str, call: Read, since: Since = None, until: Until = None, by: Words = None, segment: Words = None, definition_version: Version = None
) -> Answer:
    """A figure over a period, with numerator, denominator and how many events it rests on."""
    asked = _asked(call, name, since, until, by, segment, definition_version)
    fresh = await wait_for_tokens(call)
    reader: Reader = call.state.reader
    build = await reader.build()
    async with _snapshot(call.state.wide) as connection:
        answer = await asking.figure(connection, build, asked)
    return await call.show(answer, headers=fresh.headers())


@router.get("/v1/kpis/{name}/evidence", **query(PageOf[EvidenceItem], awaits=True))
async def get_kpi_evidence(
    name: str, call: Read, paging: Paging, since: Since = None, until: Until = None, by: Words = None, segment: Words = None, definition_version: Version = None
) -> Answer:
    """The facts a figure counted, each with its event. Asked with the same parameters, it is the same facts; the pages go on with the first one's moment."""
    asked = _asked(call, name, since, until, by, segment, definition_version)
    if paging.after:
        start, end, known_at = (datetime.fromisoformat(moment) for moment in paging.after[3:])
        asked = replace(asked, start=start, end=end, known_at=known_at)
    fresh = await wait_for_tokens(call)
    reader: Reader = call.state.reader
    build = await reader.build()
    async with _snapshot(call.state.wide) as connection:
        items, following = await asking.evidence(connection, build, asked, paging.after, paging.limit)
    key = [*following, *(moment.isoformat() for moment in (asked.start, asked.end, asked.known_at))] if following else None
    return await call.page(items, key, paging.limit, headers=fresh.headers())


@asynccontextmanager
async def _snapshot(pool: asyncpg.Pool) -> AsyncIterator[Connection]:
    """A connection whose queries all see the same moment. Tables that were filled a minute ago have no statistics: a loop over them could take minutes."""
    async with pool.acquire(timeout=PATIENCE) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("set local enable_nestloop = off")
        yield connection


def _asked(call: Call, name: str, since: datetime | None, until: datetime | None, by: str | None, segment: str | None, version: int | None) -> Asked:
    kpi = KPIS.get(name)
    if kpi is None:
        raise NotFound("There is no figure of this name; GET /v1/kpis lists them.")
    if version not in (None, kpi.version):
        raise misfit("definition_version", "unknown", f"This figure is defined in version {kpi.version}.")
    if by is not None and by not in kpi.by:
        raise misfit("by", "unknown", f"This figure can be told by: {', '.join(kpi.by) or 'nothing'}.")
    now = call.now
    end = until or now
    if end < EARLIEST + YEAR:
        raise misfit("to", "range", "Ask about a later period.")
    start = since or end - YEAR
    if start < EARLIEST:
        raise misfit("from", "range", "Ask about a later period.")
    if start >= end:
        raise misfit("from", "order", "The period must begin before it ends.")
    return Asked(kpi, start, end, now, by, words(segment, "segment", allowed=SEGMENTS))
