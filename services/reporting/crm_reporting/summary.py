"""By what is a customer listed, filtered and sorted?"""

from collections.abc import Mapping
from typing import Any

from crm_reporting.compose import Cluster

COLUMNS = (
    "customer_id",
    "member_ids",
    "kind",
    "type",
    "owner_id",
    "tier",
    "available",
    "open_tickets",
    "sla_state",
    "breach_at",
    "interactions",
    "last_contact_at",
    "purchases",
    "spend",
    "spend_currency",
    "first_purchase_at",
    "last_purchase_at",
    "first_seen_at",
    "erased",
    "digest",
    "view",
)


def summary_columns(cluster: Cluster, shown: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `COLUMNS`, but digest and view, of a view made with `now=None`. Times are text, ids text."""
    profile, loyalty, service, purchases = shown["profile"] or {}, shown["loyalty"] or {}, shown["service"], shown["purchases"]
    clocks = [clock for ticket in service["tickets"] for clock in ticket["clocks"]]
    states = {clock["state"] for clock in clocks}
    spend = purchases["spend"][0] if purchases["spend"] else {}
    return {
        "customer_id": cluster.root,
        "member_ids": list(cluster.members),
        "kind": profile.get("kind"),
        "type": profile.get("type"),
        "owner_id": profile.get("owner_id"),
        "tier": loyalty.get("tier"),
        "available": loyalty.get("available", 0),
        "open_tickets": service["open"],
        "sla_state": next((state for state in ("breached", "running", "paused") if state in states), None),
        "breach_at": min((clock["due_at"] for clock in clocks if clock["state"] == "running" and clock["due_at"]), default=None),
        "interactions": shown["contact"]["interactions"],
        "last_contact_at": shown["contact"]["last_contact_at"],
        "purchases": purchases["count"],
        "spend": spend.get("amount"),
        "spend_currency": spend.get("currency"),
        "first_purchase_at": purchases["first_at"],
        "last_purchase_at": purchases["last_at"],
        "first_seen_at": cluster.first,
        "erased": cluster.erased,
    }
