"""Which facts do the events of loyalty make?"""

from collections.abc import Iterator, Mapping
from typing import Any

from crm_reporting.entry import Entry

TABLES: Mapping[str, tuple[str, ...]] = {
    "transaction_line": (
        "transaction_id",
        "member_id",
        "kind",
        "return_id",
        "line",
        "document",
        "channel",
        "outlet",
        "seller_id",
        "delivery",
        "sku",
        "category",
        "brand",
        "quantity",
        "list_amount",
        "paid_amount",
        "cost_amount",
        "currency",
        "discount_reason",
    ),
    "lot_movement": (
        "member_id",
        "programme",
        "programme_version",
        "lot_id",
        "from_account",
        "to_account",
        "points",
        "earned_at",
        "expires_at",
        "rule",
        "reason",
        "transaction_id",
        "redemption_id",
        "amount",
        "currency",
        "other_member_id",
    ),
}
# event → from which account to which; None: each lot says what it was taken from
_MOVES = {
    "points.activated": ("pending", "available"),
    "points.reserved": ("available", "reserved"),
    "points.redeemed": ("reserved", "redeemed"),
    "redemption.cancelled": ("reserved", "available"),
    "redemption.reversed": ("redeemed", "available"),
    "points.expired": (None, "expired"),
    "points.reversed": (None, "reversed"),
    "points.blocked": ("available", "blocked"),
    "points.unblocked": ("blocked", "available"),
}


def said(entry: Entry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(table, values by column) of each row; columns not named are null."""
    match entry.type:
        case "transaction.recorded":
            yield from _lines(entry, "sale", 1)
        case "return.recorded":
            yield from _lines(entry, "return", -1)
        case "member.enrolled":
            told = {"channel": entry.payload.get("channel"), "origin": entry.payload.get("programme")}
            yield "stage_entry", {"funnel": "membership", "subject_id": entry.stream_id, "stage": "enrolled", **told}
        case "member.suspended" | "member.resumed" | "member.closed":
            stage = {"funnel": "membership", "subject_id": entry.stream_id, "stage": entry.type.partition(".")[2]}
            yield "stage_entry", {**stage, "reason": entry.payload["reason"]}
        case "points.transferred":
            out = entry.payload["direction"] == "out"
            yield from _taken(entry, *(("available", "transferred") if out else ("transferred", "available")))
        case "tier.overridden":
            stage = {"funnel": "tier", "subject_id": entry.stream_id, "stage": entry.payload["tier"], "previous_stage": entry.payload["previous"]}
            yield "stage_entry", {**stage, "valid_to": entry.payload.get("holds_until"), "reason": "overridden", "group": entry.payload["programme"]}
        case "tier.qualified" | "tier.retained" | "tier.downgraded":
            yield "stage_entry", _tier(entry)
        case "points.earned" | "points.adjusted" if entry.payload["points"] > 0:
            yield from _new_lot(entry)
        case "points.adjusted":
            yield from _taken(entry, None, "reversed")
        case "entitlement.granted" | "entitlement.revoked":
            yield "stage_entry", _right(entry)
        case _ if entry.type in _MOVES:
            yield from _taken(entry, *_MOVES[entry.type])


def _lines(entry: Entry, kind: str, sign: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    told = entry.payload
    for line in told["lines"]:
        quantity = sign * line["quantity"]
        cost = line.get("unit_cost")
        measures = {"quantity": quantity, "list_amount": quantity * line["list_price"], "paid_amount": quantity * line["paid_price"]}
        yield "transaction_line", {**told, **line, **measures, "kind": kind, "cost_amount": None if cost is None else quantity * cost}


def _tier(entry: Entry) -> Mapping[str, Any]:
    told = entry.payload
    window = {"valid_from": told["window_from"], "valid_to": told["window_to"]}
    stage = {"funnel": "tier", "subject_id": entry.stream_id, "stage": told["tier"], "previous_stage": told["previous"]}
    return {**stage, **window, "reason": entry.type.partition(".")[2], "group": told["programme"]}


def _right(entry: Entry) -> Mapping[str, Any]:
    told = entry.payload
    stage = {"funnel": "entitlement", "subject_id": entry.stream_id, "stage": entry.type.partition(".")[2]}
    named = {"valid_from": "valid_from", "valid_to": "valid_to", "group": "scope", "origin": "kind"}
    return {**stage, **{column: told.get(name) for column, name in named.items()}, "reason": told.get("reason", told.get("cause"))}


def _movement(entry: Entry, source: str, target: str, points: int, **values: Any) -> tuple[str, Mapping[str, Any]]:
    told = entry.payload
    rule = told.get("rule") or {}
    programme = {"programme": rule.get("programme", told.get("programme")), "programme_version": rule.get("version", told.get("programme_version"))}
    base = {"member_id": entry.stream_id, "rule": rule.get("id"), "from_account": source, "to_account": target, "points": points}
    told_too = {name: told.get(name) for name in ("transaction_id", "redemption_id", "reason", "other_member_id")}
    return "lot_movement", {**programme, **base, **told_too, **values}


def _new_lot(entry: Entry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Issued to pending, or to available where it activates at once; what repays a debt goes on from there."""
    told = entry.payload
    activates_at = told.get("activates_at") or entry.occurred_at
    account = "available" if activates_at <= entry.occurred_at else "pending"
    lot = {"lot_id": told["lot_id"], "earned_at": entry.occurred_at, "expires_at": told.get("expires_at")}
    yield _movement(entry, "issued", account, told["points"], **lot)
    if told["debt_repaid"]:
        yield _movement(entry, account, "debt", told["debt_repaid"], **lot)


def _taken(entry: Entry, source: str | None, target: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    told = entry.payload
    value = told.get("value")
    left = value["amount"] if value else 0
    points = sum(lot["points"] for lot in told["lots"])
    for lot in told["lots"]:
        # The value is shared out over the lots by points, to the last minor unit: what is left of it goes with what is left of the points.
        amount = left * lot["points"] // points if value else None
        points, left = points - lot["points"], left - (amount or 0)
        of_lot = {"lot_id": lot["lot_id"], "earned_at": lot["earned_at"], "expires_at": lot.get("expires_at")}
        worth = {"amount": amount, "currency": value["currency"] if value else None}
        yield _movement(entry, source or lot["taken_from"], target, lot["points"], **of_lot, **worth)
    if told.get("debt"):
        yield _movement(entry, "debt", "reversed", told["debt"])
