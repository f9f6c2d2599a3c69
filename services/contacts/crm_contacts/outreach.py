"""What became of one message of ours: was it sent or held back, and what came of it? A stream of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from crm_events.deciding import Aggregate, Claim, Fact
from crm_events.language.outreach import (
    OutreachBounced,
    OutreachClicked,
    OutreachDelivered,
    OutreachEvent,
    OutreachOpened,
    OutreachResponded,
    OutreachSent,
    OutreachSuppressed,
)
from crm_events.language.words import Channel
from crm_events.refusals import NotFound, Rejected

TURN = "outreach-turn"
RESULTS: Mapping[str, type[OutreachDelivered | OutreachOpened | OutreachClicked | OutreachBounced]] = {
    "delivered": OutreachDelivered,
    "opened": OutreachOpened,
    "clicked": OutreachClicked,
    "bounced": OutreachBounced,
}
COPIED = ("campaign_id", "channel", "segment", "purpose", "goal", "template", "group", "offer_id", "conversation_id", "identifier_id", "language",
          "consent_decision", "decision_id", "decided_by", "preference")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that came of it; of each kind the first told."""

    result: str
    at: datetime
    kind: str | None = None
    interaction_id: UUID | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Outreach:
    """`at`: when it was sent, or would have been. `suppressed`: why it was not; None: it was."""

    at: datetime | None = None
    campaign_id: UUID | None = None
    channel: Channel | None = None
    segment: str | None = None
    purpose: str | None = None
    goal: str | None = None
    template: str | None = None
    group: str | None = None
    offer_id: UUID | None = None
    conversation_id: UUID | None = None
    identifier_id: UUID | None = None
    language: str | None = None
    consent_decision: str | None = None
    decision_id: UUID | None = None
    decided_by: tuple[UUID, ...] = ()
    preference: str | None = None
    suppressed: str | None = None
    results: tuple[Result, ...] = ()


def evolve(outreach: Outreach, fact: Fact[OutreachEvent]) -> Outreach:
    """The message after one more event."""
    event, at = fact.event, fact.occurred_at
    match event:
        case OutreachSent() | OutreachSuppressed():
            reason = event.reason if isinstance(event, OutreachSuppressed) else None
            return Outreach(at, suppressed=reason, **{name: getattr(event, name) for name in COPIED})
        case OutreachResponded():
            return replace(outreach, results=(*outreach.results, Result("responded", at, event.kind, event.interaction_id, event.reason)))
        case OutreachDelivered() | OutreachOpened() | OutreachClicked() | OutreachBounced():
            return replace(outreach, results=(*outreach.results, Result(event.type.partition(".")[2], at, reason=event.reason)))
        case _:
            assert_never(event)


def record_result(
    outreach: Outreach, *, outreach_id: UUID, result: str, kind: str | None = None, interaction_id: UUID | None = None, reason: str | None = None
) -> list[OutreachEvent]:
    """One event; a result told before is nothing new. Of answers each kind, and each interaction, is one.

    Raises NotFound, Rejected `not-sent` for what was held back or is of the control group: nothing can come of it.
    """
    if outreach.at is None or outreach.campaign_id is None or outreach.channel is None:
        raise NotFound("The contact has no message of this id.")
    if outreach.suppressed or outreach.group == "control":
        raise Rejected("not-sent", "This message was not sent to the customer; look up the id of the one that was.", reason=outreach.suppressed or "control")
    if any((each.result, each.kind, each.interaction_id) == (result, kind, interaction_id) for each in outreach.results):
        return []
    told: dict[str, Any] = {"outreach_id": outreach_id, "campaign_id": outreach.campaign_id, "channel": outreach.channel, "sent_at": outreach.at}
    told |= {name: value for name, value in (("segment", outreach.segment), ("reason", reason)) if value is not None}
    if result == "responded":
        return [OutreachResponded(**told, kind=kind or "", **({"interaction_id": interaction_id} if interaction_id else {}))]
    return [RESULTS[result](**told)]


def _claims(_: Outreach, event: OutreachEvent) -> list[Claim]:
    return [Claim(TURN, f"{event.canonical_id}:{event.turn}")] if isinstance(event, OutreachSent) else []


def _columns(outreach: Outreach) -> dict[str, Any]:
    return {"occurred_at": round(outreach.at.timestamp() * 1_000_000) if outreach.at else None}


OUTREACH: Aggregate[Outreach, OutreachEvent] = Aggregate("outreach", Outreach, evolve, claims=_claims, columns=_columns)
