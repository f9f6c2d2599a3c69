"""Which routes let an operator see whether anything is late, stuck or lost, and mend it?"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
import structlog
from crm_chassis.answer import Answer
from crm_chassis.body import Body, Resource
from crm_chassis.call import Call, caller
from crm_chassis.openapi import problems
from crm_chassis.operations import query
from crm_chassis.paging import PageOf, Paging
from crm_events.event import Instant, utc_text
from crm_events.refusals import NotFound
from fastapi import APIRouter, Query, Security
from pydantic import Field

from crm_reporting import builds
from crm_reporting.parking import drain, drop_event, parked
from crm_reporting.progress import lag, rebuild_progress
from crm_reporting.projector_process import GROUP
from crm_reporting.reading import Reader
from crm_reporting.rebuild import begin
from crm_reporting.reconciling import reconcile
from crm_reporting.settings import ReportingSettings

router = APIRouter(tags=["operations"])
Read = Annotated[Call, Security(caller, scopes=["ops:read"])]
Write = Annotated[Call, Security(caller, scopes=["ops:write"])]
DONE: dict[str, Any] = {"responses": problems(400, 401, 403, 404, 422, 503)}

log = structlog.get_logger(__name__)


class PartitionLag(Resource):
    """One partition: the next offset, the last position taken, and how far behind."""

    source: str
    partition: int
    next: int
    last: int
    lag_events: int | None
    lag_seconds: float | None
    recorded_at: Instant | None
    broken: str | None


class ProjectionAnswer(Resource):
    """`behind`: events that wait in all partitions; `broken`: partitions that stand still; `composer_behind`: journal rows not yet in lists and the feed."""

    build: str
    behind: int | None
    broken: int
    parked: int
    composer_behind: int
    partitions: list[PartitionLag]


class ReconciliationAnswer(Resource):
    """The last comparison. `equal`: nothing is lost or doubled anywhere."""

    at: Instant
    equal: bool
    sources: list[dict[str, Any]]


class RebuildAnswer(Resource):
    """A build on its way: `state` building, ready, active, draining, retired or refused."""

    id: str
    state: str
    definition: str
    ranges: int
    ranges_done: int
    documents: int
    facts: int
    compared: dict[str, Any] | None
    switched: bool
    reason: str | None
    created_at: Instant
    ready_at: Instant | None
    switched_at: Instant | None


class ParkedItem(Resource):
    """A customer whose events of one source wait for an operator."""

    source: str
    customer_id: UUID
    reason: str
    event_id: UUID
    type: str
    position: int
    since: Instant
    attempts: int


class DrainAnswer(Resource):
    """`drained`: folded again from the journal; `failed`: it failed again; `not-parked`: nothing waited."""

    source: str
    customer_id: UUID
    outcome: str


class DropBody(Body):
    """Which event to leave out of every fold, and why."""

    event_id: UUID
    reason: str = Field(min_length=3, max_length=500)


@router.get("/v1/operations/projection", **query(ProjectionAnswer))
async def get_projection(call: Read) -> Answer:
    """How late the read model is, per partition and in all."""
    settings: ReportingSettings = call.state.settings
    reader: Reader = call.state.reader
    build = await reader.build()
    async with call.state.wide.acquire() as connection:
        partitions = await lag(connection, GROUP, settings.kafka_bootstrap_servers)
        marks = await connection.fetchval(f"select count(*) from {build}.parked")
        behind = await connection.fetchval(f"select coalesce((select max(id) from journal), 0) - (select cursor from {build}.composer)")
    known = [each["lag_events"] for each in partitions]
    whole = {"behind": None if None in known else sum(known), "broken": sum(each["broken"] is not None for each in partitions)}
    return await call.show({"build": build, **whole, "parked": marks, "composer_behind": behind, "partitions": partitions})


@router.get("/v1/operations/reconciliation", **query(ReconciliationAnswer))
async def get_reconciliation(call: Read, fresh: Annotated[bool, Query(description="compare now; reads every topic from its start")] = False) -> Answer:
    """Is anything lost or counted twice? The last comparison of store, topic and journal, or a new one."""
    settings: ReportingSettings = call.state.settings
    async with call.state.wide.acquire() as connection:
        row = None if fresh else await connection.fetchrow("select at, equal, report from reconciliation order by id desc limit 1")
        if row is None:
            await reconcile(connection, settings.kafka_bootstrap_servers, settings.stores)
            row = await connection.fetchrow("select at, equal, report from reconciliation order by id desc limit 1")
    return await call.show({"at": utc_text(row["at"]), "equal": row["equal"], "sources": orjson.loads(row["report"])})


@router.post("/v1/operations/rebuilds", response_model=RebuildAnswer, status_code=201, **DONE)
async def start_rebuild(call: Write) -> Answer:
    """Make the read model again from the journal, compare it, switch to it. One that is under way is answered again."""
    call.command()  # the key is asked for as of every POST; what makes this safe to repeat is that a rebuild under way is gone on with
    async with call.state.wide.acquire() as connection:
        name = (await begin(connection)).name
        made = await rebuild_progress(connection, name)
    tasks: set[asyncio.Task[None]] = call.state.rebuilds
    task = asyncio.create_task(_rebuild(name))  # a process of its own: folding millions of events must not keep views waiting
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    log.info("rebuild_asked", build=name, actor=call.actor)
    answer = await call.show(made or {})
    answer.status_code = 201
    answer.headers["Location"] = f"/v1/operations/rebuilds/{name}"
    return answer


@router.get("/v1/operations/rebuilds/{build}", **query(RebuildAnswer))
async def get_rebuild(build: str, call: Read) -> Answer:
    """How far a rebuild is, what was compared, and whether reads go to it."""
    async with call.state.wide.acquire() as connection:
        found = await rebuild_progress(connection, build)
    if found is None:
        raise NotFound("There is no build of this name.")
    return await call.show(found | {"compared": orjson.loads(found["compared"]) if found["compared"] else None})


@router.get("/v1/operations/parked", **query(PageOf[ParkedItem]))
async def list_parked(call: Read, paging: Paging) -> Answer:
    """Whose events wait, and why."""
    reader: Reader = call.state.reader
    after = {"after": (str(paging.after[0]), str(paging.after[1]))} if paging.after else {}
    async with call.state.wide.acquire() as connection:
        rows = await parked(connection, await reader.build(), limit=paging.limit + 1, **after)
    shown = rows[: paging.limit]
    items = [
        ParkedItem(source=r.source, customer_id=UUID(r.customer_id), reason=r.reason, event_id=UUID(r.event_id), type=r.type, position=r.position,
                   since=r.since, attempts=r.attempts) for r in shown
    ]  # fmt: skip
    return await call.page(items, [shown[-1].source, shown[-1].customer_id] if len(rows) > paging.limit else None, paging.limit)


@router.post("/v1/operations/parked/{source}/{customer_id}/retry", response_model=DrainAnswer, **DONE)
async def retry_parked(source: str, customer_id: UUID, call: Write) -> Answer:
    """Fold a parked customer again, from the journal."""
    call.command()
    async with _drainer(call) as (connection, build):
        back = await drain(connection, build, source, str(customer_id))
    return await _drained(call, source, customer_id, back)


@router.post("/v1/operations/parked/{source}/{customer_id}/drop", response_model=DrainAnswer, **DONE)
async def drop_parked(source: str, customer_id: UUID, body: DropBody, call: Write) -> Answer:
    """Leave one event out of every fold, for ever and with a reason, and fold its customer again. Its row in the journal stays."""
    call.command(body)
    async with _drainer(call) as (connection, build):
        back = await drop_event(connection, build, source, str(customer_id), str(body.event_id), reason=body.reason, by=call.actor)
    log.warning("event_dropped", source=source, event=str(body.event_id), actor=call.actor)
    return await _drained(call, source, customer_id, back)


@asynccontextmanager
async def _drainer(call: Call) -> AsyncIterator[tuple[asyncpg.Connection, str]]:
    """A connection and the build that is written."""
    async with call.state.wide.acquire() as connection:
        yield connection, (await builds.ensure_first(connection)).name


async def _drained(call: Call, source: str, customer_id: UUID, back: bool | None) -> Answer:
    if back is None:
        raise NotFound("Nothing of this customer and source waits, or there is no such event.")
    return await call.show({"source": source, "customer_id": str(customer_id), "outcome": "drained" if back else "failed"})


async def _rebuild(name: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "from crm_reporting.cli import app; app()", "rebuild")
    code = await process.wait()
    log.info("rebuild_ended", build=name, code=code)
