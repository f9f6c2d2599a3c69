"""Which commands is a case of the log? The fourteen activities, one by one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_importers.command import Command, about_contact, about_ticket, creation, id_of, instant
from crm_importers.helpdesk_log import Case, Step

SYSTEM = "helpdesk"
# The log hides what its four degrees of seriousness mean. The desk itself tells: half of the tickets of "Value 4" were resolved within 4 hours, of "Value 1"
# within 6 days, "Value 2" 9, "Value 3" 14.
PRIORITIES = {"Value 4": "urgent", "Value 1": "high", "Value 2": "normal", "Value 3": "low"}
WAITS = {  # for whom the ticket waits: the requester, or somebody else
    "Wait": "pending",
    "Schedule intervention": "pending",
    "Require upgrade": "on_hold",
    "Create SW anomaly": "on_hold",
}
CAUSES = {"Create SW anomaly": "software_anomaly", "Require upgrade": "upgrade_required", "INVALID": "invalid", "DUPLICATE": "duplicate"}
TRACKER = frozenset({"VERIFIED", "RESOLVED", "INVALID", "DUPLICATE"})  # words of the software department's own tracker about its anomaly
TWICE = timedelta(minutes=1)  # a second "Resolve ticket" within it is the same one, pressed again (half of the 254 come within a second)
_TICK = timedelta(milliseconds=1)


def ticket_id(case: str) -> str:
    """The ticket's id."""
    return id_of(SYSTEM, "ticket", case)


def customer_id(customer: str) -> str:
    """The customer's id."""
    return id_of(SYSTEM, "customer", customer)


def code(word: str, value: str) -> str:
    """`code("agent", "Value 7")` = agent-7."""
    return f"{word}-{value.removeprefix('Value ').strip().replace(' ', '-').lower()}"


def priority(step: Step) -> str:
    """What the seriousness means here; a degree unknown to us is normal."""
    return PRIORITIES.get(step.seriousness, "normal")


def category(step: Step) -> str:
    """The level of service that the customer is owed: what the promises go by."""
    return code("service-level", step.level)


@dataclass(slots=True)
class _Ticket:
    """The ticket as our own commands left it."""

    case: Case
    status: str = "new"
    priority: str = ""
    category: str = ""
    assigned: tuple[str, str] = ("", "")
    cause: str | None = None
    resolved_at: datetime | None = None
    commands: list[Command] = field(default_factory=list)

    def tell(self, step: Step, operation: str, body: Mapping[str, Any], *, at: datetime | None = None) -> None:
        key = (SYSTEM, self.case.id, instant(step.at), operation)
        told = {**body, "occurred_at": instant(at or step.at)}
        self.commands.append(about_ticket(ticket_id(self.case.id), operation, key, told, line=step.line))


def commands_of(case: Case) -> list[Command]:
    """The ticket's commands in their order; each has the moment of its row."""
    ticket = _Ticket(case)
    ticket.commands.append(_opening(case.steps[0], case))
    ticket.priority, ticket.category = priority(case.steps[0]), category(case.steps[0])
    for step in case.steps:
        _told(ticket, step)
    return ticket.commands


def _opening(step: Step, case: Case) -> Command:
    about = [("Product", step.product), ("service type", step.type), ("support section", step.support), ("workgroup", step.workgroup)]
    body = {
        "id": ticket_id(case.id), "customer_id": customer_id(case.customer), "kind": "request", "channel": "web", "priority": priority(step),
        "category": category(step), "product": code("product", step.product), "subject": case.id,
        "text": ", ".join(f"{word} {value.removeprefix('Value ')}" for word, value in about) + ".",
        "author": {"kind": "agent", "id": code("agent", step.agent)}, "occurred_at": instant(step.at),
    }  # fmt: skip
    return creation("tickets", "openTicket", body, (SYSTEM, case.id, "openTicket"), line=step.line)


def _told(ticket: _Ticket, step: Step) -> None:
    if step.activity in TRACKER:
        ticket.cause = CAUSES.get(step.activity, ticket.cause)
        _noted(ticket, step)
    elif step.activity == "Resolve ticket":
        _resolve(ticket, step)
    elif step.activity == "Closed":
        _close(ticket, step)
    else:
        ticket.cause = CAUSES.get(step.activity, ticket.cause)
        if ticket.status in ("resolved", "closed"):
            _reopen(ticket, step, step.at)
        _describe(ticket, step)
        if step.activity == "Take in charge ticket":
            _assign(ticket, step)
        if step.activity in WAITS:
            _set_status(ticket, step, WAITS[step.activity])
        elif step.activity in ("Take in charge ticket", "Resolve SW anomaly") and ticket.status in ("pending", "on_hold"):
            _set_status(ticket, step, "open")


