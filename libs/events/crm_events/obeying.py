"""How does a service say that it has forgotten a customer, and how does it know?

privacy.erased ─ reader ─▶ erasure_heard ─ Obeying ─▶ nothing can be opened, nothing finds them?  ─▶ "obeyed", with what was looked through
             in the transaction           not yet: asked again, and crm_erasure_unobeyed says since when
             that moves the offset
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import orjson
import structlog

from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.deciding import Aggregate, Fact
from crm_events.language.privacy import LoyaltyErasureObeyed, ReportingErasureObeyed, TicketsErasureObeyed
from crm_events.lease import Connection
from crm_events.metrics import UNOBEYED
from crm_events.refusals import Refusal
from crm_events.store.store import EventStore

POLL = 1.0  # seconds between two looks; one query on a partial index that is nearly always empty
TAKE = 200
ERASED = "privacy.erased"

ERASURE_HEARD = """
create table erasure_heard (
  customer_id uuid primary key,
  request_id uuid not null,
  event_id uuid not null,               -- of `privacy.erased`: the cause
  heard_at timestamptz not null default clock_timestamp(),
  obeyed_at timestamptz);
create index erasure_heard_open on erasure_heard (heard_at, customer_id) where obeyed_at is null;
"""

_HEAR = "insert into erasure_heard (customer_id, request_id, event_id) values ($1, $2, $3) on conflict do nothing"
_OPEN = """
select customer_id, request_id, event_id, heard_at, extract(epoch from clock_timestamp() - heard_at)::float8 as age from erasure_heard
where obeyed_at is null and (heard_at, customer_id) > ($1, $2) order by heard_at, customer_id limit $3
"""
_OBEYED = "update erasure_heard set obeyed_at = clock_timestamp() where customer_id = $1 and obeyed_at is null"
# In JSON text of SQL: a sealed value, whose key is what is caught.
KEY_OF_SEALED = r"""'"s1\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.'"""
# Every sealed value of the customer's streams, in their events and in their rows, counted by the key that would open it.
_SEALED = f"""
with mine as (select stream_id, state from streams where customer_id = $1),
     told as (select e.payload::text as body from mine join events e using (stream_id) union all select state::text from mine)
select m[1]::uuid as key_id, count(*) as n from told, regexp_matches(body, {KEY_OF_SEALED}, 'g') m group by 1
"""
_EVENTS = "select count(*) from streams s join events e using (stream_id) where s.customer_id = $1"

Obeyed = TicketsErasureObeyed | LoyaltyErasureObeyed | ReportingErasureObeyed
Look = Callable[[EventStore, UUID], Awaitable[Mapping[str, int] | None]]
"""What was looked through of a customer; None: something of them can still be opened or found, or will be for a moment."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Obedience:
    """One erasure in one service, for one id of the customer."""

    request_id: UUID | None = None


# One each, for a fold's annotation says which events its streams take: by that, what a store lost is taken back from the topic.
def _of_tickets(_: Obedience, fact: Fact[TicketsErasureObeyed]) -> Obedience:
    return Obedience(fact.event.request_id)


def _of_loyalty(_: Obedience, fact: Fact[LoyaltyErasureObeyed]) -> Obedience:
    return Obedience(fact.event.request_id)


def _of_reporting(_: Obedience, fact: Fact[ReportingErasureObeyed]) -> Obedience:
    return Obedience(fact.event.request_id)


OBEDIENCES: Mapping[type[Obeyed], Aggregate[Obedience, Any]] = {
    TicketsErasureObeyed: Aggregate("erasure", Obedience, _of_tickets),
    LoyaltyErasureObeyed: Aggregate("erasure", Obedience, _of_loyalty),
    ReportingErasureObeyed: Aggregate("erasure", Obedience, _of_reporting),
}


async def hear(connection: Connection, customer_id: UUID, request_id: UUID, event_id: UUID) -> None:
    """Note in the reader's transaction that this customer's keys are gone."""
    await connection.execute(_HEAR, customer_id, request_id, event_id)


async def on_erased(connection: Connection, record: Record) -> None:
    """The handler of `privacy.erased` of a service that follows contacts."""
    await hear(connection, record.key, UUID(orjson.loads(record.value)["request_id"]), record.event_id)


async def sealed_for_ever(store: EventStore, customer_id: UUID) -> dict[str, int] | None:
    """How many events and sealed values the store has of the customer; None if the vault would still open any of them."""
    rows = await store.pool.fetch(_SEALED, customer_id)
    if await store.vault.keys_for_reading([row["key_id"] for row in rows]):
        return None
    return {"events": await store.pool.fetchval(_EVENTS, customer_id), "sealed_values": sum(row["n"] for row in rows)}


class Obeying:
    """Says `told` for every erasure heard of, once `look` finds it obeyed. Several may run at once: each is one command with one id, whoever sends it."""

    def __init__(self, store: EventStore, told: type[Obeyed], look: Look = sealed_for_ever) -> None:
        self._store, self._told, self._look = store, told, look
        self._oldest = UNOBEYED.on(store.metrics.registry)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A database or vault that is away is waited for; the rows keep what is to be done."""
        while not stop.is_set():
            try:
                await self.tick()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Refusal) as error:
                log.warning("obeying erasures waits", error=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), POLL)
            except TimeoutError:
                continue

    async def tick(self) -> int:
        """Say of each that it is obeyed, if it is; of how many."""
        place, said, oldest = (datetime.min.replace(tzinfo=UTC), UUID(int=0)), 0, 0.0
        while rows := await self._store.pool.fetch(_OPEN, *place, TAKE):
            for row in rows:
                counts = await self._look(self._store, row["customer_id"])
                if counts is None:  # this one waits; the others do not wait for it
                    oldest = max(oldest, row["age"])
                else:
                    await self._say(row, counts)
                    said += 1
            place = rows[-1]["heard_at"], rows[-1]["customer_id"]
        self._oldest.set(oldest)
        return said

    async def _say(self, row: asyncpg.Record, counts: Mapping[str, int]) -> None:
        stream_id = uuid5(row["request_id"], str(row["customer_id"]))
        event = self._told(request_id=row["request_id"], member_id=row["customer_id"], counts=dict(counts))
        command = Command(uuid5(stream_id, "obeyed"), b"obeyed", f"service:{self._store.source}", causation_id=row["event_id"])
        key = None if event.keyed_by_stream else row["customer_id"]
        await self._store.handle(OBEDIENCES[self._told], stream_id, command, lambda known, _: [] if known.request_id else [event], key=key)
        await self._store.pool.execute(_OBEYED, row["customer_id"])
