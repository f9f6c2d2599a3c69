"""Whom do we keep though nothing allows it any more, and who forgets them?

Listed for whoever answers for it; forgotten by itself where ERASE_WITHOUT_BASIS_AFTER_DAYS says after how long, and only once all that the other services had
told by then was heard: a ground that is still on its way is a ground.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from crm_events.command import Command
from crm_events.refusals import Refusal
from crm_events.store.store import EventStore
from crm_events.topics import PARTITIONS, SOURCES
from uuid_utils.compat import uuid7

from crm_contacts.basis import Unbased, moment, unbased
from crm_contacts.cluster import clusters
from crm_contacts.forgetting import forget
from crm_contacts.streams import CONTACTS

GROUP = "contacts-heard"  # of the reader that hears of grounds and acknowledgements
HEARS = ("tickets", "loyalty", "reporting")
EVERY = 3600.0  # seconds between two looks
TAKE = 200
PATIENCE = 60.0  # seconds the reader has to come as far as the topics were

_CANDIDATES = """
select stream_id, unbased_since as since from streams
where unbased_since is not null and erasure is null and (unbased_since, stream_id) > ($1, $2) order by unbased_since, stream_id limit $3
"""
_GROUNDED = """
select customer_id from other_basis where customer_id = any($1::uuid[])
union select customer_id from streams where customer_id = any($1::uuid[]) and type = 'opportunity' and coalesce(state ->> 'ended', '') <> 'lost'
"""
_HEARD = "select topic, partition, next from offsets where consumer = $1"
_NOW = "select clock_timestamp()"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of the listing ended."""

    since: int
    stream_id: UUID


BEGIN = Place(-1, UUID(int=0))


async def without_basis(store: EventStore, after: Place, limit: int) -> tuple[list[Unbased], Place | None]:
    """Those who lost their ground first, first; a customer at the contact that lost it last. `limit` contacts are looked at, so there may be fewer."""
    rows = await store.pool.fetch(_CANDIDATES, after.since, after.stream_id, limit + 1)
    shown = rows[:limit]
    known = await clusters(store, [row["stream_id"] for row in shown])
    members = list({member for cluster in known.values() for member in cluster.members})
    contacts = {part.stream_id: part.state for part in await store.read_many(CONTACTS, members)}
    grounded = {row["customer_id"] for row in await store.pool.fetch(_GROUNDED, members)}
    found: list[Unbased] = []
    for row in shown:
        cluster = known[row["stream_id"]]
        lost = [(contacts[each].unbased_since, each) for each in cluster.members if contacts[each].unbased_since]
        last = max(lost, default=None)
        if last is None or last[1] != row["stream_id"] or grounded & set(cluster.members):
            continue
        if unbased([contacts[each] for each in cluster.members]):
            found.append(Unbased(cluster.root, cluster.members, moment(row["since"])))
    return found, Place(shown[-1]["since"], shown[-1]["stream_id"]) if len(rows) > limit else None


async def heard_until_now(pool: asyncpg.Pool, bootstrap_servers: str) -> bool:
    """Wait until our reader has come as far as the topics were when asked; False when it has not within `PATIENCE`."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(SOURCES[source], number) for source in HEARS for number in range(PARTITIONS)])
    finally:
        await consumer.stop()
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while loop.time() < until:
        read = {TopicPartition(row["topic"], row["partition"]): row["next"] for row in await pool.fetch(_HEARD, GROUP)}
        if all(read.get(each, 0) >= end for each, end in ends.items()):
            return True
        await asyncio.sleep(0.2)
    return False


class Forgetter:
    """Forgets whom nothing allows us to keep. Several may run at once: an erasure that was asked for is not asked for again."""

    def __init__(self, store: EventStore, *, after: timedelta, heard: Callable[[], Awaitable[bool]]) -> None:
        self._store, self._after, self._heard = store, after, heard

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. What is away is waited for."""
        while not stop.is_set():
            try:
                await self.tick()
            except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, Refusal) as error:
                log.warning("forgetting those without a basis waits", error=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), EVERY)
            except TimeoutError:
                continue

    async def tick(self) -> int:
        """Ask for the erasure of everybody who lost their ground so long ago; of how many."""
        until: datetime = await self._store.pool.fetchval(_NOW) - self._after
        if not await self._heard():
            log.warning("forgetting those without a basis waits", error="other services' events were not heard in time")
            return 0
        place, asked = BEGIN, 0
        while True:
            found, more = await without_basis(self._store, place, TAKE)
            for each in found:
                if each.since <= until:
                    command = Command(uuid7(), b"without-basis", "timer", keyed=False)
                    asked += (await forget(self._store, each.customer_id, command, unbased)).changed
            if more is None or moment(more.since) > until:
                return asked
            place = more
