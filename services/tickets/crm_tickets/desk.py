"""What does one process know of the promises in force, and how does the store fold and advance a ticket by them?"""

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import asyncpg
import structlog
from crm_events.deciding import Aggregate, At
from crm_events.language.sla import SlaClockBreached, SlaClockCancelled
from crm_events.language.tickets import TicketEvent
from crm_events.store.store import EventStore

from crm_tickets.clock import Clock
from crm_tickets.policy import CALENDARS, POLICIES
from crm_tickets.promises import Promises
from crm_tickets.ticket import Ticket, columns, due, evolve

POLL = 0.5  # seconds until this process hears of a policy defined by another

log = structlog.get_logger(__name__)


class Desk:
    """The policies and calendars as this process last read them: whole, so that a rule sees one consistent value."""

    def __init__(self) -> None:
        self.promises = Promises()
        self.tickets: Aggregate[Ticket, TicketEvent] = Aggregate("ticket", Ticket, evolve, advance=self._advance, due=due, columns=columns)
        self._position, self._read_at = -1, -POLL
        self._lock = asyncio.Lock()

    def _advance(self, ticket: Ticket, now: datetime) -> Iterable[At[Any]]:
        return advance(ticket, now, self.promises)

    async def current(self, store: EventStore) -> Promises:
        """The promises as they were at most `POLL` seconds ago; what this process defined itself is always among them."""
        if self._stale:
            async with self._lock:
                if self._stale:  # those who waited find it read
                    await self._read(store)
        return self.promises

    @property
    def _stale(self) -> bool:
        return time.monotonic() - self._read_at >= POLL

    async def refresh(self, store: EventStore) -> None:
        """Read the promises again if any policy or calendar has moved."""
        async with self._lock:
            await self._read(store)

    async def _read(self, store: EventStore) -> None:
        asked = time.monotonic()
        rows = await store.pool.fetch("select stream_id, type, position from streams where type = any($1::text[])", ["sla_policy", "calendar"])
        position = max((row["position"] for row in rows), default=0)
        if position == self._position:
            self._read_at = asked
            return
        policies = [part.state.versions for part in await store.read_many(POLICIES, [row["stream_id"] for row in rows if row["type"] == "sla_policy"])]
        calendars = [part.state.versions for part in await store.read_many(CALENDARS, [row["stream_id"] for row in rows if row["type"] == "calendar"])]
        self.promises = Promises({each[0].name: each for each in policies}, {each[0].name: each for each in calendars})
        self._position, self._read_at = position, asked

    async def follow(self, store: EventStore, stop: asyncio.Event) -> None:
        """Refresh until `stop`; a database that is away is waited for."""
        while not stop.is_set():
            try:
                await self.refresh(store)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("policies wait for the database", error=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), POLL)
            except TimeoutError:
                continue


def advance(ticket: Ticket, now: datetime, promises: Promises) -> Iterable[At[Any]]:
    """What time alone has made true by `now`: promises broken, each at the moment it was due, and clocks whose policy was disabled."""
    happened = [each for clock in ticket.clocks if clock.state in ("running", "paused") for each in _passed(ticket, clock, now, promises)]
    return sorted(happened, key=lambda each: each.occurred_at)


def _passed(ticket: Ticket, clock: Clock, now: datetime, promises: Promises) -> Iterable[At[Any]]:
    breaks = clock.breaks_at if clock.state == "running" else None
    disabled = promises.disabled_since(clock.policy, clock.started_at) if clock.policy else None
    if disabled is not None and disabled <= now and (breaks is None or disabled <= breaks):
        yield At(SlaClockCancelled(metric=clock.metric, instance=clock.instance, reason="policy_disabled"), disabled)
    elif breaks is not None and breaks < now:
        then = ticket.standing(clock.due_at)
        yield At(
            SlaClockBreached(
                metric=clock.metric, instance=clock.instance, revision=clock.revision + 1, target_minutes=clock.target_minutes,
                business_seconds=clock.target_minutes * 60, started_at=clock.started_at, due_at=clock.due_at, policy=clock.policy,
                policy_version=clock.policy_version, calendar=clock.calendar, calendar_version=clock.calendar_version, priority=then.priority,
                agent_id=then.assignee, group=then.group,
            ),
            clock.due_at,
        )  # fmt: skip
