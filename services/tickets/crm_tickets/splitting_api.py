"""How does what a customer asked become a ticket of its own over HTTP?"""

from typing import Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command
from crm_events.language.tickets import TicketMessageAdded
from crm_events.refusals import Invalid
from crm_events.sealing import open_tree, sealed_key_ids
from crm_events.store.store import Target
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_tickets import splitting
from crm_tickets.access import Write, not_forgotten
from crm_tickets.answers import TicketAnswer, ticket_answer
from crm_tickets.bodies import NewSplit
from crm_tickets.listing import message
from crm_tickets.splitting import Said, Wanted
from crm_tickets.tickets_api import found

router = APIRouter(tags=["joining"])


@router.post("/v1/tickets/{ticket_id}/splits", **command(TicketAnswer))
async def split_ticket(ticket_id: UUID, body: NewSplit, call: Write) -> Answer:
    """Messages that wait for an answer become a ticket, of the same customer or of another; the answer is the new ticket.

    Its clocks run from the moment the first of them came; on the ticket they were written to, nobody waits for them any more.
    """
    desk, ticket = call.state.desk, await found(call, ticket_id)
    customer = body.customer_id or ticket.customer_id
    for each in {customer, ticket.customer_id}:
        await not_forgotten(call, customer_id=each)
    messages, new_id = await _said(call, ticket_id, body.message_ids), body.id or uuid7()
    wanted = Wanted(
        new_id, body.subject, customer if customer != ticket.customer_id else None, body.kind, body.priority, body.category, body.product
    )  # fmt: skip
    promises = await desk.current(call.store)

    def decide(tickets: list[Any], now: Any) -> tuple[Any, ...]:
        return splitting.split(tickets[0], tickets[1], ticket_id=ticket_id, messages=messages, wanted=wanted, at=now, promises=promises)

    done = await call.store.handle_all(call.command(body), [Target(desk.tickets, ticket_id), Target(desk.tickets, new_id, customer)], decide)
    made = done.parts[-1]
    answer = ticket_answer(made, await desk.current(call.store), call.now)
    return await call.answer(done, answer, created=f"/v1/tickets/{made.stream_id}", etag=made.version)


async def _said(call: Call, ticket_id: UUID, ids: tuple[UUID, ...]) -> list[Said]:
    """The messages with their texts, which are sealed anew for whose they then are. Invalid where one is not there, or not a customer's own to be answered."""
    said = []
    for index, message_id in enumerate(ids):
        pointer = f"/message_ids/{index}"
        if message_id in ids[:index]:
            raise Invalid(pointer, "twice", "Name each message once.")
        if message_id == ticket_id:
            raise Invalid(pointer, "the-opening", "What the ticket was opened with stays its own.")
        stored = await message(call.store, ticket_id, message_id)
        if stored is None:
            raise Invalid(pointer, "unknown-message", "Name a message of this ticket.")
        event = stored.fact.event
        if not isinstance(event, TicketMessageAdded) or event.author_kind != "customer":
            raise Invalid(pointer, "not-the-customers", "Only what a customer asked waits for an answer.")
        text, _ = open_tree(event.text, await call.store.vault.keys_for_reading(sealed_key_ids(event.text)))
        if text is None:
            raise Invalid(pointer, "unreadable", "This message was redacted.")
        said.append(Said(message_id, stored.fact.occurred_at, event.channel, text))
    return said
