"""Where are a member's points? Double entry, lot by lot: every movement takes from one account what it gives to another.

Of a lot:      pending, available, reserved, blocked, expired. Of the member: issued (the source), redeemed, expired, reversed, transferred, debt.
At any moment: Σ issued = pending + available + reserved + blocked + redeemed + expired + reversed + transferred - debt.
Of a programme: Σ transferred = 0; of a member who was given more than he gave it is negative.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

from crm_events.language.lots import Lot as MovedLot

CLOSED = 50  # emptied lots kept in the state: what a return asks of a lot is how much of it expired
NEVER = datetime.max.replace(tzinfo=UTC)

Account: TypeAlias = Literal["issued", "pending", "available", "reserved", "blocked", "redeemed", "expired", "reversed", "transferred", "debt"]


class Movement(NamedTuple):
    """Points of one lot from one account to another; `lot_id` None where no lot could give them."""

    lot_id: UUID | None
    source: Account
    target: Account
    points: int


@dataclass(frozen=True, slots=True)
class Lot:
    """What one rule gave for one transaction, or one adjustment. `points` is how it was born, the accounts are what it holds now."""

    lot_id: UUID
    points: int
    earned_at: datetime
    activates_at: datetime
    expires_at: datetime | None
    source_event_id: UUID
    transaction_id: UUID | None = None
    pending: int = 0
    available: int = 0
    reserved: int = 0
    expired: int = 0
    blocked: int = 0
    noticed: bool = False  # its owner was told that it will expire, or it was too late to tell
    restored: bool = False  # it had ended, and was given time once more when points of it came back

    @property
    def left(self) -> int:
        """Points that can still be spent, now or later."""
        return self.pending + self.available + self.reserved + self.blocked

    def expired_by(self, at: datetime) -> bool:
        """Has its time come?"""
        return self.expires_at is not None and self.expires_at <= at


@dataclass(frozen=True, slots=True)
class Ledger:
    """Open lots in the order of their birth, the last emptied ones, and the sums that no lot holds."""

    lots: tuple[Lot, ...] = ()
    closed: tuple[Lot, ...] = ()
    issued: int = 0
    redeemed: int = 0
    expired: int = 0
    reversed: int = 0
    debt: int = 0
    transferred: int = 0

    @property
    def pending(self) -> int:
        """Earned, and not yet to be spent."""
        return sum(lot.pending for lot in self.lots)

    @property
    def available(self) -> int:
        """Not spent, held or expired; what is owed comes off before any of it can be spent."""
        return sum(lot.available for lot in self.lots)

    @property
    def reserved(self) -> int:
        """Held for redemptions that are neither confirmed nor cancelled."""
        return sum(lot.reserved for lot in self.lots)

    @property
    def blocked(self) -> int:
        """Kept from being spent while something is looked into."""
        return sum(lot.blocked for lot in self.lots)

    def lot(self, lot_id: UUID) -> Lot | None:
        """An open lot, or one of those emptied last."""
        return next((lot for lot in (*self.lots, *self.closed) if lot.lot_id == lot_id), None)


def consumption_order(lot: Lot) -> tuple[datetime, datetime, UUID]:
    """Soonest expiry, then oldest activation, then lot id."""
    return lot.expires_at or NEVER, lot.activates_at, lot.lot_id


def spendable(lots: Iterable[Lot], at: datetime) -> list[Lot]:
    """The lots a redemption at `at` may take from, in order: active by then, not expired by then."""
    return sorted((lot for lot in lots if lot.available and lot.activates_at <= at and not lot.expired_by(at)), key=consumption_order)


def moved(lot: Lot, points: int, account: Literal["pending", "available"] = "available") -> MovedLot:
    """A lot's entry in an event."""
    when: dict[str, Any] = {"expires_at": lot.expires_at} if lot.expires_at else {}
    when |= {"restored": True} if lot.restored else {}
    return MovedLot(lot_id=lot.lot_id, points=points, earned_at=lot.earned_at, taken_from=account, **when)


