"""What do the events of loyalty say about one customer?"""

from collections.abc import Mapping
from typing import Any

from crm_reporting.entry import Entry
from crm_reporting.shapes import Document, balances, each, earliest, fields, latest, least, most, same, total

_LOT = fields(terms=most, activates=same, pending=total, available=total, reserved=total)


def _lot(one: Mapping[str, Any], other: Mapping[str, Any]) -> Document:
    """`activates` is of points that are pending, and goes with them."""
    merged: Document = _LOT(one, other)
    if not merged.get("pending"):
        merged.pop("activates", None)
    return merged


_OF_A_MEMBER = ("member", "points", "redemption", "tier")  # what the types of a member's own events begin with
_MEMBER = fields(
    enrolled=earliest,
    tier=latest,
    prolonged=each(most),  # the later end of lots that had ended when points of them came back; their `terms` may be gone with their points
    lots=balances(_lot, "pending", "available", "reserved"),
    held=balances(fields(open=total, told=latest), "open"),  # reservations neither confirmed nor cancelled
    debt=total,
    moved=each(total),  # points that left for good, by account
)
SHAPE = fields(
    events=total,
    first=least,
    members=each(_MEMBER),
    purchases=fields(count=total, first=least, last=most, paid=each(total), listed=each(total), categories=each(total)),
    returns=fields(count=total, paid=each(total)),
)


def delta(entry: Entry) -> Document:
    """The document that one event makes by itself."""
    return {"events": 1, "first": entry.occurred_at} | _said(entry)


def _said(entry: Entry) -> Document:
    match entry.type:
        case "transaction.recorded":
            return _sale(entry)
        case "return.recorded":
            paid = sum(line["paid_price"] * line["quantity"] for line in entry.payload["lines"])
            return {"returns": {"count": 1, "paid": {entry.payload["currency"]: paid}}}
        case _ if entry.type.partition(".")[0] in _OF_A_MEMBER:
            return {"members": {entry.stream_id: _member_said(entry) | _prolonged(entry)}}
        case _:  # of another stream: rights, invoices; a discount, which the lines of the sale say
            return {}


def _sale(entry: Entry) -> Document:
    told = entry.payload
    paid = sum(line["paid_price"] * line["quantity"] for line in told["lines"])
    if not paid:  # not a purchase
        return {}
    listed = sum(line["list_price"] * line["quantity"] for line in told["lines"])
    bought = {"count": 1, "first": entry.occurred_at, "last": entry.occurred_at}
    categories = dict.fromkeys((line["category"] for line in told["lines"]), 1)
    return {"purchases": bought | {"paid": {told["currency"]: paid}, "listed": {told["currency"]: listed}, "categories": categories}}


def _member_said(entry: Entry) -> Document:
    told, at = entry.payload, [entry.occurred_at, entry.position]
    match entry.type:
        case "member.enrolled":
            return {"enrolled": [*at, entry.customer_id, told.get("programme")]}
        case "points.earned":
            return _new_lot(entry, told["points"])
        case "points.activated":
            return {"lots": _moved(entry, "pending", "available")}
        case "points.reserved":
            lots = {lot["lot_id"]: lot["points"] for lot in told["lots"]}
            return {"lots": _moved(entry, "available", "reserved"), "held": {told["redemption_id"]: {"open": 1, "told": [*at, told["expires_at"], lots]}}}
        case "points.redeemed":
            return {"lots": _moved(entry, "reserved", None), "held": {told["redemption_id"]: {"open": -1}}, "moved": {"redeemed": told["points"]}}
        case "redemption.cancelled":
            return {"lots": _moved(entry, "reserved", "available"), "held": {told["redemption_id"]: {"open": -1}}}
        case "redemption.reversed":
            return {"lots": _moved(entry, None, "available"), "moved": {"redeemed": -told["points"]}}
        case "points.expired":
            return {"lots": _taken(entry), "moved": {"expired": sum(lot["points"] for lot in told["lots"])}}
        case "points.reversed":
            return {"lots": _taken(entry), "debt": told["debt"], "moved": {"reversed": told["points"]}}
        case "points.adjusted":
            if told["points"] > 0:
                return _new_lot(entry, told["points"])
            return {"lots": _taken(entry), "debt": told["debt"], "moved": {"reversed": -told["points"]}}
        case "points.blocked":
            return {"lots": _moved(entry, "available", None), "moved": {"blocked": told["points"]}}
        case "points.unblocked":
            return {"lots": _moved(entry, None, "available"), "moved": {"blocked": -told["points"]}}
        case "points.transferred" if told["direction"] == "out":
            return {"lots": _moved(entry, "available", None), "moved": {"transferred": told["points"]}}
        case "points.transferred":
            return {"lots": _moved(entry, None, "available"), "moved": {"transferred": -told["points"]}}
        case "tier.overridden":
            return {"tier": [*at, told["tier"], None, None, told.get("holds_until")]}
        case "tier.qualified" | "tier.retained" | "tier.downgraded":
            return {"tier": [*at, told["tier"], told["qualifying"], told["window_to"], told.get("holds_until")]}
        case _:
            return {}


def _prolonged(entry: Entry) -> Document:
    lots = {lot["lot_id"]: lot["expires_at"] for lot in entry.payload.get("lots") or () if lot.get("restored")}
    return {"prolonged": lots} if lots else {}


def _new_lot(entry: Entry, points: int) -> Document:
    """A lot goes to pending, or to available where it activates at once; what repaid a debt never could be spent."""
    told = entry.payload
    activates_at = told.get("activates_at") or entry.occurred_at
    account = "available" if activates_at <= entry.occurred_at else "pending"
    left = points - told["debt_repaid"]
    said: Document = {"debt": -told["debt_repaid"]}
    if left:
        lot = {"terms": [entry.occurred_at, told.get("expires_at")], account: left}
        said["lots"] = {told["lot_id"]: lot | ({"activates": activates_at} if account == "pending" else {})}
    return said


def _moved(entry: Entry, source: str | None, target: str | None) -> dict[str, Document]:
    """Points of lots from one account to another; None = outside of what the member holds."""
    return {lot["lot_id"]: _change(lot, source, target) for lot in entry.payload["lots"]}


def _taken(entry: Entry) -> dict[str, Document]:
    return {lot["lot_id"]: _change(lot, lot["taken_from"], None) for lot in entry.payload["lots"]}


def _change(lot: dict[str, Any], source: str | None, target: str | None) -> Document:
    said: Document = {"terms": [lot["earned_at"], lot.get("expires_at")]}
    if source:
        said[source] = -lot["points"]
    if target:
        said[target] = lot["points"]
    return said
