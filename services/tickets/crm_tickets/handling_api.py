"""How is a ticket brought to its end? Whose it is, how urgent, whom it waits for; resolving, closing, reopening, and what the customer thought of it."""

from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command
from fastapi import APIRouter

from crm_tickets import escalating, rating, rules
from crm_tickets.access import Write, WriteOwn, not_forgotten
from crm_tickets.answers import TicketAnswer
from crm_tickets.bodies import Assignment, CategoryBody, Closure, NewEscalation, PriorityBody, Reopening, Resolution, Satisfaction, StatusBody
from crm_tickets.tickets_api import written

router = APIRouter(tags=["handling"])


@router.put("/v1/tickets/{ticket_id}/assignee", **command(TicketAnswer))
async def assign_ticket(ticket_id: UUID, body: Assignment, call: Write) -> Answer:
    """The ticket becomes an agent's, or nobody's. The first assignment opens it."""
    desk = call.state.desk
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rules.assign(ticket, agent_id=body.agent_id, group=body.group, at=now, promises=promises),
    )
    return await written(call, done)


@router.put("/v1/tickets/{ticket_id}/priority", **command(TicketAnswer))
async def set_priority(ticket_id: UUID, body: PriorityBody, call: Write) -> Answer:
    """More or less urgent. Running clocks keep what they have used and get the target that now holds."""
    await not_forgotten(call, ticket_id=ticket_id)
    desk = call.state.desk
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rules.set_priority(ticket, priority=body.priority, reason=body.reason, at=now, promises=promises),
    )
    return await written(call, done)


@router.put("/v1/tickets/{ticket_id}/category", **command(TicketAnswer))
async def categorise_ticket(ticket_id: UUID, body: CategoryBody, call: Write) -> Answer:
    """What it is about. Running clocks keep what they have used and get the target that now holds."""
    desk = call.state.desk
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets, ticket_id, call.command(body), lambda ticket, now: rules.categorise(ticket, category=body.category, at=now, promises=promises)
    )
    return await written(call, done)


@router.put("/v1/tickets/{ticket_id}/status", **command(TicketAnswer))
async def set_ticket_status(ticket_id: UUID, body: StatusBody, call: Write) -> Answer:
    """Whom the ticket waits for. Clocks stand still where their policy says so."""
    await not_forgotten(call, ticket_id=ticket_id)
    desk = call.state.desk
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rules.set_status(ticket, status=body.status, reason=body.reason, at=now, promises=promises),
    )
    return await written(call, done)


@router.post("/v1/tickets/{ticket_id}/escalations", **command(TicketAnswer))
async def escalate_ticket(ticket_id: UUID, body: NewEscalation, call: Write) -> Answer:
    """Somebody else is called in. What a policy does about a broken promise is done by itself (`on_breach`)."""
    done = await call.store.handle(
        call.state.desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: escalating.escalate(ticket, level=body.level, to=body.to, cause=body.cause, at=now),
    )
    return await written(call, done)


@router.post("/v1/tickets/{ticket_id}/resolution", **command(TicketAnswer))
async def resolve_ticket(ticket_id: UUID, body: Resolution, call: Write) -> Answer:
    """Done. A customer who waits is answered first."""
    await not_forgotten(call, ticket_id=ticket_id)
    desk, agent = call.state.desk, body.agent_id or agent_of(call)
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rules.resolve(
            ticket, resolution=body.resolution, agent_id=agent, root_cause=body.root_cause, at=now, promises=promises
        ),
    )  # fmt: skip
    return await written(call, done)


@router.post("/v1/tickets/{ticket_id}/closure", **command(TicketAnswer))
async def close_ticket(ticket_id: UUID, body: Closure, call: WriteOwn) -> Answer:
    """Nothing more is expected of a resolved ticket."""
    desk = call.state.desk
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rules.close(ticket, cause="agent" if call.customers is None else "customer", at=now, promises=promises),
    )
    return await written(call, done)


@router.post("/v1/tickets/{ticket_id}/reopening", **command(TicketAnswer))
async def reopen_ticket(ticket_id: UUID, body: Reopening, call: WriteOwn) -> Answer:
    """Not done after all. Reopened by the customer, it owes an answer."""
    await not_forgotten(call, ticket_id=ticket_id)
    desk = call.state.desk
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rules.reopen(
            ticket, cause="agent" if call.customers is None else "customer", reason=body.reason, at=now, promises=promises
        ),
    )  # fmt: skip
    return await written(call, done)


@router.post("/v1/tickets/{ticket_id}/satisfaction", **command(TicketAnswer))
async def rate_ticket(ticket_id: UUID, body: Satisfaction, call: WriteOwn) -> Answer:
    """What the customer thought of it, once it is resolved. A new opinion replaces the one before in figures; both are kept."""
    await not_forgotten(call, ticket_id=ticket_id)
    desk = call.state.desk
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rating.rate(ticket, score=body.score, effort=body.effort, courtesy=body.courtesy, comment=body.comment, at=now),
    )
    return await written(call, done)


def agent_of(call: Call) -> str | None:
    """The agent who calls; None where a service does."""
    kind, _, name = call.actor.partition(":")
    return name if kind == "agent" else None
