"""How does one service follow a few kinds of another's events? A selective reader: one handler a type, in the transaction that moves the offsets.

Ready-made: which customer ids were merged into which, and who is to be forgotten. Writers need both, because a merge rewrites nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, Union
from uuid import UUID

import asyncpg
import orjson

from crm_events.consumer import Consumer
from crm_events.consuming.record import Record
from crm_events.consuming.standing import PartitionStatus
from crm_events.lease import Connection
from crm_events.topics import SOURCES

Handler: TypeAlias = Callable[[Connection, Record], Awaitable[None]]
Database: TypeAlias = Union["asyncpg.Pool[asyncpg.Record]", Connection]

EDGES = """
create table if not exists customer_edge (
  customer_id uuid primary key,
  merged_into uuid,                        -- the edge of a forest; other partitions may lag, so that it shows a cycle for a while
  position bigint not null,                -- of the event that said so: what is older changes nothing
  erased boolean not null default false);  -- asked to be forgotten; never taken back
create index if not exists customer_edge_merged_into on customer_edge (merged_into) where merged_into is not null;
"""

_EDGE = """
insert into customer_edge (customer_id, merged_into, position) values ($1, $2, $3)
on conflict (customer_id) do update set merged_into = excluded.merged_into, position = excluded.position where customer_edge.position < excluded.position
"""
_ERASED = """
insert into customer_edge (customer_id, position, erased) values ($1, $2, true)
on conflict (customer_id) do update set erased = true, position = greatest(customer_edge.position, excluded.position)
"""
# Up to the end of the chain, at most 64 edges; on a cycle to its least id. Then down: `union` ends by itself, as it keeps no id twice.
_CLUSTER = """
with recursive up (id, depth) as (
  select $1::uuid, 0
  union all select e.merged_into, up.depth + 1 from up join customer_edge e on e.customer_id = up.id where e.merged_into is not null and up.depth < 64),
root (id) as (select coalesce(
  (select up.id from up where not exists (select from customer_edge e where e.customer_id = up.id and e.merged_into is not null) limit 1),
  (select up.id from up group by up.id having count(*) > 1 order by up.id limit 1),
  (select up.id from up order by up.depth desc limit 1))),
down (id) as (select id from root union select e.customer_id from down join customer_edge e on e.merged_into = down.id)
select down.id from down, root order by down.id <> root.id, down.id
"""


class Follower:
    """A reader that wants only the types it has handlers for; all others are skipped and counted.

    Each handler runs inside the batch's transaction and must bear being asked again after a rollback. A handler that raises stops its partition, unless
    `options` (those of Consumer: group, bootstrap_servers, connect, before, after, reject, …) has a `reject` that parks the record.
    """

    def __init__(self, topics: Mapping[str, str] | Sequence[str], types: Mapping[str, Handler], **options: Any) -> None:
        self._handlers = dict(types)
        self._consumer = Consumer(topics=topics, types=self._handlers, apply=self._apply, **options)

    async def run(self, stop: asyncio.Event) -> None:
        """As Consumer.run."""
        await self._consumer.run(stop)

    def status(self) -> list[PartitionStatus]:
        """As Consumer.status."""
        return self._consumer.status()

    async def _apply(self, connection: Connection, records: Sequence[Record]) -> None:
        for record in records:
            await self._handlers[record.type](connection, record)


class CustomerEdges(Follower):
    """Keeps `customer_edge` from the topic of contacts. `more`: further handlers; one for a type followed already runs after it."""

    def __init__(
        self, topics: Mapping[str, str] | Sequence[str] = (SOURCES["contacts"],), *, more: Mapping[str, Handler] | None = None, **options: Any
    ) -> None:
        further = dict(more or {})
        types = {name: _both(handler, further.pop(name, None)) for name, handler in _HANDLERS.items()}
        super().__init__(topics, types | further, **options)


async def cluster(database: Database, customer_id: UUID) -> list[UUID]:
    """All ids of the customer `customer_id` belongs to, the root first; itself alone when it was never merged."""
    return [row["id"] for row in await database.fetch(_CLUSTER, customer_id)]


async def erased(database: Database, customer_ids: Sequence[UUID]) -> set[UUID]:
    """Those of `customer_ids` that asked to be forgotten."""
    rows = await database.fetch("select customer_id from customer_edge where erased and customer_id = any($1::uuid[])", list(customer_ids))
    return {row["customer_id"] for row in rows}


async def _merged(connection: Connection, record: Record) -> None:
    await connection.execute(_EDGE, record.key, UUID(orjson.loads(record.value)["survivor_id"]), record.position)


async def _unmerged(connection: Connection, record: Record) -> None:
    await connection.execute(_EDGE, record.key, None, record.position)


async def _erasure_requested(connection: Connection, record: Record) -> None:
    await connection.execute(_ERASED, record.key, record.position)


_HANDLERS: Mapping[str, Handler] = {"contact.merged": _merged, "contact.unmerged": _unmerged, "privacy.erasure_requested": _erasure_requested}
HEARD = frozenset(_HANDLERS)  # what CustomerEdges wants at least


def _both(first: Handler, second: Handler | None) -> Handler:
    if second is None:
        return first

    async def both(connection: Connection, record: Record) -> None:
        await first(connection, record)
        await second(connection, record)

    return both
