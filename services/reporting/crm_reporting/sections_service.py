"""How are this customer's tickets, and were our promises kept?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crm_reporting.clocks import Calendars, clock_now
from crm_reporting.shapes import Document

_DONE = ("resolved", "closed")


def service(tickets: Document, now: datetime | None, calendars: Calendars) -> dict[str, Any]:
    """`tickets` are the open ones, oldest first. `resolved`: tickets that now are; `breaches`: promises broken, also by what time alone has made true."""
    known = {identity: told for identity, told in tickets.get("tickets", {}).items() if "opened" in told}
    shown = [_ticket(identity, told, now, calendars) for identity, told in known.items() if told["status"][2] not in _DONE]
    scores = [told["csat"][2] for told in known.values() if "csat" in told]
    told_breaches = sum(verdict[2] == "breached" for told in known.values() for verdict in told.get("verdicts", {}).values())
    unwritten = sum(
        clock["state"] == "breached" and f"{clock['metric']}.{clock['instance']}" not in known[ticket["ticket_id"]].get("verdicts", {})
        for ticket in shown
        for clock in ticket["clocks"]
    )
    return {
        "open": len(shown),
        "tickets": sorted(shown, key=lambda ticket: (ticket["opened_at"], ticket["ticket_id"])),
        "resolved": len(known) - len(shown),
        "reopened": sum(told.get("reopened", 0) for told in known.values()),
        "complaints": sum(told["opened"][2] == "complaint" for told in known.values()),
        "satisfaction_mean": round(sum(scores) / len(scores), 2) if scores else None,
        "breaches": told_breaches + unwritten,
    }


def _ticket(identity: str, told: Mapping[str, Any], now: datetime | None, calendars: Calendars) -> dict[str, Any]:
    opened_at, _, kind, channel, subject, _ = told["opened"]
    waiting = sorted(asked[0] for asked in told.get("unanswered", {}).values())
    return {
        "ticket_id": identity,
        "subject": subject,
        "kind": kind,
        "channel": channel,
        "status": told["status"][2],
        "priority": told["priority"][2],
        "category": told["category"][2],
        "assignee_id": told["assignee"][2] if "assignee" in told else None,
        "opened_at": opened_at,
        "waiting_since": waiting[0] if waiting else None,
        "clocks": [clock_now(metric, clock, now, calendars) for metric, clock in sorted(told.get("clocks", {}).items())],
    }


def calendars_named(tickets: Document) -> set[tuple[str, int]]:
    """The calendars a view of these tickets at a moment needs."""
    named = set()
    for told in tickets.get("tickets", {}).values():
        if told.get("status", (0, 0, ""))[2] not in _DONE:
            named |= {(clock["target"][5], clock["target"][6]) for clock in told.get("clocks", {}).values() if clock.get("target", [None] * 7)[5]}
    return named
