"""How are the answers shown to a person?"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from crm_reporting.ops.table import shown, table

Row = Mapping[str, Any]
QUESTIONS = (("late", "s"), ("stuck", ""), ("lost", ""), ("slow", "s"))


def status(told: Row) -> str:
    """A line a question, and under it where."""
    rows = []
    for name, unit in QUESTIONS:
        one = told[name]
        figure = "-" if one["figure"] is None else f"{one['figure']:g} {unit}".strip()
        rows.append((name, {True: "fine", False: "WRONG", None: "unknown"}[one["ok"]], figure, one["reasons"][0] if one["reasons"] else ""))
        rows += [("", "", "", reason) for reason in one["reasons"][1:]]
    return table(("", "", "figure", "where"), rows)


def leaders(told: Row) -> str:
    """Leases, then groups, then what could not be asked."""
    leases = [[one[name] for name in ("source", "task", "leads", "owner", "epoch", "until", "unsent", "age_seconds")] for one in told["leaders"]]
    parts = [table(("source", "task", "leads", "owner", "epoch", "until", "unsent", "oldest (s)"), leases)]
    if told["readers"] is None:
        parts.append("The broker does not answer: who reads in groups is not known.")
    else:
        parts.append(table(("group", "task", "state", "processes"), [[one[name] for name in ("group", "task", "state", "members")] for one in told["readers"]]))
    if told["unknown"]:
        parts.append(f"Not asked, or no answer: {', '.join(told['unknown'])}.")
    return "\n\n".join(parts)


def parked(items: Iterable[Row]) -> str:
    """Whose events wait."""
    return table(
        ("source", "customer", "since", "tries", "type", "reason"),
        [[one[n] for n in ("source", "customer_id", "since", "attempts", "type", "reason")] for one in items],
    )


def look(one: Row) -> str:
    """One parked customer, to decide by."""
    event = one["event"]
    rows = [
        ("customer", f"{one['customer_id']} ({one['source']})"),
        ("since", f"{one['since']}, tried {one['attempts']} times"),
        ("reason", one["reason"]),
        ("event", f"{event['type']}/{event['schema_version']} {event['event_id']}"),
        ("where", f"position {event['position']}, partition {event['partition']}, version {event['version']} of {event['stream_id']}"),
        ("when", f"{event['occurred_at']}, recorded {event['recorded_at']}"),
        ("by", event["actor"]),
        ("shape", orjson.dumps(event["shape"]).decode()),
        ("data", "closed: needs personal:read" if event["data"] is None else orjson.dumps(event["data"]).decode()),
        ("waiting", f"{one['waiting']} events behind it"),
    ]
    waits = [[each[name] for name in ("recorded_at", "type", "position")] for each in one["waiting_events"]]
    parts = [table(("", ""), rows).strip("\n"), *([table(("recorded", "type", "position"), waits)] if waits else []), shown(one["advice"])]
    return "\n\n".join(parts)


def audit(items: Iterable[Row]) -> str:
    """Who did what."""
    names = ("at", "actor", "operation", "outcome", "source", "customer_id", "subject", "reason")
    return table(("at", "actor", "what", "outcome", "source", "customer", "about", "reason"), [[one[name] for name in names] for one in items])


def compared(told: Row) -> str:
    """Each source's places side by side, and what is missing or doubled by its id."""
    rows = [
        [one["source"], *(one[place]["events"] if one[place] else None for place in ("store", "topic", "journal")), one["equal"]] for one in told["sources"]
    ]
    kinds = ("missing_in_topic", "missing", "doubled", "strange")
    named = [f"{one['source']}: {kind.replace('_', ' ')}: {event}" for one in told["sources"] for kind in kinds for event in one[kind]]
    return "\n".join([table(("source", "store", "topic", "journal", "equal"), rows), *named])
