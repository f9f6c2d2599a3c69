"""What was said on a ticket? Messages are read from the stream's events; the ticket's state holds none of their text."""

from datetime import datetime
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_chassis.problems import Problem
from crm_events.language.tickets import TicketMessageAdded
from crm_events.refusals import NotFound
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_tickets import rules
from crm_tickets.access import ReadOwn, WriteOwn, not_forgotten
from crm_tickets.answers import MessageAnswer, MessagePage
from crm_tickets.bodies import Author, NewMessage
from crm_tickets.listing import message, message_answer, messages
from crm_tickets.tickets_api import found

router = APIRouter(tags=["messages"])


@router.post("/v1/tickets/{ticket_id}/messages", **command(MessageAnswer))
async def add_message(ticket_id: UUID, body: NewMessage, call: WriteOwn) -> Answer:
    """The customer asks, an agent answers, a colleague leaves a note, a machine reports. Clocks and status follow.

    What is sent to a merged ticket is said on the one it goes on in, which the answer's `ticket_id` names.
    """
    author, message_id, desk = _author(body, call), body.id or uuid7(), call.state.desk
    await not_forgotten(call, ticket_id=ticket_id)
    promises = await desk.current(call.store)
    ticket_id = await goes_on_in(call, ticket_id, body.occurred_at)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: rules.say(
            ticket, ticket_id=ticket_id, message_id=message_id, author_kind=author.kind, author_id=author.id, visibility=body.visibility,
            channel=body.channel, text=body.text, at=now, promises=promises,
        ),
    )  # fmt: skip
    ticket_id = done.part.stream_id  # sent again after a merging, it is where it was said the first time
    said = done.first(TicketMessageAdded)
    stored = await message(call.store, ticket_id, said.message_id) if said else None
    if stored is None:
        raise AssertionError("a message told is a message stored")
    return await call.answer(done, message_answer(ticket_id, stored), created=f"/v1/tickets/{ticket_id}/messages/{message_answer(ticket_id, stored).id}")


@router.get("/v1/tickets/{ticket_id}/messages", **query(MessagePage))
async def list_messages(ticket_id: UUID, call: ReadOwn, page: Paging) -> Answer:
    """The opening text and all messages since, in the order told; internal notes are not for customers."""
    await found(call, ticket_id)
    after = page.after[0] if page.after else 0
    rows = await messages(call.store, ticket_id, after=after, limit=page.limit + 1, internal=call.customers is None)
    shown = rows[: page.limit]
    return await call.page([message_answer(ticket_id, each) for each in shown], [shown[-1].version] if len(rows) > page.limit else None, page.limit)


@router.get("/v1/tickets/{ticket_id}/messages/{message_id}", **query(MessageAnswer))
async def get_message(ticket_id: UUID, message_id: UUID, call: ReadOwn) -> Answer:
    """One message."""
    await found(call, ticket_id)
    stored = await message(call.store, ticket_id, message_id)
    if stored is None or (call.customers is not None and message_answer(ticket_id, stored).visibility == "internal"):
        raise NotFound("There is no message of this id on this ticket.")
    return await call.show(message_answer(ticket_id, stored))


async def goes_on_in(call: Call, ticket_id: UUID, at: datetime | None) -> UUID:
    """The ticket itself, or where it goes on after one merging or several. Told of a time before it was merged, a message is still its own."""
    part = await call.store.read(call.state.desk.tickets, ticket_id)
    while part.version and (into := part.state.standing(at).merged_into) is not None:
        part = await call.store.read(call.state.desk.tickets, into)
    return part.stream_id


def _author(body: NewMessage, call: Call) -> Author:
    """Who speaks: a customer only in his own name, and to all; others as they say, by default the agent who calls."""
    if call.customers is not None:
        if (body.author and body.author.kind != "customer") or body.visibility == "internal":
            raise Problem("forbidden", "A customer writes public messages in his own name.")
        return body.author or Author(kind="customer")
    kind, _, name = call.actor.partition(":")
    return body.author or (Author(kind="agent", id=name) if kind == "agent" else Author(kind="system", id=name))
