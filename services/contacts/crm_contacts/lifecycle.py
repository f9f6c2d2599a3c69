"""How does what customers buy, and that they no longer do, take the relation further?

transaction.recorded ─ follower ─▶ contact.lifecycle_changed, cause purchase
                               └─▶ last_purchase ─ lapser ─▶ contact.lifecycle_changed, cause silence: dormant, then lost, at the moment it had lasted so long

A stage is told of the contact that the purchase names; which stage it follows is judged over all contacts that are one customer.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid5

import asyncpg
import orjson
import structlog
from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.deciding import At
from crm_events.follower import Handler
from crm_events.language.contacts import ContactEvent
from crm_events.language.valuing import ContactLifecycleChanged, Stage, StageCause
from crm_events.lease import Connection
from crm_events.refusals import Gone, NotFound, Refusal
from crm_events.store.store import EventStore

from crm_contacts.cluster import members_now
from crm_contacts.contact import Contact
from crm_contacts.profile import standing
from crm_contacts.streams import CONTACTS
from crm_contacts.valuing import STAGE

BOUGHT = "transaction.recorded"
ACTOR = "service:lifecycle"
EVERY = 3600.0  # seconds between two looks for silence
TAKE = 200
AFTER_PURCHASE: Mapping[str | None, Stage] = {
    None: "first_time",
    "suspect": "first_time",
    "prospect": "first_time",
    "first_time": "repeat",
    "won_back": "repeat",
    "dormant": "won_back",
    "lost": "won_back",
}
FALLING_SILENT = ("first_time", "repeat", "loyal", "advocate", "won_back")

LAST_PURCHASE = """
create table last_purchase (            -- as heard from loyalty; of a customer id, whatever it was merged with
  customer_id uuid primary key,
  occurred_at timestamptz not null);
create index last_purchase_occurred_at on last_purchase (occurred_at, customer_id);
"""
_HEAR = """
insert into last_purchase (customer_id, occurred_at) values ($1, $2)
on conflict (customer_id) do update set occurred_at = excluded.occurred_at where last_purchase.occurred_at < excluded.occurred_at
"""
# Who is dormant waits longer; who is lost, and who was never taken for a buyer, falls silent no more.
_SILENT = """
select p.customer_id, p.occurred_at from last_purchase p join streams s on s.stream_id = p.customer_id
where p.occurred_at <= $1 and s.erasure is null and s.state ->> 'stage' = any($2::text[]) and (p.occurred_at, p.customer_id) > ($3, $4)
order by p.occurred_at, p.customer_id limit $5
"""
_LAST = "select max(occurred_at) from last_purchase where customer_id = any($1::uuid[])"
_NOW = "select clock_timestamp()"
_NEVER = datetime.min.replace(tzinfo=UTC)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """The stage one customer is in, over all their contacts, and since when; None: nobody told any."""

    stage: str | None = None
    since: datetime | None = None

    def enters(self, stage: Stage, *, cause: StageCause, at: datetime, event_id: UUID | None = None) -> list[At[ContactEvent]]:
        """The next stage, entered then."""
        before = {"previous_stage": self.stage, "previous_since": self.since} if self.stage and self.since else {}
        return [At(ContactLifecycleChanged(stage=stage, cause=cause, **before, **({"cause_event_id": event_id} if event_id else {})), at)]


def known_of(members: Iterable[Contact]) -> Known:
    """The stage that was told last, by when it happened."""
    told = [Known(each.stage, since) for each in members if (since := each.told.get(STAGE)) is not None]
    return max(told, key=lambda known: known.since or _NEVER, default=Known())


def bought(contact: Contact, *, known: Known, at: datetime, event_id: UUID) -> list[At[ContactEvent]]:
    """What a purchase makes of the relation. Told late it only shows that who had bought once came again; what is newer stands."""
    standing(contact)
    if _kept(contact) or known.stage not in AFTER_PURCHASE:
        return []
    if known.since is not None and at < known.since and known.stage != "first_time":
        return []
    return known.enters(AFTER_PURCHASE[known.stage], cause="purchase", at=max(at, known.since or at), event_id=event_id)


def silent(contact: Contact, *, known: Known, last: datetime, dormant: timedelta, lost: timedelta | None) -> tuple[Stage, datetime] | None:
    """The stage that silence leads to next, and when. A stage told since the last purchase, by whomever, counts from then. None: to none."""
    if known.since is None or _kept(contact):
        return None
    if known.stage in FALLING_SILENT:
        return "dormant", max(last, known.since) + dormant
    if known.stage == "dormant" and lost is not None:
        return "lost", max(last + lost, known.since)
    return None


def _kept(contact: Contact) -> bool:
    """What is known of them is kept and not used."""
    return contact.restriction is not None and contact.restriction.holds


def purchases(store: EventStore) -> dict[str, Handler]:
    """The handler, by type of event, of what was bought."""
    return {BOUGHT: partial(_bought, store)}


async def _bought(store: EventStore, connection: Connection, record: Record) -> None:
    lines = orjson.loads(record.value)["lines"]
    if record.key is None or not sum(line["paid_price"] * line["quantity"] for line in lines):
        return
    await connection.execute(_HEAR, record.key, record.occurred_at)
    command = Command(uuid5(record.event_id, "lifecycle"), b"lifecycle", ACTOR, occurred_at=record.occurred_at, causation_id=record.event_id)
    known = known_of((await members_now(store, record.key)).values())
    try:
        await store.handle(CONTACTS, record.key, command, lambda contact, at: bought(contact, known=known, at=at, event_id=record.event_id))
    except (NotFound, Gone):  # contacts does not know them, or knows them no more
        return


class Lapser:
    """Says of whom nothing was heard for so long. Several may run at once: what was said is not said again."""

    def __init__(self, store: EventStore, *, dormant: timedelta, lost: timedelta | None) -> None:
        self._store, self._dormant, self._lost = store, dormant, lost

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. What is away is waited for."""
        while not stop.is_set():
            try:
                await self.tick(await self._store.pool.fetchval(_NOW))
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Refusal) as error:
                log.warning("the silence of customers waits", error=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), EVERY)
            except TimeoutError:
                continue

    async def tick(self, now: datetime) -> int:
        """Look at everybody who has not bought for so long; how many stages were entered."""
        entered = 0
        for stages, waited in ((FALLING_SILENT, self._dormant), (("dormant",), self._lost)):
            place: tuple[datetime, UUID] = (_NEVER, UUID(int=0))
            while waited is not None and (rows := await self._store.pool.fetch(_SILENT, now - waited, list(stages), *place, TAKE)):
                for row in rows:
                    entered += await self._lapse(row["customer_id"], now)
                place = rows[-1]["occurred_at"], rows[-1]["customer_id"]
        return entered

    async def _lapse(self, customer_id: UUID, now: datetime) -> bool:
        members = await members_now(self._store, customer_id)
        known, last = known_of(members.values()), await self._store.pool.fetchval(_LAST, list(members))
        own = known_of([members[customer_id]])
        following = silent(members[customer_id], known=known, last=last, dormant=self._dormant, lost=self._lost)
        if following is None or following[1] > now:
            return False
        stage, at = following
        command = Command(uuid5(customer_id, f"{stage}:{at.isoformat()}"), b"lifecycle", ACTOR, occurred_at=at)

        def decide(contact: Contact, _: datetime) -> list[At[ContactEvent]]:
            standing(contact)
            return known.enters(stage, cause="silence", at=at) if known_of([contact]) == own else []  # else to be looked at again

        try:
            return (await self._store.handle(CONTACTS, customer_id, command, decide)).changed
        except Gone:
            return False
