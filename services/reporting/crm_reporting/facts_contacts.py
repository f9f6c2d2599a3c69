"""Which facts do the events of contacts make?"""

from collections.abc import Iterator, Mapping
from typing import Any

from crm_reporting.entry import Entry

TABLES: Mapping[str, tuple[str, ...]] = {
    "merge": ("merge_id", "survivor_id", "state", "cause", "rule", "rule_version"),
    "relationship": ("relationship_id", "kind", "other_id", "state"),
    "interaction": (
        "interaction_id",
        "conversation_id",
        "channel",
        "direction",
        "kind",
        "purpose",
        "agent_id",
        "duration_seconds",
        "outcome",
        "sentiment",
    ),
    "declaration": ("kind", "subject", "need_id", "weight", "brand", "competitor", "rank", "of", "amount", "currency", "period_days"),
    "stage_entry": (
        "funnel",
        "subject_id",
        "stage",
        "previous_stage",
        "previous_since",
        "parent_id",
        "segment",
        "group",
        "channel",
        "agent_id",
        "origin",
        "need",
        "reason",
        "competitor",
        "other_id",
        "amount",
        "currency",
        "valid_from",
        "valid_to",
    ),
}


def said(entry: Entry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(table, values by column) of each row; columns not named are null."""
    told = entry.payload
    match entry.type:
        case "contact.registered":
            origin = (told.get("source") or {}).get("system")
            yield "stage_entry", {"funnel": "lifecycle", "subject_id": entry.customer_id, "stage": "registered", "origin": origin}
        case "contact.lifecycle_changed":
            before = {name: told.get(name) for name in ("previous_stage", "previous_since")}
            yield "stage_entry", {"funnel": "lifecycle", "subject_id": entry.customer_id, "stage": told["stage"], "reason": told["cause"], **before}
        case "contact.merged":
            yield "merge", {**told, "state": "merged"}
        case "contact.unmerged":
            yield "merge", {**told, "state": "unmerged"}
        case "interaction.recorded":
            yield "interaction", {**told, "conversation_id": told.get("conversation_id") or told["interaction_id"]}
        case "need.recorded":
            yield "declaration", {"kind": "need", "subject": told["need"], "need_id": told["need_id"], "weight": told.get("weight")}
        case "relationship.linked" | "relationship.unlinked":
            yield "relationship", {**told, "relationship_id": entry.stream_id, "state": entry.type.partition(".")[2]}
