"""Which routes let an operator see whether anything is late or lost, and make the read model again?"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import asyncpg
import orjson
import structlog
from crm_chassis.answer import Answer
from crm_chassis.body import Resource
from crm_chassis.call import Call, caller
from crm_chassis.operations import command, query
from crm_chassis.problems import Problem
from crm_events.event import Instant, utc_text
from crm_events.refusals import NotFound
from fastapi import APIRouter, Query, Security

from crm_reporting import builds
from crm_reporting.keyed import Outcome, once
from crm_reporting.own_process import OwnProcesses
from crm_reporting.parked_api import PATIENCE, ReasonBody
from crm_reporting.pausing import paused
from crm_reporting.progress import lag, places, rebuild_progress
from crm_reporting.projector_process import GROUP
from crm_reporting.reading import Reader
from crm_reporting.rebuild import begin
from crm_reporting.settings import ReportingSettings
from crm_reporting.trail import Deed, deed_of, refusals_kept

router = APIRouter(tags=["operations"])
Read = Annotated[Call, Security(caller, scopes=["ops:read"])]
Write = Annotated[Call, Security(caller, scopes=["ops:write"])]
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
    paused: bool


class PausedPart(Resource):
    """A source an operator paused: nothing of it is applied until it is resumed."""

    source: str
    reason: str
    paused_by: str
    paused_at: Instant


class ProjectionAnswer(Resource):
    """`behind`: events that wait in all partitions; `broken`: partitions that stand still; `composer_behind`: journal rows not yet in lists and the feed."""

    build: str
    behind: int | None
    broken: int
    parked: int
    composer_behind: int
    paused: list[PausedPart]
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


@router.get("/v1/operations/projection", **query(ProjectionAnswer))
async def get_projection(call: Read) -> Answer:
    """How late the read model is, per partition and in all."""
    settings: ReportingSettings = call.state.settings
    reader: Reader = call.state.reader
    build = await reader.build(again=True)
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:
        rows = await places(connection, GROUP)
        marks = await connection.fetchval(f"select count(*) from {build}.parked")
        held = {row["source"]: dict(row) for row in await paused(connection)}
        behind = await connection.fetchval(f"select coalesce((select max(id) from journal), 0) - (select cursor from {build}.composer)")
    partitions = [each | {"paused": each["source"] in held} for each in await lag(rows, settings.kafka_bootstrap_servers)]
    known = [each["lag_events"] for each in partitions]
    whole: dict[str, Any] = {"behind": None if None in known else sum(known), "broken": sum(each["broken"] is not None for each in partitions)}
    whole |= {"parked": marks, "composer_behind": max(behind, 0), "paused": list(held.values())}
    return await call.show({"build": build, **whole, "partitions": partitions})


@router.get("/v1/operations/reconciliation", **query(ReconciliationAnswer))
async def get_reconciliation(call: Read, fresh: Annotated[bool, Query(description="compare now: every topic is read from its start")] = False) -> Answer:
    """Is anything lost or counted twice? The last comparison of store, topic and journal, or a new one; 503 where that takes longer than a request may."""
    pool: asyncpg.Pool = call.state.wide
    asked = call.now
    row = None if fresh else await pool.fetchrow(_LAST, EVER)
    if row is None:
        processes: OwnProcesses = call.state.processes
        deed = deed_of(call, "reconcile")
        await deed.came_to("under way" if processes.runs("reconcile") else "begun", pool)
        running = processes.start("reconcile", "reconcile", ended=_compared(pool, deed, asked))
        await asyncio.wait([running], timeout=COMPARING)
        row = await pool.fetchrow(_LAST, asked if fresh else EVER)
        if row is None:
            told = "It could not be compared: see the log." if running.done() else "It is being compared. Ask again, without `fresh`."
            raise Problem("dependency-unavailable", told, headers={"Retry-After": "10"})
    return await call.show({"at": utc_text(row["at"]), "equal": row["equal"], "sources": orjson.loads(row["report"])})


@router.post("/v1/operations/rebuilds", **command(RebuildAnswer))
async def start_rebuild(call: Write, body: ReasonBody | None = None) -> Answer:
    """Make the read model again from the journal, compare it, switch to it. One that is under way is answered again, and gone on with if it was killed."""
    told = call.command(body)
    deed = deed_of(call, "rebuild", reason=body.reason if body else None)
    async with refusals_kept(deed, call.state.wide), call.state.wide.acquire(timeout=PATIENCE) as connection:
        begun, replayed = await once(connection, told, lambda: _begun(connection, deed))
        found = await rebuild_progress(connection, begun["build"])
    if found is None:
        raise NotFound("There is no build of this name any more.")
    if found["state"] == "building":
        processes: OwnProcesses = call.state.processes
        processes.start(f"rebuild {found['id']}", "rebuild", ended=_made(call.state.wide, found["id"], deed))
        log.info("rebuild_asked", build=found["id"], actor=call.actor)
    answer = await call.show(found, headers={"Idempotency-Replayed": "true"} if replayed else {})
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


async def _begun(connection: asyncpg.Connection, deed: Deed) -> Outcome:
    await connection.execute("select pg_advisory_xact_lock($1)", builds.JOURNAL_LOCK)  # as `begin` does: nobody else begins one in between
    under_way = await builds.mine(connection, "building")
    build = (await begin(connection)).name
    await deed.came_to("under way" if under_way else "begun", connection, subject=build)
    return {"build": build, "made": under_way is None}


def _made(pool: asyncpg.Pool, build: str, deed: Deed) -> Callable[[int], Awaitable[None]]:
    async def told(code: int) -> None:
        if code:
            await pool.execute(_GAVE_UP, build, f"its process ended with code {code}; ask for a rebuild again, and it goes on where it stopped")
        state = await pool.fetchval("select state from builds where build = $1", build)
        await deed.came_to("switched" if state == "active" else state if state == "refused" else f"failed: code {code}", pool, subject=build)

    return told


def _compared(pool: asyncpg.Pool, deed: Deed, asked: datetime) -> Callable[[int], Awaitable[None]]:
    async def told(code: int) -> None:
        row = await pool.fetchrow(_LAST, asked)
        await deed.came_to(f"failed: code {code}" if row is None else "equal" if row["equal"] else "different", pool)

    return told
