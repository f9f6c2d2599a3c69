"""Who is called in when a ticket needs more than its agent? By hand, or because a promise was broken whose policy says what is then done."""

from datetime import datetime
from typing import Any

from crm_events.deciding import At
from crm_events.language.escalation import TicketEscalated
from crm_events.language.sla import OnBreach
from crm_events.language.ticket_words import Metric
from crm_events.refusals import Rejected

from crm_tickets import rules
from crm_tickets.promises import Promises
from crm_tickets.rules import Events, moment_of
from crm_tickets.steps import RANK
from crm_tickets.ticket import Ticket, evolved

ESCALATIONS = 100  # of one ticket: its state is read and written at each step
BREACH = "breach"


def escalate(ticket: Ticket, *, level: int, to: str, cause: str, at: datetime) -> Events:
    """Somebody is called in. The same once more, while nobody else was called in since, is nothing new."""
    at, now = moment_of(ticket, at)
    if now.done:
        raise Rejected("reopen-first", "Reopen the ticket: nobody works on one that is done.")
    last = next((each for each in reversed(ticket.escalations) if each.at <= at), None)
    if last is not None and (last.level, last.to, last.cause) == (level, to, cause):
        return []
    _room(ticket)
    return [TicketEscalated(level=level, to=to, cause=cause)]


def broken(ticket: Ticket, *, metric: Metric, instance: int, done: OnBreach, at: datetime, promises: Promises) -> Events:
    """What a policy does about a promise it broke: once for each clock, however often its verdict is told; nothing where the ticket is done by now."""
    standing = ticket.standing(at)
    if standing.done or standing.merged_into is not None or any((each.metric, each.instance) == (metric, instance) for each in ticket.escalations):
        return []
    _room(ticket)
    events: list[Any] = [At(TicketEscalated(level=done.level, to=done.to, cause=BREACH, metric=metric, instance=instance), at)]
    if done.agent_id is not None or done.group is not None:
        events += rules.assign(evolved(ticket, events, at), agent_id=done.agent_id, group=done.group, at=at, promises=promises, cause="rule")
    if done.priority is not None and RANK[done.priority] > RANK[standing.priority]:
        events += rules.set_priority(evolved(ticket, events, at), priority=done.priority, reason=None, at=at, promises=promises, cause="rule")
    return events


def _room(ticket: Ticket) -> None:
    if len(ticket.escalations) >= ESCALATIONS:
        raise Rejected("too-many-changes", f"A ticket takes {ESCALATIONS} escalations.")
