"""What may be done to a member by hand? Suspended, resumed and closed; points blocked and given to others; a tier set with a reason."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from crm_events.language.by_hand import MemberClosed, MemberResumed, MemberSuspended, PointsBlocked, PointsTransferred, PointsUnblocked, TierOverridden
from crm_events.language.lots import TransferredLot
from crm_events.language.loyalty import MemberEvent, PointsExpired
from crm_events.refusals import Invalid, Rejected

from crm_loyalty.ledger import consumption_order, moved, spendable, take
from crm_loyalty.member import Member, active, freed, open_account, required
from crm_loyalty.points import MOST_ISSUED
from crm_loyalty.programme import NO_TIER
from crm_loyalty.redemption import able


def suspend(member: Member, *, reason: str) -> list[MemberEvent]:
    """Purchases are kept and earn nothing, and nothing is spent; what is held for a redemption may still be taken. Suspended already: nothing new."""
    return [] if open_account(member).suspended_at is not None else [MemberSuspended(reason=reason)]


def resume(member: Member, *, reason: str) -> list[MemberEvent]:
    """Earn and spend again. Not suspended: nothing new."""
    return [MemberResumed(reason=reason)] if open_account(member).suspended_at is not None else []


def close(member: Member, *, reason: str) -> list[MemberEvent]:
    """End the account; all that is left in it expires. Closed already: nothing new."""
    if required(member).closed_at is not None:
        return []
    if member.ledger.reserved:
        raise Rejected("reservations-open", "Points are held for redemptions. Confirm or cancel them first.")
    events, lots = list[MemberEvent](), member.ledger.lots
    if blocked := [moved(lot, lot.blocked) for lot in lots if lot.blocked]:
        events.append(PointsUnblocked(**_head(member), points=sum(lot.points for lot in blocked), lots=tuple(blocked), reason=reason))
    left = [moved(lot, lot.available + lot.blocked) for lot in lots if lot.available + lot.blocked]
    left += [moved(lot, lot.pending, "pending") for lot in lots if lot.pending]
    if left:
        events.append(PointsExpired(**_head(member), lots=tuple(left)))
    return [*events, MemberClosed(reason=reason)]


def block(member: Member, *, points: int | None, reason: str, at: datetime) -> list[MemberEvent]:
    """Keep points from being spent, those first that would be spent first; all that are available where no number is told."""
    free = spendable(open_account(member).ledger.lots, at)
    most = sum(lot.available for lot in free)
    asked = most if points is None else points
    if asked > most or not most:
        raise Rejected("insufficient-points", f"There are {most} points to block. Ask for fewer.", available=most, asked=asked)
    lots, _ = take(free, asked)
    return [PointsBlocked(**_head(member), points=asked, lots=tuple(lots), reason=reason)]


def unblock(member: Member, *, points: int | None, reason: str, at: datetime) -> list[MemberEvent]:
    """Give blocked points back; those whose lot has expired meanwhile expire in the same command. None are blocked: nothing new."""
    blocked = sorted((lot for lot in open_account(member).ledger.lots if lot.blocked), key=consumption_order)
    most = sum(lot.blocked for lot in blocked)
    asked = most if points is None else points
    if asked > most:
        raise Rejected("insufficient-points", f"There are {most} points blocked. Ask for fewer.", available=most, asked=asked)
    back, left = [], asked
    for lot in blocked:
        share = min(left, lot.blocked)
        back += [moved(lot, share)] if share else []
        left -= share
    if not back:
        return []
    return [PointsUnblocked(**_head(member), points=asked, lots=tuple(back), reason=reason), *freed(member, tuple(back), at)]


def transfer(
    giver: Member, taker: Member, *, giver_id: UUID, taker_id: UUID, customers: tuple[UUID, UUID], transfer_id: UUID, points: int, at: datetime
) -> list[list[MemberEvent]]:
    """Points go from one member of a programme to another, soonest expiry first, and keep their times. `customers`: whose the giver and the taker are."""
    if giver_id == taker_id:
        raise Invalid("/to_member_id", "same", "Points go to another member.")
    if active(giver).programme is None or giver.programme != active(taker).programme:
        raise Rejected("other-programme", "Points stay within a programme. Choose a member of the same one.")
    free = able([giver], at)
    if points > free:
        raise Rejected("insufficient-points", f"There are {free} points to give. Ask for fewer.", available=free, asked=points)
    if taker.ledger.issued - taker.ledger.transferred + points > MOST_ISSUED:
        raise Rejected("too-many-points", "More points than can be counted exactly. Choose another member.")
    given, _ = take(spendable(giver.ledger.lots, at), points)
    out = [TransferredLot(**lot.model_dump(exclude_unset=True)) for lot in given]
    into = [lot.model_copy(update={"lot_id": uuid5(transfer_id, str(lot.lot_id)), "origin": lot.lot_id}) for lot in out]
    told: dict[str, Any] = {"transfer_id": transfer_id, "points": points}
    return [
        [PointsTransferred(**_head(giver), **told, direction="out", other_member_id=taker_id, other_customer_id=customers[1], lots=tuple(out))],
        [PointsTransferred(**_head(taker), **told, direction="in", other_member_id=giver_id, other_customer_id=customers[0], lots=tuple(into))],
    ]


def override(member: Member, *, tier: str, holds_until: datetime | None, reason: str, exception: str | None, at: datetime) -> list[MemberEvent]:
    """Set a tier whatever the points say. At `holds_until` it is judged by points again; without one it stands until it is set anew."""
    standing = open_account(member).standing
    if member.programme is None or standing.terms is None:
        raise Rejected("no-programme", "A tier needs a programme that is in force. Enrol the customer in one first.")
    if tier != NO_TIER and standing.rank(tier) < 0:
        raise Invalid("/tier", "unknown", "The member's programme has no such tier.")
    if holds_until is not None and holds_until <= at:
        raise Invalid("/holds_until", "order", "It holds until a later moment.")
    if standing.held is not None and (standing.held.name, standing.held.until) == (tier, holds_until):
        return []
    told: dict[str, Any] = {name: value for name, value in (("holds_until", holds_until), ("exception", exception)) if value is not None}
    return [TierOverridden(**_head(member), tier=tier, previous=standing.tier, reason=reason, **told)]


def _head(member: Member) -> dict[str, Any]:
    return {"programme": member.programme or "", "programme_version": member.programme_version}
