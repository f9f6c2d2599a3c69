"""What did the customer buy, bring back and spend points on? A coffee roaster's programme with three tiers, purchases, returns, redemptions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_importers.command import Command, about_member, creation, instant
from crm_importers.company.person import Company, Person

PROGRAMME = "barg-club"
# sku, category, list price and cost in cents
GOODS = (
    ("beans-250", "coffee", 890, 420), ("beans-1000", "coffee", 2990, 1500), ("decaf-250", "coffee", 990, 480), ("filter-100", "supplies", 490, 120),
    ("grinder-hand", "equipment", 5900, 3300), ("grinder-electric", "equipment", 12900, 7900), ("moka-3", "equipment", 2790, 1300),
    ("espresso-1", "equipment", 49900, 33000), ("cup-set", "supplies", 2490, 900),
)  # fmt: skip
_WEIGHTS = (30, 14, 8, 10, 4, 2, 3, 1, 5)
_WINDOW = {"kind": "rolling", "months": 12}


def programme(company: Company) -> Command:
    """A point for each euro, twice that for coffee; good two weeks after the purchase, for two years."""
    body = {
        "currency": "EUR", "pending_days": 14, "expiry": {"months": 24}, "point_value": {"points": 1, "amount": 3},
        "earning": [
            {"id": "coffee-twice", "when": {"categories": ["coffee"]}, "basis": "line", "points_per": {"points": 2, "amount": 100}, "stop": True},
            {"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}},
        ],
        "tiers": [
            {"name": "bronze", "from_points": 0, "window": _WINDOW}, {"name": "silver", "from_points": 250, "window": _WINDOW},
            {"name": "gold", "from_points": 700, "window": _WINDOW},
        ],
        "valid_from": instant(company.founded - timedelta(days=30)),
    }  # fmt: skip
    return Command("loyalty", "publishProgramme", PROGRAMME, company.id("publishProgramme"), {"name": PROGRAMME}, body)


@dataclass(frozen=True, slots=True)
class _Sale:
    """One purchase. `points`: what the rules give for it."""

    number: int
    at: datetime
    lines: tuple[dict[str, Any], ...]

    @property
    def points(self) -> int:
        return sum(line["quantity"] * line["paid_price"] * (2 if line["category"] == "coffee" else 1) // 100 for line in self.lines)


def is_member(company: Company, who: Person) -> bool:
    """Three of four customers are."""
    return who.index == 0 or company.random(who.index, "member").random() < 0.75


def member_id(company: Company, who: Person) -> str:
    """The member's id."""
    return company.id(who.index, "member")


def purchases(company: Company, who: Person) -> Iterator[Command]:
    """Enrolment, purchases in the order of time, now and then a return."""
    enrolled = who.joined + timedelta(minutes=30)
    body = {
        "id": member_id(company, who), "customer_id": who.id, "programme": PROGRAMME, "card_number": f"BARG-{company.seed:03d}-{who.index:05d}",
        "channel": "web", "occurred_at": instant(enrolled),
    }  # fmt: skip
    yield creation("loyalty", "enrolMember", body, ("company", company.seed, who.index, "enrolMember"))
    chance = company.random(who.index, "returns")
    for sale in _sales(company, who):
        yield _recorded(company, who, sale)
        back = sale.at + timedelta(days=chance.randrange(2, 12))
        if back < company.end and chance.random() < 0.06:
            yield _back(company, who, sale, back)


def _sales(company: Company, who: Person) -> list[_Sale]:
    chance = company.random(who.index, "sales")
    span = int((company.end - who.joined).total_seconds() // 60) - 120
    count = 14 if who.index == 0 else min(14, 1 + int(chance.expovariate(0.28)))
    moments = sorted(who.joined + timedelta(minutes=60 + chance.randrange(max(1, span))) for _ in range(count))
    return [_Sale(number, at, _lines(company, who, number)) for number, at in enumerate(moments)]


def _lines(company: Company, who: Person, number: int) -> tuple[dict[str, Any], ...]:
    chance = company.random(who.index, "sale", number)
    goods = dict.fromkeys(chance.choices(GOODS, _WEIGHTS, k=chance.randrange(1, 4)))
    off = chance.choice((0, 0, 0, 5, 10))  # per cent
    factor = 6 if who.kind == "organisation" else 1
    return tuple(
        {"sku": sku, "category": category, "brand": "Barg", "quantity": factor * chance.randrange(1, 4), "list_price": price,
         "paid_price": price * (100 - off) // 100, "unit_cost": cost}
        for sku, category, price, cost in goods
    )  # fmt: skip


def _recorded(company: Company, who: Person, sale: _Sale) -> Command:
    discounted = any(line["paid_price"] < line["list_price"] for line in sale.lines)
    body: dict[str, Any] = {
        "id": _transaction(company, who, sale), "document": f"BARG-{company.seed}-{who.index}-{sale.number}", "lines": list(sale.lines),
        "channel": ("web", "web", "app", "in_person")[(who.index + sale.number) % 4], "occurred_at": instant(sale.at),
    }  # fmt: skip
    if discounted:
        body["discount_reason"] = "season"
    return about_member(member_id(company, who), "recordTransaction", ("company", company.seed, who.index, "recordTransaction", sale.number), body)


def _transaction(company: Company, who: Person, sale: _Sale) -> str:
    return company.id(who.index, "transaction", sale.number)


def _back(company: Company, who: Person, sale: _Sale, at: datetime) -> Command:
    body = {"transaction_id": _transaction(company, who, sale), "lines": [{"line": 1, "quantity": 1}], "reason": "not_wanted", "occurred_at": instant(at)}
    return about_member(member_id(company, who), "recordReturn", ("company", company.seed, who.index, "recordReturn", sale.number), body)


def reservation(company: Company, who: Person) -> Command | None:
    """The member's one redemption, on the company's last day: a quarter of what they earned long enough ago, if that is worth it."""
    earned = sum(sale.points for sale in _sales(company, who) if sale.at < company.end - timedelta(days=40))
    points = earned // 4 // 10 * 10
    if points < 30 or (who.index and company.random(who.index, "redemption").random() < 0.5):
        return None
    body = {"points": points, "reward": "voucher", "occurred_at": instant(company.end - timedelta(hours=3))}
    return about_member(member_id(company, who), "reserveRedemption", ("company", company.seed, who.index, "reserveRedemption"), body)


def confirmation(company: Company, who: Person, reserved: Mapping[str, Any]) -> Command:
    """Five minutes later. `reserved`: the redemption as the service answered it, for it gives the id."""
    member = member_id(company, who)
    body = {"occurred_at": instant(company.end - timedelta(hours=3) + timedelta(minutes=5))}
    path = {"member_id": member, "redemption_id": str(reserved["id"])}
    return Command("loyalty", "confirmRedemption", member, company.id(who.index, "confirmRedemption"), path, body)
