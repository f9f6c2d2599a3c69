"""Which facts do the events of tickets make?"""

from collections.abc import Iterator, Mapping
from typing import Any

from crm_reporting.entry import Entry

_MEASURES = ("resolution", "requester_wait", "agent_work")

TABLES: Mapping[str, tuple[str, ...]] = {
    "rating": ("kind", "dimension", "score", "scale_min", "scale_max", "subject_id", "revision", "agent_id", "group", "channel", "category"),
    "ticket_step": (
        "ticket_id",
        "step",
        "kind",
        "channel",
        "priority",
        "category",
        "product",
        "status",
        "previous",
        "agent_id",
        "group",
        "cause",
        "root_cause",
        "upheld",
        "attempt",
        "revision",
        "agent_replies",
        "elapsed_seconds",
        "business_seconds",
        *(f"{measure}_{unit}" for measure in _MEASURES for unit in ("seconds", "business_seconds")),
    ),
    "message": (
        "ticket_id",
        "message_id",
        "author_kind",
        "author_id",
        "visibility",
        "channel",
        "answers_message_id",
        "waited_seconds",
        "waited_business_seconds",
        "asks",
    ),
    "verdict": (
        "kind",
        "subject_id",
        "instance",
        "revision",
        "kept",
        "due_at",
        "target_minutes",
        "business_seconds",
        "policy",
        "policy_version",
        "calendar",
        "calendar_version",
        "priority",
        "agent_id",
        "group",
        "entitlement_id",
    ),
}
# event → (step, the field that holds what was before)
_STEPS = {
    "ticket.opened": ("opened", None),
    "ticket.first_response_made": ("first_response", None),
    "ticket.assigned": ("assigned", "previous_agent_id"),
    "ticket.priority_set": ("priority_set", "previous"),
    "ticket.categorised": ("categorised", "previous"),
    "ticket.status_changed": ("status_changed", "previous"),
    "ticket.resolved": ("resolved", None),
    "ticket.remeasured": ("resolved", None),
    "ticket.closed": ("closed", None),
    "ticket.reopened": ("reopened", None),
    "ticket.escalated": ("escalated", None),
    "macro.applied": ("macro_applied", None),
}


def said(entry: Entry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(table, values by column) of each row; columns not named are null."""
    told, ticket = entry.payload, entry.stream_id
    if entry.type in _STEPS:
        step, previous = _STEPS[entry.type]
        yield "ticket_step", {**told, "ticket_id": ticket, "step": step, "previous": told.get(previous) if previous else None}
    match entry.type:
        case "ticket.opened" if told.get("split_from") is None:  # else it was said, and counted, on the other ticket
            yield "message", {**told, "ticket_id": ticket, "message_id": ticket, "visibility": "public"}
        case "ticket.message_added":
            yield "message", {**told, "ticket_id": ticket}
        case "ticket.csat_given":
            yield "rating", _rating(entry, "csat", told["score"], 5)
            if told.get("courtesy") is not None:
                yield "rating", _rating(entry, "courtesy", told["courtesy"], 5)
        case "ticket.effort_given":
            yield "rating", _rating(entry, "effort", told["score"], 7)
        case "sla.clock_met" | "sla.clock_breached":
            yield "verdict", {**told, "kind": told["metric"], "subject_id": ticket, "kept": entry.type == "sla.clock_met"}


def _rating(entry: Entry, kind: str, score: int, scale_max: int) -> Mapping[str, Any]:
    return {**entry.payload, "kind": kind, "score": score, "scale_min": 1, "scale_max": scale_max, "subject_id": entry.stream_id}
