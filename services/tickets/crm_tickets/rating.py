"""How satisfied was the customer? Asked of what was resolved; the newest opinion counts, an older one told late is recorded beneath it."""

from datetime import datetime
from typing import Any

from crm_events.deciding import At
from crm_events.language.tickets import TicketCsatGiven, TicketEffortGiven
from crm_events.refusals import Rejected

from crm_tickets.rules import Events, moment_of
from crm_tickets.steps import Standing
from crm_tickets.ticket import Ticket


def rate(
    ticket: Ticket, *, score: int, effort: int | None, courtesy: int | None, comment: str | None, at: datetime, ask: int | None = None
) -> Events:  # fmt: skip
    """Satisfaction 1–5, and effort 1–7 if told. `ask`: the link by which it is told."""
    at, now = moment_of(ticket, at, closed=True)
    if not now.done:
        raise Rejected("not-resolved", "Ask for a rating once the ticket is resolved.")
    return [*_satisfaction(ticket, now, score, courtesy, comment, at, ask), *(_effort(ticket, now, effort, at) if effort is not None else [])]


def _satisfaction(ticket: Ticket, now: Standing, score: int, courtesy: int | None, comment: str | None, at: datetime, ask: int | None) -> Events:
    told = ticket.rating
    if told and comment is None and (told.score, told.courtesy, told.comment) == (score, courtesy, None):
        return []
    about: dict[str, Any] = {"agent_id": now.resolved_by or now.assignee, "group": now.group, "channel": ticket.first.channel, "category": now.category}
    about |= {"ask": ask} if ask is not None else {}
    revision = told.revision + 1 if told else 1
    given: Events = [At(TicketCsatGiven(score=score, courtesy=courtesy, comment=comment, revision=revision, **about), at)]
    if told and told.at > at:  # figures take the highest revision: the newer opinion is told again above the late one
        given.append(At(TicketCsatGiven(score=told.score, courtesy=told.courtesy, revision=revision + 1, **(about | {"ask": None})), told.at))
    return given


def _effort(ticket: Ticket, now: Standing, score: int, at: datetime) -> Events:
    told = ticket.effort
    if told and told.score == score:
        return []
    about: dict[str, Any] = {"agent_id": now.resolved_by or now.assignee, "channel": ticket.first.channel}
    revision = told.revision + 1 if told else 1
    given: Events = [At(TicketEffortGiven(score=score, revision=revision, **about), at)]
    if told and told.at > at:
        given.append(At(TicketEffortGiven(score=told.score, revision=revision + 1, **about), told.at))
    return given
