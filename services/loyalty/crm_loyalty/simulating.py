"""What would a purchase earn, and what would another version have given for all that was bought? The same rules as for real, on a copy: nothing is written."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from crm_events.deciding import At, Fact, Happened
from crm_events.language.loyalty import MemberEnrolled, PointsEarned, TraceEntry, TransactionRecorded
from crm_events.language.programme import ProgrammePublished
from crm_events.refusals import Invalid, Rejected

from crm_loyalty import earning, points, tiers
from crm_loyalty.member import Member, advance, evolve, open_account
from crm_loyalty.programme import Programme, terms
from crm_loyalty.transaction import Transaction, record_sale

_NAMELESS = UUID(int=0)
_EVER = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tried:
    """What one purchase gives: its lots, what every rule did, and the member after it."""

    earned: tuple[PointsEarned, ...]
    trace: tuple[TraceEntry, ...]
    after: Member


@dataclass(frozen=True, slots=True)
class Retold:
    """What a version gives for a whole history: points of each purchase and of each rule, and the member at its end."""

    by_sale: dict[UUID, int]
    by_rule: Counter[str]
    after: Member


def chosen(programme: Programme | None, number: int | None, at: datetime) -> ProgrammePublished:
    """The version asked for, else the one in force. Rejected without any, Invalid for one that there is not."""
    if programme is None:
        raise Rejected("no-programme", "Points need a programme that is in force. Enrol the customer in one first.")
    if number is None and (version := programme.in_force(at)) is not None:
        return version
    found = next((version for version in programme.versions if version.version == number), None)
    if found is None:
        raise Invalid("/version", "unknown", "The programme has no such version, or none that is in force.")
    return found


def basket(member: Member, *, sale: dict[str, Any], version: ProgrammePublished, at: datetime) -> Tried:
    """One purchase by this member now: refused as the purchase itself would be."""
    alone = Programme((version.model_copy(update={"valid_from": _EVER}),))
    events, told = record_sale(open_account(member), Transaction(), sale=sale, programme=alone, at=at)
    [bought] = [event for event in told if isinstance(event, TransactionRecorded)]
    trace = earning.evaluate(version, bought.lines, channel=bought.channel, outlet=bought.outlet, tier=member.standing.tier).trace
    earned = tuple(event for event in events if isinstance(event, PointsEarned))
    return Tried(earned, trace if earned or member.suspended_at is None else (), _after(member, events, at))


def history(enrolled_at: datetime, sales: Sequence[tuple[datetime, TransactionRecorded]], *, version: ProgrammePublished, now: datetime) -> Retold:
    """All purchases anew, the oldest first, as if this version had held from the start; returns and spending are left out. Another currency earns nothing."""
    member = _after(Member(), [MemberEnrolled(programme=version.name, terms=terms(version))], enrolled_at)
    member = _after(member, tiers.rise(member.standing, version.name, enrolled_at), enrolled_at)
    by_sale, by_rule = dict[UUID, int](), Counter[str]()
    for at, sale in sorted(sales, key=lambda each: (each[0], each[1].transaction_id)):
        member = _after(member, advance(member, at), at)
        by_sale[sale.transaction_id] = 0
        if sale.currency != version.currency:
            continue
        gained = earning.evaluate(version, sale.lines, channel=sale.channel, outlet=sale.outlet, tier=member.standing.tier)
        by_sale[sale.transaction_id] = sum(gain.points for gain in gained.gains)
        by_rule.update({gain.rule: gain.points for gain in gained.gains})
        paid = earning.amount(sale.lines)
        member = _after(member, points.earn(member, earning=gained, version=version, transaction_id=sale.transaction_id, paid=paid, at=at), at)
    return Retold(by_sale, by_rule, _after(member, advance(member, now), now))


def _after(member: Member, events: Iterable[Happened[Any]], at: datetime) -> Member:
    for each in events:
        fact = Fact(each.event, _NAMELESS, each.occurred_at) if isinstance(each, At) else Fact(each, _NAMELESS, at)
        member = evolve(member, fact)
    return member
