"""When is what a customer asked a ticket of its own? Messages that wait for an answer leave the ticket they were written to, with the promise made for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm_events.deciding import At
from crm_events.language.ticket_words import Priority, TicketKind
from crm_events.language.tickets import TicketLinked, TicketSplit
from crm_events.language.words import Channel
from crm_events.refusals import Invalid, Rejected

from crm_tickets import rules
from crm_tickets.joining import LINKS, SPLIT_FROM
from crm_tickets.promises import Promises
from crm_tickets.rules import Events, moment_of
from crm_tickets.steps import Answered
from crm_tickets.telling import consequences
from crm_tickets.ticket import Ticket, evolved

TEXT = 20_000  # characters one message may have


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the customer's, its text open."""

    message_id: UUID
    at: datetime
    channel: Channel
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The ticket they are to be; None: as the one they were written to. `customer_id`: whose, where that is another's."""

    ticket_id: UUID
    subject: str
    customer_id: UUID | None = None
    kind: TicketKind | None = None
    priority: Priority | None = None
    category: str | None = None
    product: str | None = None


def split(
    ticket: Ticket, other: Ticket, *, ticket_id: UUID, messages: Sequence[Said], wanted: Wanted, at: datetime, promises: Promises
) -> tuple[Events, Events]:
    """What happens to the ticket, and the one that is opened at the moment the first of the messages came: its clocks run from there.

    Only what waits for an answer can leave: what was answered here was judged here, and would be counted twice.
    """
    at, now = moment_of(ticket, at)
    messages = sorted(messages, key=lambda each: each.at)
    first, ids = messages[0], tuple(each.message_id for each in messages)
    if at < messages[-1].at:
        raise Invalid("/occurred_at", "before-message", "Tell a time after the messages came.")
    if (gone := next((each for each in ticket.splits if set(ids) & set(each.message_ids)), None)) is not None:
        raise Rejected("already-split", "One of these messages is another ticket's already.", other_id=gone.other_id)
    if any(isinstance(step, Answered) and step.at >= first.at for step in ticket.steps):
        raise Rejected("answered", "One of these messages was answered here. Open a ticket of its own for what is left of it, and link the two.")
    if len(ticket.splits) >= LINKS:
        raise Rejected("too-many-links", f"{LINKS} tickets may come of one.")
    text = "\n\n".join(each.text for each in messages)
    if len(text) > TEXT:
        raise Invalid("/message_ids", "too-long", f"The messages together may have {TEXT} characters.")
    leaving: Events = [At(TicketSplit(other_id=wanted.ticket_id, other_customer_id=wanted.customer_id, message_ids=ids), at)]
    opened = rules.open_ticket(
        other, ticket_id=wanted.ticket_id, kind=wanted.kind or ticket.first.kind, channel=first.channel, priority=wanted.priority or now.priority,
        category=wanted.category or now.category, product=wanted.product or ticket.first.product, subject=wanted.subject, text=text,
        author_kind="customer", author_id=None, requested_from=None, requested_to=None, at=first.at, promises=promises, split_from=ticket_id,
    )  # fmt: skip
    linked: Events = [At(TicketLinked(other_id=ticket_id, kind=SPLIT_FROM), at)]
    return [*leaving, *consequences(evolved(ticket, leaving, at), promises, at)], [*opened, *linked]
