"""Which routes tell at a glance whether something is wrong, and who leads?"""

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated

import asyncpg
import orjson
from crm_chassis.answer import Answer
from crm_chassis.body import Resource
from crm_chassis.call import Call, caller
from crm_chassis.operations import query
from crm_events.event import Instant, utc_text
from fastapi import APIRouter, Security

from crm_reporting import status
from crm_reporting.ailing import ailments
from crm_reporting.leading import leaders, readers
from crm_reporting.parked_api import PATIENCE
from crm_reporting.progress import lag, places
from crm_reporting.projector_process import GROUP
from crm_reporting.reading import Reader
from crm_reporting.settings import ReportingSettings

router = APIRouter(tags=["operations"])
Read = Annotated[Call, Security(caller, scopes=["ops:read"])]

_COMPARED = "select at, equal, report from reconciliation order by id desc limit 1"
_FAILED = "select build, reason from builds where state = 'building' and reason is not null"


class LeaderItem(Resource):
    """A lease: `task` relay, timer, feed (a composer's publisher) or eraser. `leads`: it has not run out; `until`, null: it was given back.

    Of a relay also `unsent`, events that are not in Kafka, and `age_seconds`, how long the oldest of them has waited.
    """

    source: str
    task: str
    owner: str | None
    epoch: int
    until: Instant | None
    leads: bool
    unsent: int | None
    age_seconds: float | None


class ReaderItem(Resource):
    """A group of readers among whom Kafka shares out the partitions: the projector's, or a service's followers."""

    group: str
    task: str
    state: str
    members: int
    hosts: list[str]


class LeadersAnswer(Resource):
    """`unknown`: sources whose store does not answer, or was never told to reporting. `readers` null: the broker does not answer."""

    leaders: list[LeaderItem]
    readers: list[ReaderItem] | None
    unknown: list[str]


class VerdictPart(Resource):
    """`ok` null: not known. `figure`: the worst wait in seconds (late, slow), or a count (stuck, lost). `reasons`: where, and what."""

    ok: bool | None
    figure: float | None
    reasons: list[str]


class StatusAnswer(Resource):
    """`ok`: nothing is late, stuck, lost or slow, as far as is known."""

    ok: bool
    at: Instant
    build: str
    late: VerdictPart
    stuck: VerdictPart
    lost: VerdictPart
    slow: VerdictPart


@router.get("/v1/operations/leaders", **query(LeadersAnswer))
async def list_leaders(call: Read) -> Answer:
    """Who leads, under which epoch, until when, in every store that reporting may read; and who reads in groups."""
    settings: ReportingSettings = call.state.settings
    (found, unknown), groups = await asyncio.gather(leaders(settings.stores), readers(settings.kafka_bootstrap_servers))
    unknown += [source for source in ("contacts", "tickets", "loyalty") if source not in settings.stores]
    return await call.show({"leaders": found, "readers": groups, "unknown": sorted(unknown)})


@router.get("/v1/operations/status", **query(StatusAnswer))
async def get_status(call: Read) -> Answer:
    """Is anything late, stuck, lost or slow? One figure each, and sentences that say where."""
    settings: ReportingSettings = call.state.settings
    reader: Reader = call.state.reader
    wide: asyncpg.Pool = call.state.wide
    began = time.monotonic()
    await reader.pool.fetchval("select 1")
    took = time.monotonic() - began
    build = await reader.build(again=True)
    async with wide.acquire(timeout=PATIENCE) as connection:
        rows = await places(connection, GROUP)
        compared = await connection.fetchrow(_COMPARED)
        failed = await connection.fetch(_FAILED)
    now = await ailments(wide, build)
    partitions, (found, _), groups = await asyncio.gather(
        lag(rows, settings.kafka_bootstrap_servers), leaders(settings.stores), readers(settings.kafka_bootstrap_servers)
    )
    last = {"at": compared["at"], "equal": compared["equal"], "sources": orjson.loads(compared["report"])} if compared else None
    verdicts = {
        "late": status.late(partitions, now, found),
        "stuck": status.stuck(now, found, groups, map(dict, failed)),
        "lost": status.lost(last, datetime.now(UTC)),
        "slow": status.slow(took, call.chassis.http.now, settings.max_in_flight),
    }
    told = {name: {"ok": one.ok, "figure": one.figure, "reasons": list(one.reasons)} for name, one in verdicts.items()}
    return await call.show({"ok": all(one.ok is not False for one in verdicts.values()), "at": utc_text(call.now), "build": build, **told})