def _describe(ticket: _Ticket, step: Step) -> None:
    """Seriousness and level of service stand in every row; where they differ from the row before, they have changed."""
    if priority(step) != ticket.priority:
        ticket.priority = priority(step)
        ticket.tell(step, "setPriority", {"priority": ticket.priority, "reason": f"Seriousness: {step.seriousness}"})
    if category(step) != ticket.category:
        ticket.category = category(step)
        ticket.tell(step, "categoriseTicket", {"category": ticket.category})


def _assign(ticket: _Ticket, step: Step) -> None:
    wanted = code("agent", step.agent), code("section", step.section)
    if wanted != ticket.assigned:
        ticket.assigned = wanted
        ticket.tell(step, "assignTicket", {"agent_id": wanted[0], "group": wanted[1]})
        ticket.status = "open" if ticket.status == "new" else ticket.status


def _set_status(ticket: _Ticket, step: Step, status: str) -> None:
    if status != ticket.status:
        ticket.status = status
        ticket.tell(step, "setTicketStatus", {"status": status, "reason": step.activity})


def _reopen(ticket: _Ticket, step: Step, at: datetime) -> None:
    ticket.status, ticket.resolved_at = "open", None
    ticket.tell(step, "reopenTicket", {"reason": f"The log goes on: {step.activity}"}, at=at)


def _resolve(ticket: _Ticket, step: Step) -> None:
    if ticket.resolved_at is not None:
        if step.at - ticket.resolved_at <= TWICE:
            return
        _reopen(ticket, step, step.at - _TICK)  # taken up again at a time the log does not tell; a moment of its own, before this one
    _describe(ticket, step)
    ticket.status, ticket.resolved_at = "resolved", step.at
    cause = {"root_cause": ticket.cause} if ticket.cause else {}
    ticket.tell(step, "resolveTicket", {"resolution": "Resolved, as the log says; how, it does not.", "agent_id": code("agent", step.agent), **cause})


def _close(ticket: _Ticket, step: Step) -> None:
    if ticket.status == "closed":
        return
    if ticket.resolved_at is None:
        ticket.tell(step, "resolveTicket", {"resolution": "Closed without having been resolved.", "agent_id": code("agent", step.agent)}, at=step.at - _TICK)
        ticket.resolved_at = step.at - _TICK
    ticket.status = "closed"
    ticket.tell(step, "closeTicket", {})


def _noted(ticket: _Ticket, step: Step) -> None:
    """A note on the ticket; on the customer once the ticket is closed, as that one takes no more."""
    text = f"{ticket.case.id}: the software department calls its anomaly {step.activity}."
    if ticket.status == "closed":
        key = (SYSTEM, ticket.case.id, instant(step.at), "addNote")
        body = {"text": text, "occurred_at": instant(step.at)}
        ticket.commands.append(about_contact(customer_id(ticket.case.customer), "addNote", key, body, line=step.line))
    else:
        author = {"kind": "agent", "id": code("agent", step.agent)}
        ticket.tell(step, "addMessage", {"author": author, "visibility": "internal", "channel": "web", "text": text})


def customers_of(cases: list[Case]) -> Iterator[Command]:
    """Every customer whom the log names, as an organisation known from its first row on."""
    first: dict[str, Step] = {}
    for step in (step for case in cases for step in case.steps):
        if step.customer not in first or step.at < first[step.customer].at:
            first[step.customer] = step
    for name, step in sorted(first.items(), key=lambda item: item[1].at):
        body = {
            "id": customer_id(name), "kind": "organisation", "name": name, "type": "external_actual",
            "identifiers": [{"kind": "external", "system": SYSTEM, "value": name}], "source": {"system": SYSTEM, "reference": name},
            "time_zone": "Europe/Rome", "occurred_at": instant(step.at),
        }  # fmt: skip
        yield creation("contacts", "registerContact", body, (SYSTEM, "registerContact", name), line=step.line)
