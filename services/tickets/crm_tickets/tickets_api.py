"""Which tickets are there, and how does each stand? Opening, reading and listing."""

from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_chassis.problems import Problem
from crm_events.follower import cluster
from crm_events.refusals import NotFound
from crm_events.store.loading import Loaded
from crm_events.store.store import Done
from fastapi import APIRouter, Query
from uuid_utils.compat import uuid7

from crm_tickets import rules
from crm_tickets.access import ReadOwn, WriteOwn, not_forgotten
from crm_tickets.answers import TicketAnswer, TicketPage, ticket_answer
from crm_tickets.bodies import NewTicket
from crm_tickets.desk import Desk
from crm_tickets.listing import Sort, Wanted, ticket_rows
from crm_tickets.ticket import Ticket

router = APIRouter(tags=["tickets"])
Words = Annotated[str | None, Query(max_length=1000, description="one value or several, by comma")]


async def written(call: Call, done: Done[Ticket], *, created: str | None = None) -> Answer:
    """A command's answer: the ticket as of now."""
    desk: Desk = call.state.desk
    return await call.answer(done, ticket_answer(done.part, await desk.current(call.store), call.now), created=created)


@router.post("/v1/tickets", **command(TicketAnswer))
async def open_ticket(body: NewTicket, call: WriteOwn) -> Answer:
    """A question, a complaint, an order to ourselves. The policy that applies then starts its clocks."""
    call.own(body.customer_id)
    if call.customers is not None and body.author.kind != "customer":
        raise Problem("forbidden", "A customer opens tickets in his own name; leave `author` out.")
    await not_forgotten(call, customer_id=body.customer_id)
    ticket_id, desk, window = body.id or uuid7(), call.state.desk, body.requested_for
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rules.open_ticket(
            ticket, ticket_id=ticket_id, kind=body.kind, channel=body.channel, priority=body.priority, category=body.category, product=body.product,
            subject=body.subject, text=body.text, author_kind=body.author.kind, author_id=body.author.id,
            requested_from=window.starts if window else None, requested_to=window.ends if window else None, at=now, promises=promises,
        ),
        key=body.customer_id,
    )  # fmt: skip
    return await written(call, done, created=f"/v1/tickets/{done.part.stream_id}")


@router.get("/v1/tickets/{ticket_id}", **query(TicketAnswer))
async def get_ticket(ticket_id: UUID, call: ReadOwn) -> Answer:
    """The ticket as of now: a promise broken a moment ago shows as broken."""
    part = await found(call, ticket_id)
    promises = await call.state.desk.current(call.store)
    return await call.show(ticket_answer(part, promises, call.now), version=part.version)


@router.get("/v1/tickets", **query(TicketPage))
async def list_tickets(
    call: ReadOwn,
    page: Paging,
    status: Words = None,
    customer_id: UUID | None = None,
    assignee_id: Words = None,
    priority: Words = None,
    sla_state: Words = None,
    sort: Sort = "-opened_at",
) -> Answer:
    """Newest first, or by what is due next. Tickets of a customer are those of all ids merged with it."""
    if customer_id is not None:
        call.own(customer_id)
    customers = await cluster(call.store.pool, customer_id) if customer_id else call.customers
    wanted = Wanted(_split(status), list(customers) if customers is not None else None, _split(assignee_id), _split(priority), _split(sla_state), sort)
    rows = await ticket_rows(call.store, wanted, page.after, page.limit + 1)
    shown, desk = rows[: page.limit], call.state.desk
    promises, parts = await desk.current(call.store), await call.store.read_many(desk.tickets, [row["stream_id"] for row in shown])
    more = [shown[-1]["key"], shown[-1]["stream_id"]] if len(rows) > page.limit else None
    return await call.page([ticket_answer(part, promises, call.now) for part in parts], more, page.limit)


async def found(call: Call, ticket_id: UUID) -> Loaded[Ticket]:
    """The ticket as of now. NotFound if there is none that the caller may see."""
    part: Loaded[Ticket] = await call.store.read(call.state.desk.tickets, ticket_id)
    if not part.version:
        raise NotFound("There is no ticket of this id.")
    call.own(part.customer_id)
    return part


def _split(words: str | None) -> list[str] | None:
    return [word.strip() for word in words.split(",")] if words is not None else None
