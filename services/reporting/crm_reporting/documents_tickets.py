"""What do the events of tickets say about one customer?"""

from collections.abc import Mapping
from typing import Any

from crm_reporting.entry import Entry
from crm_reporting.shapes import Document, each, fields, latest, least, most, revised, total

_CLOCK = fields(instance=most, run=latest, target=latest, due=latest, used=latest, verdict=revised)


def _clock(one: Mapping[str, Any], other: Mapping[str, Any]) -> Any:
    """One clock a metric: its last instance."""
    if one["instance"] != other["instance"]:
        return max(one, other, key=lambda clock: clock["instance"])
    return _CLOCK(one, other)


_TICKET = fields(
    opened=latest,
    status=latest,
    priority=latest,
    category=latest,
    assignee=latest,
    policy=latest,
    first_response=revised,
    resolved=latest,
    closed=latest,
    reopened=total,
    csat=revised,
    effort=revised,
    clocks=each(_clock),
    verdicts=each(revised),
    replied=latest,
    unanswered=each(latest),
    taken=each(latest),
)


def _ticket(one: Mapping[str, Any], other: Mapping[str, Any]) -> Document:
    merged: Document = _TICKET(one, other)
    if merged.get("unanswered") and "replied" in merged:
        replied = merged["replied"][:2]
        merged["unanswered"] = {message: asked for message, asked in merged["unanswered"].items() if asked[:2] > replied}
    if merged.get("unanswered") and merged.get("taken"):
        merged["unanswered"] = {message: asked for message, asked in merged["unanswered"].items() if message not in merged["taken"]}
    return merged


_OF_A_TICKET = ("ticket", "macro", "complaint", "recovery", "sla")

SHAPE = fields(events=total, first=least, tickets=each(_ticket), last_message=most)


def delta(entry: Entry) -> Document:
    """The document that one event makes by itself. What is told beside tickets (work, a follow-up, feedback, an idea) is seen in the journal alone."""
    said: Document = {"events": 1, "first": entry.occurred_at}
    if entry.type.partition(".")[0] in _OF_A_TICKET:
        said["tickets"] = {entry.stream_id: _said(entry)}
    if _is_contact(entry):
        said["last_message"] = entry.occurred_at
    return said


def _is_contact(entry: Entry) -> bool:
    told = entry.payload
    if entry.type == "ticket.opened":
        return told["author_kind"] in ("customer", "agent")
    return entry.type == "ticket.message_added" and told["visibility"] == "public" and told["author_kind"] in ("customer", "agent")


def _said(entry: Entry) -> Document:
    told, at = entry.payload, [entry.occurred_at, entry.position]
    match entry.type:
        case "ticket.opened":
            opened = {
                "opened": [*at, told["kind"], told["channel"], told["subject"], told.get("product")],
                "status": [*at, "new"],
                "priority": [*at, told["priority"]],
                "category": [*at, told.get("category")],
            }
            return opened | ({"unanswered": {entry.stream_id: at}} if told["author_kind"] == "customer" else {})
        case "ticket.message_added":
            if told["visibility"] != "public" or told["author_kind"] == "system":
                return {}
            return {"replied": at} if told["author_kind"] == "agent" else {"unanswered": {told["message_id"]: at}}
        case "ticket.first_response_made":
            return {"first_response": [told["revision"], entry.position, entry.occurred_at]}
        case "ticket.assigned":
            return {"assignee": [*at, told["agent_id"], told.get("group")]}
        case "ticket.priority_set":
            return {"priority": [*at, told["priority"]]}
        case "ticket.categorised":
            return {"category": [*at, told["category"]]}
        case "ticket.status_changed":
            return {"status": [*at, told["status"]]}
        case "ticket.resolved":
            return {"status": [*at, "resolved"], "resolved": at}
        case "ticket.closed":
            return {"status": [*at, "closed"], "closed": at}
        case "ticket.reopened":
            return {"status": [*at, "open"], "reopened": 1}
        case "ticket.split":
            return {"taken": dict.fromkeys(told["message_ids"], at)}  # these wait for an answer on another ticket
        case "ticket.csat_given":
            return {"csat": [told["revision"], entry.position, told["score"]]}
        case "ticket.effort_given":
            return {"effort": [told["revision"], entry.position, told["score"]]}
        case "sla.policy_applied":
            return {"policy": [*at, told["policy"], told["policy_version"], told["calendar"], told["calendar_version"]]}
        case _ if entry.type.startswith("sla.clock_"):
            return _clock_said(entry, at)
        case _:  # ticket.remeasured: a fact only
            return {}


def _clock_said(entry: Entry, at: list[Any]) -> Document:
    told, step = entry.payload, entry.type.removeprefix("sla.clock_")
    clock: Document = {"instance": told["instance"]}
    if step in ("started", "retargeted", "met", "breached"):
        names = ("policy", "policy_version", "calendar", "calendar_version")
        clock["target"] = [*at, told["target_minutes"], *(told.get(name) for name in names)]
    if "due_at" in told:
        clock["due"] = [*at, told["due_at"]]
    if "business_seconds" in told and step != "breached":  # a breached clock runs on
        clock["used"] = [*at, told["business_seconds"]]
    run = {"started": "running", "resumed": "running", "paused": "paused", "met": "stopped", "stopped": "stopped", "cancelled": "cancelled"}
    if step in run:
        clock["run"] = [*at, run[step]]
    said: Document = {"clocks": {told["metric"]: clock}}
    if step in ("met", "breached"):
        clock["verdict"] = [told["revision"], entry.position, step, told["started_at"]]
        said["verdicts"] = {f"{told['metric']}.{told['instance']}": [told["revision"], entry.position, step]}
    return said
