"""How does a tier become rights, and its loss their end? Heard from the member's own events, so that a tier lost to time alone ends them too.

What the member's tier promises now is compared with the rights that stand: told twice or late, an event changes nothing that is right already.
"""

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.follower import Handler
from crm_events.language.entitlement import EntitlementEvent, EntitlementGranted
from crm_events.language.programme import Benefit
from crm_events.lease import Connection
from crm_events.refusals import AlreadyExists, Gone
from crm_events.store.store import EventStore

from crm_loyalty import entitlement
from crm_loyalty.entitlement import ENTITLEMENTS, Entitlement
from crm_loyalty.member import MEMBERS
from crm_loyalty.tiers import Standing

TIERS = ("tier.qualified", "tier.retained", "tier.downgraded", "tier.overridden", "member.closed")
ACTOR = "service:entitlements"

_STANDING = "select stream_id from streams where type = 'entitlement' and entitles = $1 order by stream_id"


def by_tier(store: EventStore) -> dict[str, Handler]:
    """The handlers, by type of event."""

    async def handle(_: Connection, record: Record) -> None:
        try:
            await entitle(store, record)
        except Gone:  # erased meanwhile: nobody is left to be entitled
            return

    return dict.fromkeys(TIERS, handle)


async def entitle(store: EventStore, record: Record) -> None:
    """Grant what the member's tier promises and does not stand, revoke what stands and is not promised. Gone for a customer erased meanwhile."""
    member = await store.read(MEMBERS, record.stream_id)
    rows = await store.pool.fetch(_STANDING, record.stream_id)
    parts = await store.read_many(ENTITLEMENTS, [row["stream_id"] for row in rows]) if rows else []
    standing = [part.state.granted for part in parts if part.state.granted and part.state.ended_at is None]
    missing, lost = entitlement.change(() if member.state.closed_at else entitlement.promised(member.state.standing), standing)
    for benefit in missing:
        event = _event(benefit, record, member.state.standing)
        with suppress(AlreadyExists):  # heard twice
            await store.handle(
                ENTITLEMENTS, event.entitlement_id, _command(record, event.entitlement_id), partial(_granted, event), key=member.customer_id
            )  # fmt: skip
    for granted in lost:
        await store.handle(ENTITLEMENTS, granted.entitlement_id, _command(record, granted.entitlement_id), _lost)


def _granted(event: EntitlementGranted, known: Entitlement, _: datetime) -> list[EntitlementEvent]:
    return entitlement.grant(known, event=event)


def _lost(known: Entitlement, _: datetime) -> list[EntitlementEvent]:
    return entitlement.revoke(known, reason="tier")


def _event(benefit: Benefit, record: Record, standing: Standing) -> EntitlementGranted:
    if standing.held is None:
        raise AssertionError("only a tier that is held promises anything")
    told: dict[str, Any] = {"kind": benefit.kind, "cause": "tier", "tier": standing.held.name} | ({"scope": benefit.scope} if benefit.scope else {})
    made = uuid5(record.event_id, f"{benefit.kind}:{benefit.scope}")
    return EntitlementGranted(entitlement_id=made, member_id=record.stream_id, valid_from=standing.held.since, **told)


def _command(record: Record, entitlement_id: UUID) -> Command:
    return Command(uuid5(record.event_id, f"{ACTOR}:{entitlement_id}"), b"follower", ACTOR, causation_id=record.event_id)
