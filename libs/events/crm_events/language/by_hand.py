"""What may staff do to a member, whatever the rules of the programme say?"""

from typing import Literal
from uuid import UUID

from crm_events.event import Code, Event, Instant, PersonalText
from crm_events.language.lots import Lot, OfProgramme, TransferredLot
from crm_events.language.words import Maybe, Points


class MemberSuspended(Event):
    """Until resumed, purchases are kept and earn nothing, and no points are spent."""

    type = "member.suspended"
    reason: Code


class MemberResumed(Event):
    """The member earns and spends again."""

    type = "member.resumed"
    reason: Code


class MemberClosed(Event):
    """The account has ended; what was left in it expired."""

    type = "member.closed"
    reason: Code


class PointsBlocked(OfProgramme):
    """Points are kept from being spent while something is looked into; those whose lot expires meanwhile expire when they are given back."""

    type = "points.blocked"
    points: Points
    lots: tuple[Lot, ...]
    reason: Code


class PointsUnblocked(OfProgramme):
    """Blocked points are back in their lots."""

    type = "points.unblocked"
    points: Points
    lots: tuple[Lot, ...]
    reason: Code


class PointsTransferred(OfProgramme):
    """Points went to another member of the programme, or came from one; told on both sides. They qualify for no tier."""

    type = "points.transferred"
    transfer_id: UUID
    direction: Literal["out", "in"]
    other_member_id: UUID
    other_customer_id: UUID
    points: Points
    lots: tuple[TransferredLot, ...]


class TierOverridden(OfProgramme):
    """A tier set by hand, whatever the points say: until `holds_until`, when they decide again, or until it is set anew."""

    type = "tier.overridden"
    tier: Code
    previous: Code | None
    holds_until: Maybe[Instant] = None
    reason: Code
    exception: Maybe[PersonalText] = None
