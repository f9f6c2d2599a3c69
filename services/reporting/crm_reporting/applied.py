"""How far has the projection come, and has it reached this write yet?

One connection a process listens and looks; any number of readers wait in memory. Looking every quarter of a second is the guarantee, the notifications only
make it quick.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import asyncpg
import structlog

LOOK = 0.25  # seconds between looks when nothing was announced
AGAIN = 0.5  # seconds until a lost connection is tried again
WAITERS = 500  # readers that may wait at once; beyond, they are told at once how things stand
CHANNELS = ("applied", "composed", "switched")
COMPOSER, INDEX = ("composer", 0), ("index", 0)  # beside the sources: the journal id that lists have come to, the position of contacts that lookups have
_ALL = 2**62

_POSITIONS = "select source, partition, last from offsets where consumer = $1"
_UNINDEXED = "select min(position) from to_index where source = 'contacts'"
_ACTIVE = "select build from builds where state = 'active'"
_CURSOR = "select cursor from {build}.composer"
# A merge is told to the survivor too: the edge stands in the absorbed id's events, and makes both one customer. (`->>` fails on a text that holds NUL.)
_TAIL = r"""
select id, customer_id, case when type in ('contact.merged', 'contact.unmerged') and position('\u0000' in payload::text) = 0
    then payload ->> 'survivor_id' end as survivor_id
from journal where id > $1 order by id limit $2
"""
_PAGE = 5_000
_LAST = "select coalesce(max(id), 0) from journal"
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

log = structlog.get_logger(__name__)


class Subscription:
    """Someone who wants to know when there is something new of these customers. `news` is set then; clear it before looking."""

    def __init__(self, customers: frozenset[str]) -> None:
        self.customers, self.news = customers, asyncio.Event()


class Applied:
    """The last position taken of every (source, partition), and whose customers' events were just journalled."""

    def __init__(self, database_url: str, consumer: str) -> None:
        self._url, self._consumer = database_url, consumer
        self._positions: dict[tuple[str, int], int] = {}
        self._moved = asyncio.Condition()
        self._waiting = 0
        self._journalled: int | None = None
        self._subscriptions: set[Subscription] = set()
        self.alive = False

    async def run(self, stop: asyncio.Event) -> None:
        """Listen and look until `stop`. A lost connection is made again, and what was missed meanwhile is found by looking."""
        while not stop.is_set():
            try:
                await self._listen(stop)
            except _AWAY as error:
                log.warning("the projection is not heard of", error=type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), AGAIN)
            finally:
                self.alive = False

    async def _listen(self, stop: asyncio.Event) -> None:
        woken = asyncio.Event()
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=10, server_settings={"enable_seqscan": "off", "jit": "off"})
        try:
            for channel in CHANNELS:
                await connection.add_listener(channel, lambda *_: woken.set())
            while not stop.is_set():
                woken.clear()
                await self._look(connection)
                self.alive = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), LOOK)
        finally:
            connection.terminate()  # it holds nothing; a polite end would wait for a server that may be gone

    async def reached(self, wanted: Mapping[tuple[str, int], int], seconds: float) -> bool:
        """Wait until every (source, partition), `COMPOSER` or `INDEX` is at its position, at most so long. False: not yet."""
        if self._is_at(wanted):
            return True
        if self._waiting >= WAITERS or seconds <= 0:
            return False
        self._waiting += 1
        try:
            async with self._moved:
                await asyncio.wait_for(self._moved.wait_for(lambda: self._is_at(wanted)), seconds)
            return True
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1

    def subscribe(self, customers: frozenset[str]) -> Subscription:
        """Be told of new events of these customers, and of merges into them."""
        subscription = Subscription(customers)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Be told no more."""
        self._subscriptions.discard(subscription)

    @property
    def subscribers(self) -> int:
        """How many live streams are open."""
        return len(self._subscriptions)

    @property
    def waiting(self) -> int:
        """How many readers wait for a position."""
        return self._waiting

    def _is_at(self, wanted: Mapping[tuple[str, int], int]) -> bool:
        return all(self._positions.get(where, 0) >= position for where, position in wanted.items())

    async def _look(self, connection: asyncpg.Connection) -> None:
        rows = await connection.fetch(_POSITIONS, self._consumer)
        positions = {(row["source"], row["partition"]): row["last"] for row in rows}
        # After the offsets: what they have passed has its rows to index by now, so INDEX never runs ahead of a source.
        unindexed = await connection.fetchval(_UNINDEXED)
        positions[INDEX] = _ALL if unindexed is None else unindexed - 1
        build = await connection.fetchval(_ACTIVE)
        positions[COMPOSER] = await connection.fetchval(_CURSOR.format(build=build)) if build else 0
        if positions != self._positions:
            async with self._moved:
                self._positions = positions
                self._moved.notify_all()
        await self._tell(connection)

    async def _tell(self, connection: asyncpg.Connection) -> None:
        if not self._subscriptions:
            self._journalled = None
            return
        if self._journalled is None:  # the first subscriber looks for itself once it has subscribed; from here on it is told
            self._journalled = await connection.fetchval(_LAST)
            for subscription in self._subscriptions:
                subscription.news.set()
        while rows := await connection.fetch(_TAIL, self._journalled, _PAGE):
            self._journalled = rows[-1]["id"]
            customers = {str(row["customer_id"]) for row in rows} | {row["survivor_id"] for row in rows if row["survivor_id"]}
            for subscription in self._subscriptions:
                if not customers.isdisjoint(subscription.customers):
                    subscription.news.set()
