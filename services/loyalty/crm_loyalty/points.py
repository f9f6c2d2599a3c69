"""What do a purchase, a return and an adjustment do to a member's points?"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from crm_events.deciding import Fact, Happened
from crm_events.language.loyalty import AdjustmentReason, MemberEvent, PointsActivated, PointsAdjusted, PointsEarned, PointsReversed, RuleUsed, TierSpendCounted
from crm_events.language.programme import ProgrammePublished
from crm_events.refusals import Rejected

from crm_loyalty import tiers
from crm_loyalty.earning import Earning
from crm_loyalty.ledger import moved, take_back
from crm_loyalty.member import Member, evolve, open_account
from crm_loyalty.periods import add_months
from crm_loyalty.programme import by_spend, terms

MOST_ISSUED = 2**53 - 1  # of one member, ever: beyond, JSON numbers lose digits


def earn(
    member: Member, *, earning: Earning, version: ProgrammePublished, transaction_id: UUID, paid: int, at: datetime
) -> list[Happened[MemberEvent]]:  # fmt: skip
    """A lot for each rule that gave points, what is owed repaid from it first; then the tier that was reached. `paid`: minor units, for a tier by spend."""
    earned, debt, news = list[Happened[MemberEvent]](), member.ledger.debt, _news(member, version)
    _refuse_too_many(member, sum(gain.points for gain in earning.gains))
    for gain in earning.gains:
        repaid = min(debt, gain.points)
        debt -= repaid
        event = PointsEarned(
            lot_id=uuid5(transaction_id, gain.rule),
            points=gain.points,
            rule=RuleUsed(programme=version.name, version=version.version, id=gain.rule),
            lines=gain.lines,
            trace=earning.trace,
            activates_at=_activation(version, at),
            transaction_id=transaction_id,
            debt_repaid=repaid,
            **_expiry(version, at),
            **news,
        )
        member, news = evolve(member, Fact(event, uuid5(transaction_id, gain.rule), at)), {}
        earned.append(event)
    if paid and by_spend(version.tiers):
        counted = TierSpendCounted(
            programme=version.name, programme_version=version.version, transaction_id=transaction_id, amount=paid, currency=version.currency, sold_at=at, **news
        )  # fmt: skip
        member = evolve(member, Fact(counted, transaction_id, at))
        earned.append(counted)
    return [*earned, *(tiers.rise(member.standing, version.name, at) if earned else ())]


def done(member: Member, *, transaction_id: UUID, action: str, waits_for: Collection[str], at: datetime) -> list[MemberEvent]:
    """The points of a purchase waited for this, and may be spent from then on. `waits_for`: the actions its rules name. Nothing waits any more: nothing new."""
    if action not in waits_for:
        raise Rejected("other-action", "The points of this purchase do not wait for this.", waits_for=sorted(waits_for))
    waiting = [moved(lot, lot.pending, "pending") for lot in open_account(member).ledger.lots if lot.transaction_id == transaction_id and lot.pending]
    return [PointsActivated(programme=member.programme or "", programme_version=member.programme_version, lots=tuple(waiting))] if waiting else []


def reverse(
    member: Member, *, earned: Sequence[PointsEarned], counted: TierSpendCounted | None, before: Mapping[int, tuple[int, int]], now: Mapping[int, int],
    refunded: int, transaction_id: UUID, return_id: UUID, sold_at: datetime, at: datetime,
) -> list[MemberEvent]:  # fmt: skip
    """Take back what returned lines had earned, from the lot that gave it, then from others; the rest is owed. What had counted as spend does no longer.

    `before`: line -> (sold, returned so far), `now`: line -> returned with this return included. Cumulative, so n partial returns equal a full one.
    What expired of a lot was taken already and is not taken twice. `counted`: the purchase as it counted for a tier by spend; `refunded`: minor units.
    """
    taken, owed = list[MemberEvent](), 0
    state = member
    for lot in earned:
        known = member.ledger.lot(lot.lot_id)
        most = lot.points - (known.expired if known else 0)
        points = min(_returned(lot, before, now), most) - min(_returned(lot, before, {}), most)
        if points:
            lots, missing = take_back(state.ledger.lots, points, at=at, own=lot.lot_id)
            event = PointsReversed(
                programme=lot.rule.programme, programme_version=lot.rule.version, transaction_id=transaction_id, return_id=return_id,
                points=points, lots=tuple(lots), debt=missing, sold_at=sold_at,
            )  # fmt: skip
            state = evolve(state, Fact(event, return_id, at))
            taken.append(event)
            owed += points
    if counted is not None and refunded:
        back = counted.model_copy(update={"return_id": return_id, "amount": -refunded, "terms": None})
        state = evolve(state, Fact(back, return_id, at))
        taken.append(back)
    if not taken or not member.programme:
        return taken
    returned = refunded if state.standing.basis == "spend" else owed
    return [*taken, *tiers.unearned(state.standing, member.programme, returned=returned, earned_at=sold_at, at=at)]


def _returned(lot: PointsEarned, sold: Mapping[int, tuple[int, int]], now: Mapping[int, int]) -> int:
    """The lot's points on returned goods: each line's share, rounded down over all that came back so far."""
    total = 0
    for share in lot.lines:
        quantity, back = sold[share.line]
        total += share.points * now.get(share.line, back) // quantity
    return total


def adjust(
    member: Member, *, adjustment_id: UUID, points: int, reason: AdjustmentReason, cause_event_id: UUID | None, version: ProgrammePublished | None, at: datetime
) -> list[MemberEvent]:
    """Give points as a lot of their own, or take them; outside the rules, so they qualify for no tier."""
    if open_account(member).programme is None or version is None:
        raise Rejected("no-programme", "Points need a programme that is in force. Enrol the customer in one first.")
    told: dict[str, Any] = {"cause_event_id": cause_event_id} if cause_event_id else {}
    told |= {"programme": version.name, "programme_version": version.version, "adjustment_id": adjustment_id, "points": points, "reason": reason}
    if points < 0:
        lots, missing = take_back(member.ledger.lots, -points, at=at)
        return [PointsAdjusted(**told, lots=tuple(lots), debt=missing, debt_repaid=0)]
    _refuse_too_many(member, points)
    repaid = min(member.ledger.debt, points)
    return [PointsAdjusted(**told, lot_id=adjustment_id, activates_at=at, **_expiry(version, at), lots=(), debt=0, debt_repaid=repaid)]


def _expiry(version: ProgrammePublished, at: datetime) -> dict[str, datetime]:
    return {"expires_at": add_months(at, version.expiry.months)} if version.expiry.months else {}


def _activation(version: ProgrammePublished, at: datetime) -> datetime:
    """When they can be spent at the latest: an action, if the version names one, may be told before."""
    waited = at + timedelta(days=version.pending_days)
    return max(waited, version.pending.until) if version.pending and version.pending.until else waited


def _news(member: Member, version: ProgrammePublished) -> dict[str, Any]:
    known = member.standing.terms
    return {"terms": terms(version)} if known is None or known.version < version.version else {}


def _refuse_too_many(member: Member, points: int) -> None:
    if member.ledger.issued + points > MOST_ISSUED:
        raise Rejected("too-many-points", "More points than can be counted exactly. Open another member for this use.")
