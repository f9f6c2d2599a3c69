"""How do two tickets become one, or belong together? Of two about the same thing one goes on in the other, and nothing of it runs any more."""

from datetime import datetime
from uuid import UUID

from crm_events.deciding import At
from crm_events.language.tickets import TicketClosed, TicketEvent, TicketLinked, TicketMerged
from crm_events.refusals import Rejected

from crm_tickets.promises import Promises
from crm_tickets.rules import Events, moment_of
from crm_tickets.telling import consequences
from crm_tickets.ticket import Ticket, evolved

LINKS = 100  # tickets that may belong to one: its state is read and written at each step
MERGED, SPLIT, SPLIT_FROM = "merged", "split", "split_from"
OURS = {MERGED: "Merge", SPLIT: "Split", SPLIT_FROM: "Split"}  # kinds of link that are made by an operation of their own


def merge(ticket: Ticket, into: Ticket, *, ticket_id: UUID, into_id: UUID, at: datetime, promises: Promises) -> tuple[Events, Events]:
    """What happens to the ticket, and to the one it goes on in. The same once more is nothing new.

    The survivor's promises stand as they are: what was asked here is answered there, and its clocks were started by its own customer's question.
    """
    if ticket.standing().merged_into == into_id:
        return [], []
    if ticket_id == into_id:
        raise Rejected("same-ticket", "Name another ticket than this one.")
    at, now = moment_of(ticket, at, closed=True)
    if any(step.at > at for step in ticket.steps):
        raise Rejected("changed-since", "The ticket changed after that time. Tell a later one, or none.")
    if (gone := into.standing().merged_into) is not None:
        raise Rejected("already-merged", "The other ticket goes on in a third: merge into that one.", into=gone)
    moment_of(into, max(at, into.first.at))
    ending: list[At[TicketEvent]] = [At(TicketMerged(into=into_id), at)]
    if now.status != "closed":
        ending.append(At(TicketClosed(cause="agent"), at))  # for whoever knows nothing of merging: it is over
    return [*ending, *consequences(evolved(ticket, ending, at), promises, at)], link(into, ticket_id=into_id, other_id=ticket_id, kind=MERGED)


def link(ticket: Ticket, *, ticket_id: UUID, other_id: UUID, kind: str) -> Events:
    """Another ticket belongs to this one, in a way for which the company has a word. The same once more is nothing new."""
    if ticket_id == other_id:
        raise Rejected("same-ticket", "Name another ticket than this one.")
    if any((each.other_id, each.kind) == (other_id, kind) for each in ticket.links):
        return []
    if len(ticket.links) >= LINKS:
        raise Rejected("too-many-links", f"A ticket takes {LINKS} links.")
    return [TicketLinked(other_id=other_id, kind=kind)]
