"""How is a complaint made good? What lay behind it, what we offered for it, and what came of the offer. Points are paid out by loyalty, which hears of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from crm_events.event import Money
from crm_events.language.recovery import (
    ComplaintRootCauseSet,
    RecoveryAccepted,
    RecoveryCompleted,
    RecoveryDeclined,
    RecoveryKind,
    RecoveryOffered,
)
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

from crm_tickets.rules import Events, moment_of
from crm_tickets.ticket import Ticket
from crm_tickets.told import Recovery

MOST = 20  # offers a ticket may see


def set_root_cause(ticket: Ticket, *, root_cause: str, upheld: bool, department: str | None, at: datetime) -> Events:
    """What lay behind the complaint, and whether it was right. The same once more is nothing new."""
    _complaint(ticket, at)
    told = ticket.root_cause
    if told and (told.root_cause, told.upheld, told.department) == (root_cause, upheld, department):
        return []
    return [ComplaintRootCauseSet(root_cause=root_cause, upheld=upheld, department=department)]


def offer(ticket: Ticket, *, recovery_id: UUID, kind: RecoveryKind, points: int | None, cost: Money | None, at: datetime) -> Events:
    """An apology, money back, points, or the thing once more."""
    at = _complaint(ticket, at)
    if any(each.recovery_id == recovery_id for each in ticket.recoveries):
        raise AlreadyExists("There is a recovery of this id already.", recovery_id)
    if (kind == "points") != (points is not None):
        raise Invalid("/points", "points", "Say how many points where points are offered, and nowhere else.")
    if len(ticket.recoveries) >= MOST:
        raise Rejected("too-many-changes", f"A ticket takes {MOST} recoveries. Go on with those that are offered.")
    return [RecoveryOffered(**_about(Recovery(recovery_id, kind, points, cost, at)))]


def accept(ticket: Ticket, *, recovery_id: UUID, at: datetime) -> Events:
    """The customer takes it."""
    return _step(ticket, recovery_id, at, RecoveryAccepted, ("offered",), "accepted")


def decline(ticket: Ticket, *, recovery_id: UUID, at: datetime) -> Events:
    """The customer does not want it."""
    return _step(ticket, recovery_id, at, RecoveryDeclined, ("offered",), "declined")


def complete(ticket: Ticket, *, recovery_id: UUID, at: datetime) -> Events:
    """It was done: for points, they are owed from now on. An apology needs nobody's acceptance."""
    kind = found(ticket.recoveries, recovery_id).kind
    return _step(ticket, recovery_id, at, RecoveryCompleted, ("accepted", "offered") if kind == "apology" else ("accepted",), "completed")


def found(recoveries: Sequence[Recovery], recovery_id: UUID) -> Recovery:
    """The recovery of this id, or NotFound."""
    for each in recoveries:
        if each.recovery_id == recovery_id:
            return each
    raise NotFound("The ticket has no recovery of this id.")


def _step(ticket: Ticket, recovery_id: UUID, at: datetime, event: Any, before: Sequence[str], after: Literal["accepted", "declined", "completed"]) -> Events:
    _complaint(ticket, at)
    known = found(ticket.recoveries, recovery_id)
    if known.stage == after:
        return []
    if known.stage not in before:
        raise Rejected(f"recovery-{known.stage}", f"The recovery is {known.stage}: it cannot be {after} now.", stage=known.stage)
    if at < known.since:
        raise Invalid("/occurred_at", "before-offer", f"Tell a time after the recovery was {known.stage}.")
    return [event(**_about(known))]


def _complaint(ticket: Ticket, at: datetime) -> datetime:
    at, _ = moment_of(ticket, at, closed=True)
    if ticket.first.kind != "complaint":
        raise Rejected("not-a-complaint", "Only a complaint is made good. Open one for what went wrong.", kind=ticket.first.kind)
    return at


def _about(known: Recovery) -> dict[str, Any]:
    told = {"recovery_id": known.recovery_id, "kind": known.kind, "points": known.points, "cost": known.cost, "offered_at": known.offered_at}
    return {name: value for name, value in told.items() if value is not None}
