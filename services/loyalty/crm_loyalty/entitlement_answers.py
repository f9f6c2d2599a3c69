"""What does a client see of an entitlement?"""

from datetime import datetime
from uuid import UUID

from crm_chassis.body import Instant, Resource
from crm_events.store.loading import Loaded

from crm_loyalty.entitlement import Entitlement


class EntitlementAnswer(Resource):
    """A right. `state`: upcoming, active or ended; `reason`: why it ended. `member_id`, `tier`: whose tier gave it."""

    id: UUID
    version: int
    customer_id: UUID
    kind: str
    scope: str | None
    valid_from: Instant
    valid_to: Instant | None
    cause: str
    member_id: UUID | None
    tier: str | None
    state: str
    ended_at: Instant | None
    reason: str | None
    exception: str | None
    occurred_at: Instant | None
    recorded_at: Instant | None
    redacted: list[str]


def entitlement_answer(part: Loaded[Entitlement], now: datetime) -> EntitlementAnswer:
    """An entitlement that is there, as it stands at `now`."""
    known, granted = part.state, part.state.granted
    if granted is None:
        raise AssertionError("only a granted entitlement is shown")
    told = {name: getattr(granted, name) for name in ("kind", "scope", "valid_from", "valid_to", "cause", "member_id", "tier")}
    return EntitlementAnswer(
        id=part.stream_id, version=part.version, customer_id=part.customer_id, **told, state=known.state(now), ended_at=known.ended_at, reason=known.reason,
        exception=known.exception, occurred_at=known.granted_at, recorded_at=part.recorded_at, redacted=[],
    )  # fmt: skip
