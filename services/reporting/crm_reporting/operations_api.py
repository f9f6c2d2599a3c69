"""Which routes let an operator see whether anything is late, stuck or lost, and mend it?"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
import structlog
from crm_chassis.answer import Answer
from crm_chassis.body import Body, Resource
from crm_chassis.call import Call, caller
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_chassis.problems import Problem
from crm_events.command import Command
from crm_events.event import Instant, utc_text
from crm_events.refusals import NotFound, Unavailable
from fastapi import APIRouter, Query, Security
from pydantic import Field

from crm_reporting import builds
from crm_reporting.keyed import Outcome, once
from crm_reporting.own_process import OwnProcesses
from crm_reporting.parking import drain, drop_event, parked
from crm_reporting.progress import lag, places, rebuild_progress
from crm_reporting.projector_process import GROUP
from crm_reporting.reading import Reader
from crm_reporting.rebuild import begin
from crm_reporting.settings import ReportingSettings

router = APIRouter(tags=["operations"])
Read = Annotated[Call, Security(caller, scopes=["ops:read"])]
Write = Annotated[Call, Security(caller, scopes=["ops:write"])]
PATIENCE = 10.0  # seconds an operation waits for a connection
COMPARING = 20.0  # seconds a request waits for a comparison it asked for
EVER = datetime(1, 1, 2, tzinfo=UTC)
_LAST = "select at, equal, report from reconciliation where at >= $1 order by id desc limit 1"
_GAVE_UP = "update builds set reason = $2 where build = $1 and state = 'building'"

log = structlog.get_logger(__name__)


class PartitionLag(Resource):
    """One partition: the next offset, the last position taken, and how far behind (null: the broker does not answer, or nothing was taken yet)."""

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
    build = await reader.build(again=True)
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:
        rows = await places(connection, GROUP)
        marks = await connection.fetchval(f"select count(*) from {build}.parked")
        behind = await connection.fetchval(f"select coalesce((select max(id) from journal), 0) - (select cursor from {build}.composer)")
    partitions = await lag(rows, settings.kafka_bootstrap_servers)
    known = [each["lag_events"] for each in partitions]
    whole = {"behind": None if None in known else sum(known), "broken": sum(each["broken"] is not None for each in partitions)}
    return await call.show({"build": build, **whole, "parked": marks, "composer_behind": max(behind, 0), "partitions": partitions})


@router.get("/v1/operations/reconciliation", **query(ReconciliationAnswer))
async def get_reconciliation(call: Read, fresh: Annotated[bool, Query(description="compare now: every topic is read from its start")] = False) -> Answer:
    """Is anything lost or counted twice? The last comparison of store, topic and journal, or a new one; 503 where that takes longer than a request may."""
    pool: asyncpg.Pool = call.state.wide
    asked = call.now
    row = None if fresh else await pool.fetchrow(_LAST, EVER)
    if row is None:
        processes: OwnProcesses = call.state.processes
        running = processes.start("reconcile", "reconcile")
        await asyncio.wait([running], timeout=COMPARING)
        row = await pool.fetchrow(_LAST, asked if fresh else EVER)
        if row is None:
            told = "It could not be compared: see the log." if running.done() else "It is being compared. Ask again, without `fresh`."
            raise Problem("dependency-unavailable", told, headers={"Retry-After": "10"})
    return await call.show({"at": utc_text(row["at"]), "equal": row["equal"], "sources": orjson.loads(row["report"])})


@router.post("/v1/operations/rebuilds", **command(RebuildAnswer))
async def start_rebuild(call: Write) -> Answer:
    """Make the read model again from the journal, compare it, switch to it. One that is under way is answered again, and gone on with if it was killed."""
    told = call.command()
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:
        begun, replayed = await once(connection, told, lambda: _begun(connection))
        found = await rebuild_progress(connection, begun["build"])
    if found is None:
        raise NotFound("There is no build of this name any more.")
    if found["state"] == "building":
        processes: OwnProcesses = call.state.processes
        processes.start(f"rebuild {found['id']}", "rebuild", failed=_giving_up(call.state.wide, found["id"]))
        log.info("rebuild_asked", build=found["id"], actor=call.actor)
    answer = await _done(call, found, replayed)
    if begun["made"]:
        answer.status_code = 201
        answer.headers["Location"] = f"/v1/operations/rebuilds/{found['id']}"
    return answer


@router.get("/v1/operations/rebuilds/{build}", **query(RebuildAnswer))
async def get_rebuild(build: str, call: Read) -> Answer:
    """How far a rebuild is, what was compared, and whether reads go to it."""
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:
        found = await rebuild_progress(connection, build)
    if found is None:
        raise NotFound("There is no build of this name.")
    return await call.show(found)


@router.get("/v1/operations/parked", **query(PageOf[ParkedItem]))
async def list_parked(call: Read, paging: Paging) -> Answer:
    """Whose events wait, and why."""
    reader: Reader = call.state.reader
    after = {"after": (str(paging.after[0]), str(paging.after[1]))} if paging.after else {}
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:
        rows = await parked(connection, await reader.build(), limit=paging.limit + 1, **after)
    shown = rows[: paging.limit]
    items = [
        ParkedItem(source=r.source, customer_id=UUID(r.customer_id), reason=r.reason, event_id=UUID(r.event_id), type=r.type, position=r.position,
                   since=r.since, attempts=r.attempts) for r in shown
    ]  # fmt: skip
    return await call.page(items, [shown[-1].source, shown[-1].customer_id] if len(rows) > paging.limit else None, paging.limit)


@router.post("/v1/operations/parked/{source}/{customer_id}/retry", **command(DrainAnswer))
async def retry_parked(source: str, customer_id: UUID, call: Write) -> Answer:
    """Fold a parked customer again, from the journal."""
    return await _drained(call, call.command(), source, customer_id, lambda connection, build: drain(connection, build, source, str(customer_id)))


@router.post("/v1/operations/parked/{source}/{customer_id}/drop", **command(DrainAnswer))
async def drop_parked(source: str, customer_id: UUID, body: DropBody, call: Write) -> Answer:
    """Leave one event out of every fold, for ever and with a reason, and fold its customer again. Its row in the journal stays."""
    told = call.command(body)
    answer = await _drained(
        call, told, source, customer_id,
        lambda connection, build: drop_event(connection, build, source, str(customer_id), str(body.event_id), reason=body.reason, by=call.actor),
    )  # fmt: skip
    log.warning("event_dropped", source=source, event_id=str(body.event_id), actor=call.actor)
    return answer


Work = Callable[[asyncpg.Connection, str], Awaitable[bool | None]]


async def _drained(call: Call, told: Command, source: str, customer_id: UUID, work: Work) -> Answer:
    """`work` once under its key, in one transaction: NotFound undoes whatever it did before it found nothing parked."""
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:

        async def done() -> Outcome:
            build = await builds.mine(connection, "active")
            if build is None:
                raise Unavailable("Another release's build is active. Ask one of its processes.", retry_after=10)
            back = await work(connection, build.name)
            if back is None:
                raise NotFound("Nothing of this customer and source waits, or there is no such event.")
            return {"outcome": "drained" if back else "failed"}

        outcome, replayed = await once(connection, told, done)
    return await _done(call, {"source": source, "customer_id": str(customer_id), **outcome}, replayed)


async def _done(call: Call, resource: Outcome, replayed: bool) -> Answer:
    return await call.show(resource, headers={"Idempotency-Replayed": "true"} if replayed else {})


async def _begun(connection: asyncpg.Connection) -> Outcome:
    await connection.execute("select pg_advisory_xact_lock($1)", builds.JOURNAL_LOCK)  # as `begin` does: nobody else begins one in between
    under_way = await builds.mine(connection, "building")
    return {"build": (await begin(connection)).name, "made": under_way is None}


def _giving_up(pool: asyncpg.Pool, build: str) -> Callable[[int], Awaitable[None]]:
    async def told(code: int) -> None:
        await pool.execute(_GAVE_UP, build, f"its process ended with code {code}; ask for a rebuild again, and it goes on where it stopped")

    return told
