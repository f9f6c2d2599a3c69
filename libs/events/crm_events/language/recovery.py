"""What can happen after a complaint, on its ticket: what lay behind it, and how it was made good?"""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant, Money
from crm_events.language.words import Maybe, Ordinal

RecoveryKind: TypeAlias = Literal["apology", "refund", "points", "replacement"]


class ComplaintRootCauseSet(Event):
    """What lay behind the complaint; `upheld`: it was right."""

    type = "complaint.root_cause_set"
    root_cause: Code
    upheld: bool
    department: Maybe[Code] = None


class OfRecovery(Event):
    """What all steps of a recovery tell of it. `points`: where points are offered; `cost`: what it costs us, as far as it is known."""

    recovery_id: UUID
    kind: RecoveryKind
    points: Maybe[Ordinal] = None
    cost: Maybe[Money] = None
    offered_at: Instant


class RecoveryOffered(OfRecovery):
    """We offered to make the complaint good."""

    type = "recovery.offered"


class RecoveryAccepted(OfRecovery):
    """The customer takes what we offered."""

    type = "recovery.accepted"


class RecoveryDeclined(OfRecovery):
    """The customer does not want what we offered."""

    type = "recovery.declined"


class RecoveryCompleted(OfRecovery):
    """What we offered was done. Points are paid out by loyalty, once for each `recovery_id`."""

    type = "recovery.completed"
