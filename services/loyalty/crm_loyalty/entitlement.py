"""What is a customer entitled to, and until when? Given by hand, or by a tier for as long as it is held; ended by hand, by the tier, or by time."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from crm_events.deciding import Aggregate, At, Fact
from crm_events.language.entitlement import EntitlementEvent, EntitlementGranted, EntitlementRevoked
from crm_events.language.programme import Benefit
from crm_events.refusals import AlreadyExists, Invalid, NotFound

from crm_loyalty.tiers import Standing

ENDED = "ended"  # the reason when its time was up


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The right as granted, and when and why it ended."""

    granted: EntitlementGranted | None = None
    granted_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    exception: str | None = None

    def state(self, now: datetime) -> str:
        """`upcoming`, `active` or `ended`."""
        if self.granted is None or self.ended_at is not None or (self.granted.valid_to is not None and self.granted.valid_to <= now):
            return "ended"
        return "active" if self.granted.valid_from <= now else "upcoming"


def evolve(entitlement: Entitlement, fact: Fact[EntitlementEvent]) -> Entitlement:
    """The entitlement after this event."""
    match fact.event:
        case EntitlementGranted():
            return Entitlement(fact.event, fact.occurred_at)
        case EntitlementRevoked():
            return replace(entitlement, ended_at=fact.occurred_at, reason=fact.event.reason, exception=fact.event.exception)
        case _:
            assert_never(fact.event)


def due(entitlement: Entitlement) -> datetime | None:
    """When it ends by itself."""
    return entitlement.granted.valid_to if entitlement.granted and entitlement.ended_at is None else None


def advance(entitlement: Entitlement, now: datetime) -> list[At[EntitlementEvent]]:
    """Its end, at the moment it was due."""
    end = due(entitlement)
    return [At(event, end) for event in _revoked(entitlement, ENDED)] if end is not None and end <= now else []


def _columns(entitlement: Entitlement) -> dict[str, Any]:
    """By which a member's rights from its tier are found again while they stand."""
    granted = entitlement.granted
    return {"entitles": str(granted.member_id)} if granted and granted.member_id and entitlement.ended_at is None else {}


ENTITLEMENTS: Aggregate[Entitlement, EntitlementEvent] = Aggregate("entitlement", Entitlement, evolve, advance=advance, due=due, columns=_columns)


def grant(entitlement: Entitlement, *, event: EntitlementGranted) -> list[EntitlementEvent]:
    """AlreadyExists, if the id given is another's; Invalid, if it would end before it begins."""
    if entitlement.granted is not None:
        raise AlreadyExists("There is an entitlement of this id. Choose another, or use that one.", event.entitlement_id)
    if event.valid_to is not None and event.valid_to <= event.valid_from:
        raise Invalid("/valid_to", "order", "An entitlement ends after it begins.")
    return [event]


def revoke(entitlement: Entitlement, *, reason: str, exception: str | None = None) -> list[EntitlementEvent]:
    """Ended already: nothing new."""
    if entitlement.granted is None:
        raise NotFound("There is no entitlement of this id.")
    return [] if entitlement.ended_at is not None else _revoked(entitlement, reason, exception)


def _revoked(entitlement: Entitlement, reason: str, exception: str | None = None) -> list[EntitlementEvent]:
    granted = entitlement.granted
    if granted is None:
        return []
    told: dict[str, Any] = {"scope": granted.scope} if granted.scope else {}
    told |= {"exception": exception} if exception else {}
    return [EntitlementRevoked(entitlement_id=granted.entitlement_id, kind=granted.kind, reason=reason, **told)]


def promised(standing: Standing) -> tuple[Benefit, ...]:
    """What the tier held entitles to, by the terms that the member was told."""
    held = next((tier for tier in standing.terms.tiers if tier.name == standing.tier), None) if standing.terms else None
    return tuple(dict.fromkeys(held.entitlements or ())) if held else ()


def change(wanted: Collection[Benefit], standing: Collection[EntitlementGranted]) -> tuple[list[Benefit], list[EntitlementGranted]]:
    """Of what a tier promises: what is still to be granted, and which that stand are to be revoked."""
    have = {(each.kind, each.scope) for each in standing}
    want = {(each.kind, each.scope) for each in wanted}
    return [each for each in wanted if (each.kind, each.scope) not in have], [each for each in standing if (each.kind, each.scope) not in want]
