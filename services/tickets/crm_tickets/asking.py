"""May the customer be asked how content they were, and is this answer theirs to give? Asked rarely, answered once, mended for a day."""

from datetime import datetime, timedelta

from crm_events.language.tickets import TicketCsatAsked
from crm_events.refusals import Rejected

from crm_tickets.rating import rate
from crm_tickets.rules import Events, moment_of
from crm_tickets.ticket import Ticket
from crm_tickets.told import Ask

MOST = 2  # links for one resolution: the question and one reminder
REMINDER = timedelta(days=3)  # not sooner after the question
OPEN = timedelta(days=14)  # how long a link takes an answer
MENDED = timedelta(hours=24)  # how long the answer may be changed


def ask(ticket: Ticket, *, at: datetime) -> Events:
    """A link for the last resolution. Asked again within three days it is the same one; then one reminder, never after an answer."""
    at, now = moment_of(ticket, at, closed=True)
    if not now.done or now.resolved_at is None:
        raise Rejected("not-resolved", "Ask for a rating once the ticket is resolved.")
    if ticket.rating is not None and ticket.rating.at >= now.resolved_at:
        raise Rejected("answered", "The customer has said how content they were. Nobody is asked again.")
    asked = [each for each in ticket.asks if each.attempt == now.attempt]
    if asked and at - asked[-1].at < REMINDER:
        return []
    if len(asked) >= MOST:
        raise Rejected("asked-enough", f"The customer was asked {MOST} times. Silence is an answer, too.", asked_at=asked[-1].at)
    return [TicketCsatAsked(ask=len(ticket.asks) + 1, attempt=now.attempt, expires_at=at + OPEN)]


def answer(ticket: Ticket, *, number: int, score: int, effort: int | None, courtesy: int | None, comment: str | None, at: datetime) -> Events:
    """What the customer says by a link: once, and for a day something else instead. By the question or by its reminder is one."""
    asked = asked_by(ticket, number)
    if asked is None or ticket.standing().attempt != asked.attempt or not ticket.standing().done:
        raise Rejected("not-resolved", "The ticket was taken up again. You will be asked once it is resolved.")
    if (until := mended_until(ticket, asked)) is not None and at >= until:
        raise Rejected("answered", "You have answered, and the time to change it is over. Thank you.", answered_until=until)
    return rate(ticket, score=score, effort=effort, courtesy=courtesy, comment=comment, at=at, ask=number)


def asked_by(ticket: Ticket, number: int) -> Ask | None:
    """The link of this number."""
    return next((each for each in ticket.asks if each.number == number), None)


def mended_until(ticket: Ticket, asked: Ask) -> datetime | None:
    """Until when the answer may be changed; None while there is none for this resolution."""
    numbers = {each.number for each in ticket.asks if each.attempt == asked.attempt}
    first = min((at for number, at in ticket.answered if number in numbers), default=None)
    return first + MENDED if first is not None else None