def take(lots: Sequence[Lot], points: int) -> tuple[list[MovedLot], int]:
    """Available points from these lots in their order, and how many were missing."""
    taken = list[MovedLot]()
    for lot in lots:
        if points and lot.available:
            share = min(points, lot.available)
            taken.append(moved(lot, share))
            points -= share
    return taken, points


def take_back(lots: Iterable[Lot], points: int, *, at: datetime, own: UUID | None = None) -> tuple[list[MovedLot], int]:
    """Points a return or a correction takes: first from the lot that gave them, then from what is available, then from what is pending; and what is missing."""
    born = [lot for lot in lots if lot.earned_at <= at or lot.lot_id == own]
    taken = list[MovedLot]()
    order = sorted(born, key=lambda lot: (lot.lot_id != own, *consumption_order(lot)))
    first, rest = [lot for lot in order if lot.lot_id == own], [lot for lot in order if lot.lot_id != own]
    holdings = [(lot, account) for lot in first for account in _TAKEN_FROM] + [(lot, account) for account in reversed(_TAKEN_FROM) for lot in rest]
    for lot, account in holdings:
        held = lot.pending if account == "pending" else lot.available
        if points and held:
            share = min(points, held)
            taken.append(moved(lot, share, account))
            points -= share
    return taken, points


_TAKEN_FROM: tuple[Literal["pending", "available"], ...] = ("pending", "available")


def born(ledger: Ledger, lot: Lot) -> Ledger:
    """A new lot, still empty: a movement fills it."""
    return replace(ledger, lots=(*ledger.lots, lot))


def prolonged(ledger: Ledger, lot_id: UUID, until: datetime | None) -> Ledger:
    """A lot that had ended lives until then; never again after that."""
    lots, closed = (
        tuple(replace(lot, expires_at=until, restored=True) if lot.lot_id == lot_id else lot for lot in page) for page in (ledger.lots, ledger.closed)
    )
    return replace(ledger, lots=lots, closed=closed)


def post(ledger: Ledger, movements: Iterable[Movement]) -> Ledger:
    """The ledger after these movements."""
    for movement in movements:
        ledger = _post(ledger, movement)
    return ledger


def _post(ledger: Ledger, movement: Movement) -> Ledger:
    lot = ledger.lot(movement.lot_id) if movement.lot_id else None
    changes = _sums(ledger, movement)
    if lot is None:
        return replace(ledger, **changes)
    accounts = {name: getattr(lot, name) + _signed(movement, name) for name in ("pending", "available", "reserved", "blocked", "expired")}
    lot = replace(lot, **accounts)
    return replace(_filed(ledger, lot), **changes)


def _sums(ledger: Ledger, movement: Movement) -> dict[str, Any]:
    own = {name: getattr(ledger, name) + _signed(movement, name) for name in ("redeemed", "expired", "reversed", "transferred")}
    return own | {"issued": ledger.issued - _signed(movement, "issued"), "debt": ledger.debt - _signed(movement, "debt")}


def _signed(movement: Movement, account: str) -> int:
    return movement.points * ((movement.target == account) - (movement.source == account))


def _filed(ledger: Ledger, lot: Lot) -> Ledger:
    """Where a lot belongs: among the open ones in its place, or emptied at the end of the page."""
    if not lot.left:
        rest = tuple(each for each in ledger.closed if each.lot_id != lot.lot_id)
        return replace(ledger, lots=tuple(each for each in ledger.lots if each.lot_id != lot.lot_id), closed=(*rest, lot)[-CLOSED:])
    if any(each.lot_id == lot.lot_id for each in ledger.lots):
        return replace(ledger, lots=tuple(lot if each.lot_id == lot.lot_id else each for each in ledger.lots))
    closed = tuple(each for each in ledger.closed if each.lot_id != lot.lot_id)
    return replace(ledger, lots=(*ledger.lots, lot), closed=closed)
