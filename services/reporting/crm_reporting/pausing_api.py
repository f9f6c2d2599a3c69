"""Which routes let an operator hold back the events of one source, and let them go on?"""

from enum import Enum
from typing import Annotated

import structlog
from crm_chassis.answer import Answer
from crm_chassis.body import Body, Resource
from crm_chassis.call import Call, caller
from crm_chassis.operations import command
from crm_events.event import Instant, utc_text
from crm_events.lease import Connection
from crm_events.topics import SOURCES
from fastapi import APIRouter, Security
from pydantic import Field

from crm_reporting import pausing
from crm_reporting.keyed import Outcome, once
from crm_reporting.parked_api import PATIENCE, ReasonBody
from crm_reporting.trail import deed_of, refusals_kept

router = APIRouter(tags=["operations"])
Write = Annotated[Call, Security(caller, scopes=["ops:write"])]
Source = Enum("Source", {name: name for name in SOURCES}, type=str)  # type: ignore[misc]

log = structlog.get_logger(__name__)


class PauseAnswer(Resource):
    """`outcome`: paused, resumed, or `paused-already`, `not-paused` where nothing had to be done; the rest is told of the pause that holds."""

    source: str
    outcome: str
    paused: bool
    reason: str | None
    paused_by: str | None
    paused_at: Instant | None


class PauseBody(Body):
    """Why, in the operator's words."""

    reason: str = Field(min_length=3, max_length=500)


@router.post("/v1/operations/projection/{source}/pause", **command(PauseAnswer))
async def pause_projection(source: Source, body: PauseBody, call: Write) -> Answer:
    """Apply nothing of this source from now on: its events wait in Kafka, writes go on, reads show what was applied until now and say so.

    The pause outlives restarts and rebuilds, and nothing is lost by it.
    """
    name, deed = str(source.value), deed_of(call, "pause", source=source.value, reason=body.reason)
    told = call.command(body)
    async with refusals_kept(deed, call.state.wide), call.state.wide.acquire(timeout=PATIENCE) as connection:

        async def done() -> Outcome:
            outcome = "paused" if await pausing.pause(connection, name, reason=body.reason, by=call.actor) else "paused-already"
            await deed.came_to(outcome, connection)
            return {"outcome": outcome}

        outcome, replayed = await once(connection, told, done)
        log.warning("projection_paused", source=name, actor=call.actor)
        return await _answer(call, connection, name, outcome, replayed)


@router.post("/v1/operations/projection/{source}/resume", **command(PauseAnswer))
async def resume_projection(source: Source, call: Write, body: ReasonBody | None = None) -> Answer:
    """Go on with the next event of this source."""
    name, deed = str(source.value), deed_of(call, "resume", source=source.value, reason=body.reason if body else None)
    told = call.command(body)
    async with refusals_kept(deed, call.state.wide), call.state.wide.acquire(timeout=PATIENCE) as connection:

        async def done() -> Outcome:
            outcome = "resumed" if await pausing.resume(connection, name) else "not-paused"
            await deed.came_to(outcome, connection)
            return {"outcome": outcome}

        outcome, replayed = await once(connection, told, done)
        log.warning("projection_resumed", source=name, actor=call.actor)
        return await _answer(call, connection, name, outcome, replayed)


async def _answer(call: Call, connection: Connection, source: str, outcome: Outcome, replayed: bool) -> Answer:
    held = {row["source"]: row for row in await pausing.paused(connection)}.get(source)
    standing = {"reason": held["reason"], "paused_by": held["paused_by"], "paused_at": utc_text(held["paused_at"])} if held else {}
    resource = {"source": source, **outcome, "paused": held is not None, "reason": None, "paused_by": None, "paused_at": None} | standing
    return await call.show(resource, headers={"Idempotency-Replayed": "true"} if replayed else {})
