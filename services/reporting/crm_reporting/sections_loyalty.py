"""What has this customer bought, and what do their points stand at?"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from crm_events.event import utc_text

from crm_reporting.shapes import Document


def customer_since(loyalty: Document) -> str | None:
    """The first purchase, else the first enrolment."""
    bought: str | None = loyalty.get("purchases", {}).get("first")
    return bought or min((told["enrolled"][0] for told in loyalty.get("members", {}).values() if "enrolled" in told), default=None)


def loyalty(document: Document, now: datetime | None) -> dict[str, Any] | None:
    """The memberships of all members together; None where there is none. `member_id` is the oldest one in a programme; `tier` the one told last."""
    known = {identity: told for identity, told in document.get("members", {}).items() if "enrolled" in told}
    if not known:
        return None
    moment = utc_text(now) if now else None
    oldest = sorted(known, key=lambda identity: (known[identity]["enrolled"][3] is None, known[identity]["enrolled"][:2]))
    shown = [_member(identity, known[identity], moment) for identity in oldest]
    tiers = [told["tier"] for told in known.values() if "tier" in told]
    soon: dict[str, int] = {}
    for told in known.values():
        for lot in _lots_at(told, moment):
            if lot["expires_at"] and lot["available"] > 0:
                soon[lot["expires_at"]] = soon.get(lot["expires_at"], 0) + lot["available"]
    first = min(soon, default=None)
    return {
        "member_id": shown[0]["member_id"],
        "programme": shown[0]["programme"],
        "tier": max(tiers, key=lambda tier: tier[:2])[2] if tiers else None,
        **{name: sum(member[name] for member in shown) for name in ("available", "pending", "reserved", "redeemed", "debt")},
        "expiring_next": {"points": soon[first], "at": first} if first else None,
        "members": shown,
    }


def _member(identity: str, told: Mapping[str, Any], now: str | None) -> dict[str, Any]:
    enrolled_at, _, customer_id, programme = told["enrolled"]
    lots = list(_lots_at(told, now))
    return {
        "member_id": identity,
        "customer_id": customer_id,
        "programme": programme,
        "enrolled_at": enrolled_at,
        "tier": told["tier"][2] if "tier" in told else None,
        **{name: sum(lot[name] for lot in lots) for name in ("available", "pending", "reserved")},
        "redeemed": told.get("moved", {}).get("redeemed", 0),
        "debt": told.get("debt", 0),
    }


def _lots_at(told: Mapping[str, Any], now: str | None) -> Iterator[dict[str, Any]]:
    """Open lots; with `now`, what was due by then has happened: reservations run out, pending points activate, lots expire."""
    freed: dict[str, int] = {}
    for hold in told.get("held", {}).values():
        if now and hold["open"] > 0 and "told" in hold and hold["told"][2] <= now:
            for lot, points in hold["told"][3].items():
                freed[lot] = freed.get(lot, 0) + points
    for identity, lot in told.get("lots", {}).items():
        left = {name: lot.get(name, 0) for name in ("pending", "available", "reserved")}
        expires_at = told.get("prolonged", {}).get(identity) or lot["terms"][1]
        left["reserved"], left["available"] = left["reserved"] - freed.get(identity, 0), left["available"] + freed.get(identity, 0)
        if now and "activates" in lot and lot["activates"] <= now:
            left["available"], left["pending"] = left["available"] + left["pending"], 0
        if now and expires_at and expires_at <= now:
            left["available"] = left["pending"] = 0
        yield left | {"expires_at": expires_at}


def purchases(document: Document) -> dict[str, Any]:
    """`spend` is net of returns, most first, a currency each; `discount_rate` (KPI 79) is null over several currencies, which are never added."""
    bought, returned = document.get("purchases", {}), document.get("returns", {})
    paid, listed, back = bought.get("paid", {}), bought.get("listed", {}), returned.get("paid", {})
    spend = {currency: paid.get(currency, 0) - back.get(currency, 0) for currency in paid | back}
    count, first, last = bought.get("count", 0), bought.get("first"), bought.get("last")
    interval = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds() / 86_400 / (count - 1) if count > 1 else None
    alone = next(iter(listed)) if len(listed) == 1 else None
    return {
        "count": count,
        "spend": [{"amount": amount, "currency": currency} for currency, amount in sorted(spend.items(), key=lambda item: (-item[1], item[0]))],
        "first_at": first,
        "last_at": last,
        "mean_interval_days": None if interval is None else round(interval, 1),
        "categories": bought.get("categories", {}),
        "returns": returned.get("count", 0),
        "discount_rate": round(1 - paid[alone] / listed[alone], 4) if alone and listed[alone] else None,
    }
