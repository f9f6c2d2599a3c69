"""Which routes let an operator see whose events wait and why, and bring them back?"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import structlog
from crm_chassis.answer import Answer
from crm_chassis.body import Body, Resource
from crm_chassis.call import Call, caller
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.command import Command
from crm_events.event import Instant
from crm_events.refusals import NotFound, Unavailable
from fastapi import APIRouter, Security
from pydantic import Field

from crm_reporting import builds
from crm_reporting.audit import note_access
from crm_reporting.keyed import Outcome, once
from crm_reporting.looking import look
from crm_reporting.parking import drain, drop_event, parked
from crm_reporting.reading import Reader
from crm_reporting.trail import Deed, deed_of, refusals_kept

router = APIRouter(tags=["operations"])
Read = Annotated[Call, Security(caller, scopes=["ops:read"])]
Write = Annotated[Call, Security(caller, scopes=["ops:write"])]
PATIENCE = 10.0  # seconds an operation waits for a connection

log = structlog.get_logger(__name__)


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


class FailedEvent(Resource):
    """The event the fold failed at. `shape`: what kind of thing stands where in its payload; `data`: the payload, opened for those who may see it."""

    event_id: UUID
    type: str
    schema_version: int
    position: int
    partition: int
    stream_id: UUID
    version: int
    actor: str
    occurred_at: Instant
    recorded_at: Instant
    shape: Any
    data: Any


class WaitingEvent(Resource):
    """An event of the same customer and source that is journalled and not folded."""

    event_id: UUID
    type: str
    position: int
    recorded_at: Instant


class ParkedAnswer(ParkedItem):
    """A parked customer looked at: the event that failed, how many events wait behind it (`waiting_events`: the first of them), and what to do (`advice`).

    Of a payload that could not be read, `data` is shown only to those who may see personal fields.
    """

    event: FailedEvent
    waiting: int
    waiting_events: list[WaitingEvent]
    advice: str
    redacted: list[str]


class DrainAnswer(Resource):
    """`drained`: folded again from the journal; `failed`: it failed again, and still waits."""

    source: str
    customer_id: UUID
    outcome: str


class ReasonBody(Body):
    """Why, in the operator's words, for the audit."""

    reason: str | None = Field(default=None, min_length=3, max_length=500)


class DropBody(Body):
    """Which event to leave out of every fold, and why."""

    event_id: UUID
    reason: str = Field(min_length=3, max_length=500)


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


@router.get("/v1/operations/parked/{source}/{customer_id}", **query(ParkedAnswer))
async def get_parked(source: str, customer_id: UUID, call: Read) -> Answer:
    """Look at one: the event that failed, why, what waits behind it, and what to do. The look is audited."""
    reader: Reader = call.state.reader
    build = await reader.build()
    async with call.state.wide.acquire(timeout=PATIENCE) as connection:
        found = await look(connection, build, source, str(customer_id), may_see=call.may_see_personal)
        if found is None:
            raise NotFound("Nothing of this customer and source waits.")
        await deed_of(call, "look", source=source, customer_id=customer_id).came_to("opened" if call.may_see_personal else "closed", connection)
    await note_access(call, customer_id)
    return await call.show(found)


@router.post("/v1/operations/parked/{source}/{customer_id}/retry", **command(DrainAnswer))
async def retry_parked(source: str, customer_id: UUID, call: Write, body: ReasonBody | None = None) -> Answer:
    """Fold a parked customer again, from the journal."""
    deed = deed_of(call, "retry", source=source, customer_id=customer_id, reason=body.reason if body else None)
    return await _drained(call, call.command(body), deed, lambda connection, build: drain(connection, build, source, str(customer_id)))


@router.post("/v1/operations/parked/{source}/{customer_id}/drop", **command(DrainAnswer))
async def drop_parked(source: str, customer_id: UUID, body: DropBody, call: Write) -> Answer:
    """Leave one event out of every fold, for ever and with a reason, and fold its customer again. Its row in the journal stays."""
    answer = await _drained(
        call, call.command(body), deed_of(call, "drop", source=source, customer_id=customer_id, subject=str(body.event_id), reason=body.reason),
        lambda connection, build: drop_event(connection, build, source, str(customer_id), str(body.event_id), reason=body.reason, by=call.actor),
    )  # fmt: skip
    log.warning("event_dropped", source=source, event_id=str(body.event_id), actor=call.actor)
    return answer


Work = Callable[[asyncpg.Connection, str], Awaitable[bool | None]]


async def _drained(call: Call, told: Command, deed: Deed, work: Work) -> Answer:
    """`work` once under its key, in one transaction: NotFound undoes whatever it did before it found nothing parked."""
    async with refusals_kept(deed, call.state.wide), call.state.wide.acquire(timeout=PATIENCE) as connection:

        async def done() -> Outcome:
            build = await builds.mine(connection, "active")
            if build is None:
                raise Unavailable("Another release's build is active. Ask one of its processes.", retry_after=10)
            back = await work(connection, build.name)
            if back is None:
                raise NotFound("Nothing of this customer and source waits, or there is no such event.")
            outcome = "drained" if back else "failed"
            await deed.came_to(outcome, connection)
            return {"outcome": outcome}

        outcome, replayed = await once(connection, told, done)
    resource = {"source": deed.source, "customer_id": str(deed.customer_id), **outcome}
    return await call.show(resource, headers={"Idempotency-Replayed": "true"} if replayed else {})
