"""What is a customer entitled to beyond what everybody gets?"""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant, PersonalText
from crm_events.language.words import Maybe

EntitlementKind: TypeAlias = Literal["special_price", "priority", "warranty", "contract"]
EntitlementCause: TypeAlias = Literal["tier", "segment", "manual"]


class EntitlementGranted(Event):
    """A right until `valid_to`, or until it is revoked; `member_id`, `tier`: whose tier gave it.

    `scope`: of a priority the least that a ticket gets, of others what the right is for.
    """

    type = "entitlement.granted"
    entitlement_id: UUID
    kind: EntitlementKind
    scope: Maybe[Code] = None
    valid_from: Instant
    valid_to: Maybe[Instant] = None
    cause: EntitlementCause
    member_id: Maybe[UUID] = None
    tier: Maybe[Code] = None


class EntitlementRevoked(Event):
    """The right has ended: taken back, lost with the tier, or (reason `ended`) its time was up."""

    type = "entitlement.revoked"
    entitlement_id: UUID
    kind: EntitlementKind
    scope: Maybe[Code] = None
    reason: Code
    exception: Maybe[PersonalText] = None


EntitlementEvent: TypeAlias = EntitlementGranted | EntitlementRevoked
