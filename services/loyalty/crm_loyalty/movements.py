"""Which accounts does each event of a member move? The one place where an event becomes double entry."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from crm_events.deciding import Fact
from crm_events.language.by_hand import MemberClosed, MemberResumed, MemberSuspended, PointsBlocked, PointsTransferred, PointsUnblocked, TierOverridden
from crm_events.language.lots import Lot as MovedLot
from crm_events.language.loyalty import (
    MemberEnrolled,
    MemberEvent,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReserved,
    PointsReversed,
    RedemptionCancelled,
    RedemptionReversed,
    TierDowngraded,
    TierQualified,
    TierRetained,
    TierSpendCounted,
)
from crm_events.language.notices import NoticeMissed, NoticePointsExpiring, NoticeTierEnding

from crm_loyalty.ledger import Account, Ledger, Lot, Movement, born, post, prolonged


def movements(event: MemberEvent, at: datetime) -> list[Movement]:
    """The entries of an event that happened at `at`; none where it moves no points."""
    match event:
        case MemberEnrolled() | MemberSuspended() | MemberResumed() | MemberClosed() | TierQualified() | TierRetained() | TierDowngraded() | TierOverridden():
            return []
        case NoticePointsExpiring() | NoticeTierEnding() | NoticeMissed() | TierSpendCounted():
            return []
        case PointsEarned():
            account: Account = "available" if event.activates_at <= at else "pending"
            return _some(Movement(event.lot_id, "issued", account, event.points), Movement(event.lot_id, account, "debt", event.debt_repaid))
        case PointsActivated():
            return _each(event.lots, "pending", "available")
        case PointsReserved():
            return _each(event.lots, "available", "reserved")
        case PointsRedeemed():
            return _each(event.lots, "reserved", "redeemed")
        case RedemptionCancelled():
            return _each(event.lots, "reserved", "available")
        case RedemptionReversed():
            return _each(event.lots, "redeemed", "available")
        case PointsExpired():
            return [Movement(lot.lot_id, lot.taken_from, "expired", lot.points) for lot in event.lots]
        case PointsReversed():
            return _back(event)
        case PointsBlocked():
            return _each(event.lots, "available", "blocked")
        case PointsUnblocked():
            return _each(event.lots, "blocked", "available")
        case PointsTransferred():
            return _each(event.lots, *(("available", "transferred") if event.direction == "out" else ("transferred", "available")))
        case PointsAdjusted():
            if event.points < 0:
                return _back(event)
            account = "available" if event.activates_at is None or event.activates_at <= at else "pending"
            return _some(Movement(event.lot_id, "issued", account, event.points), Movement(event.lot_id, account, "debt", event.debt_repaid))
        case _:
            assert_never(event)


def booked(ledger: Ledger, fact: Fact[MemberEvent]) -> Ledger:
    """The ledger after this event: lots it makes or brings back, then its entries."""
    event, at = fact.event, fact.occurred_at
    match event:
        case PointsEarned():
            ledger = born(ledger, Lot(event.lot_id, event.points, at, event.activates_at, event.expires_at, fact.event_id, event.transaction_id))
        case PointsAdjusted(lot_id=lot_id) if lot_id is not None:
            ledger = born(ledger, Lot(lot_id, event.points, at, event.activates_at or at, event.expires_at, fact.event_id))
        case PointsActivated():  # by an action, before its time: in the order of spending it counts from now on
            early = {lot.lot_id for lot in event.lots}
            ledger = replace(ledger, lots=tuple(replace(lot, activates_at=min(lot.activates_at, at)) if lot.lot_id in early else lot for lot in ledger.lots))
        case RedemptionReversed():  # emptied long ago, a lot may have left the page; what its points need travels in the event
            for lot in event.lots:
                if ledger.lot(lot.lot_id) is None:
                    ledger = born(ledger, Lot(lot.lot_id, lot.points, lot.earned_at, lot.earned_at, lot.expires_at, fact.event_id))
                if lot.restored:
                    ledger = prolonged(ledger, lot.lot_id, lot.expires_at)
        case PointsTransferred(direction="in"):
            for lot in event.lots:
                new = Lot(lot.lot_id, lot.points, lot.earned_at, lot.earned_at, lot.expires_at, fact.event_id, restored=bool(lot.restored))
                ledger = born(ledger, new)
        case _:
            pass
    return post(ledger, movements(event, at))


def _each(lots: Sequence[MovedLot], source: Account, target: Account) -> list[Movement]:
    return [Movement(lot.lot_id, source, target, lot.points) for lot in lots]


def _back(event: PointsReversed | PointsAdjusted) -> list[Movement]:
    given = [Movement(lot.lot_id, lot.taken_from, "reversed", lot.points) for lot in event.lots]
    return given + _some(Movement(None, "debt", "reversed", event.debt))


def _some(*entries: Movement) -> list[Movement]:
    return [entry for entry in entries if entry.points]
