"""How are programmes, purchases and members told in a test, in a line each?"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from crm_events.deciding import At, Happened
from crm_events.language.loyalty import MemberEnrolled, PointsEarned, TierSpendCounted
from crm_events.language.programme import ProgrammePublished
from crm_events.testing import Given, facts, given
from crm_loyalty import redemption, transaction
from crm_loyalty.member import MEMBERS, Member
from crm_loyalty.programme import Programme, terms
from crm_loyalty.transaction import TRANSACTIONS, Back, Transaction

START = datetime(2026, 1, 10, 9, 30, tzinfo=UTC)
WORLD = UUID("11111111-1111-5111-8111-111111111111")
ROLLING, CALENDAR, ANNIVERSARY = ({"kind": kind, "months": 12} for kind in ("rolling", "calendar", "anniversary"))


def named(name: str) -> UUID:
    return uuid5(WORLD, name)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def rule(name: str = "base", **fields: Any) -> dict[str, Any]:
    when = fields.pop("when", {})
    told = {"id": name, "when": when, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}
    return told | fields


def tier(name: str, from_points: int, window: dict[str, Any] = ROLLING, **fields: Any) -> dict[str, Any]:
    return {"name": name, "from_points": from_points, "window": window} | fields


def published(*rules: dict[str, Any], **fields: Any) -> ProgrammePublished:
    told = {
        "name": "club", "version": 1, "currency": "EUR", "earning": rules or (rule(),), "pending_days": 0, "expiry": {"months": 12}, "tiers": (),
        "downgrade": "recalculated", "grace_days": 0, "point_value": {"points": 10, "amount": 5, "currency": "EUR"}, "valid_from": day(-5000),
    }  # fmt: skip
    return ProgrammePublished(**(told | fields))


def line(quantity: int = 1, paid: int = 100, number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"line": number, "sku": f"s{number}", "category": "books", "quantity": quantity, "list_price": paid, "paid_price": paid} | fields


def enrolled(version: ProgrammePublished | None = None) -> MemberEnrolled:
    return MemberEnrolled(programme=version.name, terms=terms(version)) if version else MemberEnrolled()


def sale(document: str = "A-1", *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"transaction_id": named(document), "member_id": named("member"), "document": document, "channel": "web", "lines": lines or (line(),)} | fields


def buy(member: Member, document: str, *lines: dict[str, Any], version: ProgrammePublished, at: datetime, **fields: Any) -> list[Happened[Any]]:
    return transaction.record_sale(member, Transaction(), sale=sale(document, *lines, **fields), programme=Programme((version,)), at=at)[0]


def give_back(
    member: Member, sold: Given, earned: Iterable[PointsEarned], back: dict[int, int], *, at: datetime, name: str = "return",
    counted: TierSpendCounted | None = None,
) -> transaction.Events:  # fmt: skip
    told: dict[str, Any] = {"member_id": named("member"), "earned": list(earned), "counted": counted, "return_id": named(name), "reason": None, "at": at}
    return transaction.record_return(member, sold.state, back=[Back(number, quantity) for number, quantity in back.items()], **told)


def reserve(member: Member, points: int, *, at: datetime, name: str = "r", version: ProgrammePublished | None = None) -> list[Any]:
    return redemption.reserve([member], redemption_id=named(name), points=points, reward=None, version=version, at=at)[0]


def confirm(member: Member, *, name: str = "r", version: ProgrammePublished | None = None) -> list[Any]:
    return redemption.confirm([member], redemption_id=named(name), parts=[True], version=version)[0]


def cancel(member: Member, *, at: datetime, name: str = "r", version: ProgrammePublished | None = None) -> list[Any]:
    return redemption.cancel([member], redemption_id=named(name), parts=[True], reason=None, version=version, at=at)[0]


class Story:
    """One member's story, told step by step as the store would: what time has done comes before each step."""

    def __init__(self, version: ProgrammePublished, *, at: datetime = START) -> None:
        self.version, self.history, self.sales = version, list[Happened[Any]](), dict[str, tuple[Given, list[PointsEarned]]]()
        self.member, self.facts = MEMBERS.state(), list[Any]()
        self.add([enrolled(version)], at)

    def add(self, events: Iterable[Happened[Any]], at: datetime) -> list[Happened[Any]]:
        told = list(events)
        for fact in facts(told, at, len(self.facts) + 1):
            self.member = MEMBERS.evolve(self.member, fact)
            self.facts.append(fact)
        self.history += told
        return told

    def until(self, at: datetime) -> "Story":
        self.add(MEMBERS.advance(self.member, at), at)
        return self

    def buys(self, document: str, *lines: dict[str, Any], at: datetime, **fields: Any) -> list[Happened[Any]]:
        self.until(at)
        told = transaction.record_sale(self.member, Transaction(), sale=sale(document, *lines, **fields), programme=Programme((self.version,)), at=at)
        self.sales[document] = given(TRANSACTIONS, *told[1], at=at), [event for event in told[0] if isinstance(event, PointsEarned)]
        return self.add(told[0], at)

    def returns(self, document: str, back: dict[int, int], *, at: datetime) -> list[Happened[Any]]:
        self.until(at)
        sold, earned = self.sales[document]
        events = [each.event if isinstance(each, At) else each for each in self.history]
        counts = (each for each in events if isinstance(each, TierSpendCounted) and each.transaction_id == named(document))
        points, goods = give_back(self.member, sold, earned, back, at=at, name=f"{document}-{len(self.history)}", counted=next(counts, None))
        self.sales[document] = Given(TRANSACTIONS, [*sold.history, *facts(goods, at, len(sold.history) + 1)]), earned
        return self.add(points, at)

    def does(self, rule_of_member: Any, at: datetime) -> list[Happened[Any]]:
        self.until(at)
        return self.add(rule_of_member(self.member), at)

    def accounts(self) -> dict[str, int]:
        ledger = self.member.ledger
        return {
            name: getattr(ledger, name)
            for name in ("issued", "pending", "available", "reserved", "redeemed", "expired", "reversed", "blocked", "transferred", "debt")
        }
