"""May these points be spent? In two phases: reserve, then confirm or cancel; a confirmed redemption can be taken back.

A redemption over a merged customer takes the lots of all its members in one order, and has a part on each member's stream: all parts move, or none.
A stream's points never leave it, so taking the merge back is exact even after spending.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_events.event import Money
from crm_events.language.lots import Lot as MovedLot
from crm_events.language.loyalty import MemberEvent, PointsRedeemed, PointsReserved, RedemptionCancelled, RedemptionReversed
from crm_events.language.programme import PointValue, ProgrammePublished
from crm_events.refusals import NotFound, Rejected

from crm_loyalty.ledger import Lot, consumption_order, spendable, take
from crm_loyalty.member import SETTLED, Member, Redemption, active, freed

HOLD = timedelta(minutes=15)  # a checkout takes minutes; what is forgotten comes back by itself
MOST_OPEN = 100  # reservations of one member at once


def reserve(
    members: Sequence[Member], *, redemption_id: UUID, points: int, reward: str | None, version: ProgrammePublished | None, at: datetime
) -> list[list[MemberEvent]]:
    """Hold points of these members, the one asked first: soonest expiry first, over all. Members untouched get no event, and are checked not to have moved."""
    active(members[0])
    if any(sum(each.state == "reserved" for each in member.redemptions) >= MOST_OPEN for member in members):
        raise Rejected("too-many-reservations", f"A member has at most {MOST_OPEN} reservations at once. Confirm or cancel some first.")
    free = able(members, at)
    if points > free:
        raise Rejected("insufficient-points", f"There are {free} points to spend. Ask for fewer.", available=free, asked=points)
    lots_of = [(lot, number) for number, member in enumerate(members) for lot in _spendable(member, at)]
    parts: list[list[MovedLot]] = [[] for _ in members]
    for lot, number in sorted(lots_of, key=lambda each: consumption_order(each[0])):
        taken, points = take([lot], points)
        parts[number] += taken
    told: dict[str, Any] = {"redemption_id": redemption_id, "expires_at": at + HOLD} | ({"reward": reward} if reward else {})
    return [
        [PointsReserved(**_head(member, version), **told, points=sum(lot.points for lot in lots), lots=tuple(lots))] if lots else []
        for member, lots in zip(members, parts, strict=True)
    ]


def able(members: Sequence[Member], at: datetime) -> int:
    """Points these members can spend together: what is available, less what they owe."""
    free = sum(lot.available for member in members for lot in _spendable(member, at))
    return max(0, free - sum(member.ledger.debt for member in members))


def _spendable(member: Member, at: datetime) -> list[Lot]:
    return spendable(member.ledger.lots, at) if member.suspended_at is None else []


def confirm(members: Sequence[Member], *, redemption_id: UUID, parts: Sequence[bool], version: ProgrammePublished | None) -> list[list[MemberEvent]]:
    """Spend what was reserved. Confirmed already: nothing new. `parts`: which of the members the redemption was reserved from."""
    match _state(members, redemption_id, parts):
        case "confirmed":
            return [[] for _ in members]
        case "reserved":
            return [[_redeemed(member, part, version)] if part else [] for member, part in _each(members, redemption_id)]
        case _:
            raise Rejected("window-closed", "The points are no longer held: the reservation ended, or was cancelled. Reserve them again.")


def cancel(
    members: Sequence[Member], *, redemption_id: UUID, parts: Sequence[bool], reason: str | None, version: ProgrammePublished | None, at: datetime
) -> list[list[MemberEvent]]:
    """Give up a reservation, or take a confirmed redemption back, into the same lots. Done already: nothing new."""
    told: dict[str, Any] = {"reason": reason} if reason else {}
    match _state(members, redemption_id, parts):
        case "reserved":
            return [
                [RedemptionCancelled(**_head(member, version), **_told(part), cause="cancelled"), *freed(member, part.lots, at)] if part else []
                for member, part in _each(members, redemption_id)
            ]
        case "confirmed":
            return [_reversed(member, part, version, told, at) if part else [] for member, part in _each(members, redemption_id)]
        case _:
            return [[] for _ in members]


def _state(members: Sequence[Member], redemption_id: UUID, parts: Sequence[bool]) -> str:
    """The state of all parts, which move together. A part that has left its member's page has become final."""
    if not any(parts):
        raise NotFound("There is no redemption of this id.")
    found = [part for _, part in _each(members, redemption_id) if part]
    if len(found) < sum(parts):
        raise Rejected("window-closed", f"Only the last {SETTLED} redemptions can be changed. Adjust the points instead.")
    return found[0].state


def _each(members: Sequence[Member], redemption_id: UUID) -> list[tuple[Member, Redemption | None]]:
    return [(member, member.redemption(redemption_id)) for member in members]


def _head(member: Member, version: ProgrammePublished | None) -> dict[str, Any]:
    return {"programme": member.programme or "", "programme_version": version.version if version else member.programme_version}


def _told(part: Redemption) -> dict[str, Any]:
    return {"redemption_id": part.redemption_id, "points": part.points, "lots": part.lots}


def _redeemed(member: Member, part: Redemption, version: ProgrammePublished | None) -> PointsRedeemed:
    told: dict[str, Any] = {"reward": part.reward} if part.reward else {}
    if version:
        told["value"] = worth(part.points, version.point_value)
    return PointsRedeemed(**_head(member, version), **_told(part), **told)


def _reversed(member: Member, part: Redemption, version: ProgrammePublished | None, told: dict[str, Any], at: datetime) -> list[MemberEvent]:
    """Into the same lots; what has ended meanwhile lives on for a while, once, where the programme says so, else it expires now."""
    days = version.expiry.restored_days if version and member.closed_at is None else None
    lots = tuple(_lengthened(member, lot, days, at) for lot in part.lots)
    return [RedemptionReversed(**_head(member, version), **{**_told(part), "lots": lots}, **told), *freed(member, lots, at)]


def _lengthened(member: Member, lot: MovedLot, days: int | None, at: datetime) -> MovedLot:
    """The lot's entry; `days` later its new end, if it has ended and was not given more time before: with these points, or since by others."""
    known = member.ledger.lot(lot.lot_id)
    if known is not None and known.restored:
        return lot.model_copy(update={"expires_at": known.expires_at, "restored": True})
    if days is None or lot.restored or lot.expires_at is None or lot.expires_at > at:
        return lot
    return lot.model_copy(update={"expires_at": at + timedelta(days=days), "restored": True})


def worth(points: int, value: PointValue) -> Money:
    """What so many points are worth, rounded down to whole minor units."""
    return Money(amount=points * value.amount // value.points, currency=value.currency)
