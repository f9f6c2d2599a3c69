"""Whose tickets are served first? A customer entitled to a priority gets at least that one, for tickets that are open and for those to come.

Heard from loyalty (`entitlement.granted`, `revoked`) and from our own `ticket.opened`, so that opening a ticket waits for nobody.
A ticket that has a priority already keeps it when the right ends: what was promised with it was promised.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID, uuid5

import orjson
from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.follower import Handler, cluster
from crm_events.language.ticket_words import Priority
from crm_events.lease import Connection
from crm_events.refusals import Gone, Rejected
from crm_events.store.store import EventStore

from crm_tickets import rules
from crm_tickets.desk import Desk
from crm_tickets.promises import Promises
from crm_tickets.steps import RANK
from crm_tickets.ticket import Ticket

ENTITLED = """
create table entitled (
  entitlement_id uuid primary key,
  customer_id uuid not null,
  priority text not null,
  valid_from timestamptz not null,
  valid_to timestamptz);
create index entitled_customer on entitled (customer_id);
"""
ACTOR = "service:entitlements"
HEARD = ("entitlement.granted", "entitlement.revoked", "ticket.opened")

_GRANT = "insert into entitled (entitlement_id, customer_id, priority, valid_from, valid_to) values ($1, $2, $3, $4, $5) on conflict do nothing"
_STANDING = "select entitlement_id, priority from entitled where customer_id = any($1::uuid[]) and valid_from <= $2 and (valid_to is null or valid_to > $2)"
_OPEN = "select stream_id from streams where type = 'ticket' and customer_id = any($1::uuid[]) and status not in ('resolved', 'closed') order by stream_id"


class Right(NamedTuple):
    """A priority that a customer is entitled to at least."""

    entitlement_id: UUID
    priority: Priority


def by_right(store: EventStore, desk: Desk) -> dict[str, Handler]:
    """The handlers, by type of event.

    A right is committed by itself, before the open tickets are looked for: a ticket opened meanwhile finds it when its own event is heard.
    """

    async def granted(connection: Connection, record: Record) -> None:
        told = orjson.loads(record.value)
        if told["kind"] != "priority" or told.get("scope") not in RANK:
            return
        until = datetime.fromisoformat(told["valid_to"]) if "valid_to" in told else None
        await store.pool.execute(_GRANT, UUID(told["entitlement_id"]), record.key, told["scope"], datetime.fromisoformat(told["valid_from"]), until)
        members = await cluster(connection, record.key)
        await raised(record, members, [row["stream_id"] for row in await store.pool.fetch(_OPEN, members)])

    async def revoked(_: Connection, record: Record) -> None:
        await store.pool.execute("delete from entitled where entitlement_id = $1", UUID(orjson.loads(record.value)["entitlement_id"]))

    async def opened(connection: Connection, record: Record) -> None:
        await raised(record, await cluster(connection, record.key), [record.stream_id])

    async def raised(record: Record, members: Sequence[UUID], tickets: Sequence[UUID]) -> None:
        rows = await store.pool.fetch(_STANDING, members, datetime.now(UTC))
        rights = [Right(row["entitlement_id"], row["priority"]) for row in rows]
        for ticket_id in tickets if rights else ():
            await _raise(store, desk, record, ticket_id, max(rights, key=lambda each: RANK[each.priority]))

    return dict(zip(HEARD, (granted, revoked, opened), strict=True))


async def _raise(store: EventStore, desk: Desk, record: Record, ticket_id: UUID, right: Right) -> None:
    """One command a ticket and event heard; what a rule forbids, or a customer forgotten meanwhile, stays as it is."""
    promises = await desk.current(store)
    command = Command(uuid5(record.event_id, f"{ACTOR}:{ticket_id}"), b"follower", ACTOR, causation_id=record.event_id)
    try:
        await store.handle(desk.tickets, ticket_id, command, lambda ticket, now: at_least(ticket, right=right, at=now, promises=promises))
    except (Gone, Rejected):
        return


def at_least(ticket: Ticket, *, right: Right, at: datetime, promises: Promises) -> rules.Events:
    """Raise an open ticket to the priority its customer is entitled to; one that is higher already, or done, stays."""
    now = ticket.standing()
    if now.status in ("resolved", "closed") or RANK[now.priority] >= RANK[right.priority]:
        return []
    return rules.set_priority(ticket, priority=right.priority, reason=None, at=at, promises=promises, entitlement_id=right.entitlement_id, cause="entitlement")
