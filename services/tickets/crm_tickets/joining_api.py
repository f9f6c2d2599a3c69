"""How are tickets joined over HTTP? Merged, where two are about the same thing; linked, where they only belong together."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command
from crm_events.follower import cluster
from crm_events.refusals import Invalid, Rejected
from crm_events.store.store import Target
from fastapi import APIRouter

from crm_tickets import joining
from crm_tickets.access import Write
from crm_tickets.answers import TicketAnswer
from crm_tickets.bodies import Merger, NewLink
from crm_tickets.tickets_api import found, written

router = APIRouter(tags=["joining"])


@router.post("/v1/tickets/{ticket_id}/merger", **command(TicketAnswer))
async def merge_tickets(ticket_id: UUID, body: Merger, call: Write) -> Answer:
    """The ticket goes on in another of the same customer. It is closed, its clocks are cancelled, and messages sent to it are said on the other."""
    desk, ticket = call.state.desk, await found(call, ticket_id)
    survivor = await _other(call, body.into_id, "/into_id")
    if survivor not in await cluster(call.store.pool, _customer(ticket.customer_id)):
        raise Rejected("other-customer", "Merge tickets of one customer: what is said on a ticket is his to read.")
    promises = await desk.current(call.store)

    def decide(tickets: list[Any], now: datetime) -> tuple[Any, ...]:
        return joining.merge(tickets[0], tickets[-1], ticket_id=ticket_id, into_id=body.into_id, at=now, promises=promises)[: len(tickets)]

    targets = [Target(desk.tickets, each) for each in dict.fromkeys((ticket_id, body.into_id))]
    return await written(call, await call.store.handle_all(call.command(body), targets, decide))


@router.post("/v1/tickets/{ticket_id}/links", **command(TicketAnswer))
async def link_tickets(ticket_id: UUID, body: NewLink, call: Write) -> Answer:
    """Another ticket belongs to this one. Neither is changed otherwise."""
    if body.kind in joining.OURS:
        raise Invalid("/kind", "reserved", f"{joining.OURS[body.kind]} the ticket; then the link is there.")
    await found(call, ticket_id)
    await _other(call, body.other_id, "/other_id")
    done = await call.store.handle(
        call.state.desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: joining.link(ticket, ticket_id=ticket_id, other_id=body.other_id, kind=body.kind),
    )
    return await written(call, done)


async def _other(call: Call, ticket_id: UUID, pointer: str) -> UUID:
    """Whose the other ticket is."""
    part = await call.store.read(call.state.desk.tickets, ticket_id)
    if not part.version:
        raise Invalid(pointer, "unknown-ticket", "Name a ticket that is there.")
    return _customer(part.customer_id)


def _customer(customer_id: UUID | None) -> UUID:
    if customer_id is None:
        raise AssertionError("a ticket is a customer's")
    return customer_id
