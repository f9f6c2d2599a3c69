"""How is a complaint made good over HTTP? What lay behind it, what is offered for it, and what comes of the offer."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Told
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_events.event import Money
from crm_events.language.recovery import RecoveryOffered
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_tickets import recovery
from crm_tickets.access import ReadOwn, Write, WriteOwn
from crm_tickets.answers import RecoveryAnswer, TicketAnswer, recovery_answer
from crm_tickets.bodies import NewRecovery, RecoveryStep, RootCauseBody
from crm_tickets.rules import Events
from crm_tickets.ticket import Ticket
from crm_tickets.tickets_api import found, written

router = APIRouter(tags=["recoveries"])


@router.put("/v1/tickets/{ticket_id}/root-cause", **command(TicketAnswer))
async def set_root_cause(ticket_id: UUID, body: RootCauseBody, call: Write) -> Answer:
    """What lay behind a complaint, and whether it was right. 409 `rejected`, rule `not-a-complaint`, for any other ticket."""

    def decide(ticket: Ticket, now: datetime) -> Events:
        return recovery.set_root_cause(ticket, root_cause=body.root_cause, upheld=body.upheld, department=body.department, at=now)

    return await written(call, await call.store.handle(call.state.desk.tickets, ticket_id, call.command(body), decide))


@router.post("/v1/tickets/{ticket_id}/recoveries", **command(RecoveryAnswer))
async def offer_recovery(ticket_id: UUID, body: NewRecovery, call: Write) -> Answer:
    """An apology, money back, points, or the thing once more, for a complaint."""
    recovery_id, cost = body.id or uuid7(), Money(amount=body.cost.amount, currency=body.cost.currency) if body.cost else None
    done = await call.store.handle(
        call.state.desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: recovery.offer(ticket, recovery_id=recovery_id, kind=body.kind, points=body.points, cost=cost, at=now),
    )
    offered = next((fact.event.recovery_id for fact in done.facts if isinstance(fact.event, RecoveryOffered)), recovery_id)
    return await call.answer(done, recovery_answer(done.part, offered), created=f"/v1/tickets/{ticket_id}/recoveries/{offered}")


@router.get("/v1/tickets/{ticket_id}/recoveries/{recovery_id}", **query(RecoveryAnswer))
async def get_recovery(ticket_id: UUID, recovery_id: UUID, call: ReadOwn) -> Answer:
    """What was offered, and what came of it."""
    part = await found(call, ticket_id)
    return await call.show(recovery_answer(part, recovery_id), version=part.version)


@router.post("/v1/tickets/{ticket_id}/recoveries/{recovery_id}/acceptance", **command(RecoveryAnswer))
async def accept_recovery(ticket_id: UUID, recovery_id: UUID, body: RecoveryStep, call: WriteOwn) -> Answer:
    """The customer takes it."""
    return await _step(call, ticket_id, recovery_id, body, lambda ticket, now: recovery.accept(ticket, recovery_id=recovery_id, at=now))


@router.post("/v1/tickets/{ticket_id}/recoveries/{recovery_id}/refusal", **command(RecoveryAnswer))
async def decline_recovery(ticket_id: UUID, recovery_id: UUID, body: RecoveryStep, call: WriteOwn) -> Answer:
    """The customer does not want it."""
    return await _step(call, ticket_id, recovery_id, body, lambda ticket, now: recovery.decline(ticket, recovery_id=recovery_id, at=now))


@router.post("/v1/tickets/{ticket_id}/recoveries/{recovery_id}/completion", **command(RecoveryAnswer))
async def complete_recovery(ticket_id: UUID, recovery_id: UUID, body: RecoveryStep, call: Write) -> Answer:
    """It was done. Points are credited by loyalty, once, as soon as the customer is a member of a programme."""
    return await _step(call, ticket_id, recovery_id, body, lambda ticket, now: recovery.complete(ticket, recovery_id=recovery_id, at=now))


async def _step(call: Call, ticket_id: UUID, recovery_id: UUID, body: Told, decide: Callable[[Ticket, datetime], Events]) -> Answer:
    done = await call.store.handle(call.state.desk.tickets, ticket_id, call.command(body), decide)
    return await call.answer(done, recovery_answer(done.part, recovery_id))
