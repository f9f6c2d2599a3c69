"""How do events name the points that moved?"""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant, Value
from crm_events.language.words import Maybe, Ordinal, Points

Account: TypeAlias = Literal["pending", "available"]


class Lot(Value):
    """Points of one lot that moved, and the account they were taken from. `restored`: it had ended, and was given until this `expires_at` instead, once."""

    lot_id: UUID
    points: Points
    earned_at: Instant
    expires_at: Maybe[Instant] = None
    taken_from: Account
    restored: Maybe[bool] = None


class TransferredLot(Lot):
    """`origin`: of points that came in, the lot they were in before; they keep its times."""

    origin: Maybe[UUID] = None


class OfProgramme(Event):
    """Happened under this version of the programme."""

    programme: Code
    programme_version: Ordinal
