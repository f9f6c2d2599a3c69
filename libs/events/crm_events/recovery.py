"""How does a store that was restored from a backup get back what it had acknowledged since? From Kafka, whose records hold every column.

    another timeline than recorded, or the topic ahead of the store ──▶ writes closed: the append function refuses, callers hear 503
    the topic's records after the store's head, by position, a window a transaction ──▶ events, commands, rows of streams, claims
    the topic's end ──▶ the timeline recorded ──▶ writes open

What never reached Kafka is lost; a position that is missing among those that did stops the recovery until an operator accepts the loss.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints
from uuid import UUID

import asyncpg
import orjson
import structlog
from aiokafka.errors import KafkaError

from crm_events import registry
from crm_events.deciding import Aggregate, Claim, Fact
from crm_events.envelope import Envelope
from crm_events.lease import Connection
from crm_events.recovering.tail import LOST, Forked, Hole, Tail
from crm_events.refusals import Gone
from crm_events.registry import REGISTRY
from crm_events.relaying.comparing import compare
from crm_events.relaying.reading import differing
from crm_events.sealing import open_tree, sealed_key_ids
from crm_events.store.drafting import metadata
from crm_events.store.loading import HISTORY, Fold, fact_of
from crm_events.store.store import EventStore

WINDOW = 1_000  # events a transaction, and on to the end of their command
POLL = 2.0  # seconds between two looks at the timeline
PAUSE = 5.0  # seconds before the next try
LOOK = 3.0  # seconds the broker has to tell how far the topic is, before requests are served without knowing
UNKNOWN = b""  # the fingerprint of a command that was taken back: the topic does not carry it, so any request with its key is the same

_CLOSED = "select timeline <> substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) from store"
_BEGIN = """
select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline, coalesce(e.position, 0) as head, e.recorded_at
from (values (1)) one left join lateral (select position, recorded_at from events order by position desc limit 1) e on true
"""
_OPEN = """
update store set timeline = $1 where substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) = $1
and (select coalesce(max(position), 0) from events) >= $2 returning timeline
"""
_LOST = "select exists (select 1 from events where partition < 0)"  # an operator has accepted a loss before
_CLOSE = "update store set timeline = '' where (select coalesce(max(position), 0) from events) < $1 or $2"
_HEAD = "select coalesce(max(position), 0) from events"
_EVENTS = (
    "position", "stream_id", "version", "event_id", "type", "schema_version", "customer_id", "partition", "occurred_at", "recorded_at", "payload", "metadata",
)  # fmt: skip
_COMMANDS = """
insert into commands (command_id, fingerprint, stream_id, version, first_position, position, recorded_at)
select * from unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::int[], $5::bigint[], $6::bigint[], $7::timestamptz[]) on conflict (command_id) do nothing
"""
_STREAM = """
insert into streams as s (stream_id, type, version, customer_id, position, recorded_at, state_rev, state) values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (stream_id) do update set version = excluded.version, position = excluded.position, recorded_at = excluded.recorded_at,
  state_rev = excluded.state_rev, state = excluded.state
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a recovery did: `events` taken back, of which `lost` stand for positions whose event is gone."""

    events: int
    lost: int = 0


async def closed(store: EventStore) -> bool:
    """Are writes closed because the database was restored, or found to be behind its topic?"""
    return bool(await store.pool.fetchval(_CLOSED))


async def take_back(store: EventStore, *, topic: str, bootstrap_servers: str, accept_loss: bool = False) -> TakenBack:
    """Take the lost tail back and open writes. Harmless where nothing was lost, and when several processes do it at once.

    Raises Hole (unless `accept_loss`), Forked, and OSError, KafkaError or asyncpg errors while broker or database are away: writes stay closed.
    """
    work, taken = _Work(store, accept_loss=accept_loss), TakenBack(0)
    (begun,) = await store.pool.fetch(_BEGIN)
    async with Tail(bootstrap_servers, topic, store.source, begun["head"], begun["recorded_at"], accept_loss) as tail:
        window: list[Envelope] = []
        command: UUID | None = None
        async for event in tail.events():
            if len(window) >= WINDOW and event.type != LOST and event.command_id != command:
                await _same(store, tail.known)
                taken, window = await work.take(window, taken), []
            window.append(event)
            command = command if event.type == LOST else event.command_id
        await _same(store, tail.known)
        if window:
            taken = await work.take(window, taken)
    if await store.pool.fetchval(_OPEN, begun["timeline"], begun["head"] + taken.events) is None:
        raise Forked("the database failed over once more, or moved, while its tail was taken back")
    return taken


async def _same(store: EventStore, known: dict[int, UUID]) -> None:
    async with store.pool.acquire() as connection:
        if difference := await differing(connection, known):
            raise Forked(difference)
    known.clear()  # each is compared once


class _Work:
    """One recovery of one store."""

    def __init__(self, store: EventStore, *, accept_loss: bool) -> None:
        self._store, self._accept_loss = store, accept_loss
        self._unopened: set[UUID] = set()  # streams whose text was sealed with a key that the vault has lost: what they hold stays theirs
        self._folds = {kind: fold for fold in store.folds.values() for kind in types_of(fold.aggregate)}

    async def take(self, events: Sequence[Envelope], taken: TakenBack) -> TakenBack:
        """One transaction; appends of other processes wait for it, or it for them."""
        async with self._store.pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(7001)")
            head = await connection.fetchval(_HEAD)
            events = [event for event in events if event.position > head]  # another process may have been here
            if not events:
                return taken
            if events[0].position != head + 1:
                raise Forked(f"the store moved to {head} while its tail from {events[0].position} was taken back")
            await connection.copy_records_to_table("events", records=map(_row, events), columns=_EVENTS)
            told = [event for event in events if event.type != LOST]
            await connection.execute(_COMMANDS, *_commands(told))
            streams = dict.fromkeys(event.stream_id for event in told)
            claims = [claim for stream_id in streams for claim in await self._fold(connection, stream_id)]
            await connection.execute("delete from claims where holder = any($1::uuid[])", [each for each in streams if each not in self._unopened])
            await connection.executemany("insert into claims (scope, hash, holder) values ($1, $2, $3) on conflict do nothing", claims)
        log.warning("recovery.took_back", source=self._store.source, first=events[0].position, last=events[-1].position)
        return TakenBack(taken.events + len(events), taken.lost + len(events) - len(told))

    async def _fold(self, connection: Connection, stream_id: UUID) -> list[tuple[str, bytes, UUID]]:
        """Write the stream's row from its events; return the claims it holds after them."""
        rows = await connection.fetch(f"select stream_id, customer_id, {HISTORY[7:]} where stream_id = $1 order by version", stream_id)
        last = rows[-1]
        if len(rows) != last["version"] and not (self._accept_loss or await connection.fetchval(_LOST)):
            raise Forked(f"stream {stream_id} would have {len(rows)} events and the version {last['version']}")
        fold = self._folds[last["type"]]
        state, held = fold.initial, dict[tuple[str, str], bool]()
        shown, command = state, None
        for row in rows:
            if (told := orjson.loads(row["metadata"])["command_id"]) != command:
                shown, command = await self._opened_state(fold, state), told
            fact = fact_of(row)
            for claim in await self._claims(fold, shown, row, fact):
                held[_scope(claim, row["customer_id"], stream_id), claim.value] = claim.take
            state = fold.aggregate.evolve(state, fact)
        await connection.execute(
            _STREAM, stream_id, fold.aggregate.stream_type, last["version"], last["customer_id"], last["position"], last["recorded_at"],
            fold.aggregate.revision, fold.write(state),
        )  # fmt: skip
        return [(scope, self._store.hash(value), stream_id) for (scope, value), take in held.items() if take]

    async def _opened_state(self, fold: Fold[Any], state: Any) -> Any:
        if not fold.aggregate.opened:
            return state
        data = fold.python(state)
        opened, redacted = open_tree(data, await self._store.vault.keys_for_reading(sealed_key_ids(data)))
        return state if redacted else fold.from_python(opened)  # of an erased customer nothing personal is claimed any more

    async def _claims(self, fold: Fold[Any], shown: Any, row: asyncpg.Record, fact: Fact[Any]) -> Iterable[Claim]:
        """As the command claimed: asked with the plain event. Personal text whose key is destroyed claims nothing."""
        event = fact.event
        if REGISTRY[event.type].personal:
            data = orjson.loads(row["payload"])
            opened, redacted = open_tree(data, await self._store.vault.keys_for_reading(sealed_key_ids(data)))
            if redacted:
                if not await self._destroyed(row["customer_id"]):
                    self._unopened.add(row["stream_id"])
                return ()
            event = registry.read(row["type"], row["schema_version"], orjson.dumps(opened))
        return fold.aggregate.claims(shown, event)

    async def _destroyed(self, customer_id: UUID) -> bool:
        """Was this customer erased, or has the vault lost the key? A lost one is made anew, as the next command about them would."""
        try:
            await self._store.vault.keys_for_writing([customer_id])
        except Gone:
            return True
        log.error("recovery.key_lost", source=self._store.source, customer=str(customer_id))
        return False


def types_of(aggregate: Aggregate[Any, Any]) -> frozenset[str]:
    """The types of the events an aggregate folds, as its `evolve` declares them."""
    fact = list(get_type_hints(aggregate.evolve).values())[1]
    (events,) = get_args(fact)
    return frozenset(model.type for model in get_args(events) or (events,))


def _scope(claim: Claim, customer_id: UUID, stream_id: UUID) -> str:
    within = {"service": "", "customer": f":{customer_id}", "stream": f":{stream_id}"}
    return claim.scope + within[claim.within]


def _row(event: Envelope) -> tuple[Any, ...]:
    return (
        event.position, event.stream_id, event.version, event.event_id, event.type, event.schema_version, event.key, event.partition,
        event.occurred_at, event.recorded_at, event.payload.decode(), metadata(event.command_id, event),
    )  # fmt: skip


def _commands(events: Sequence[Envelope]) -> list[list[Any]]:
    """Columns of `commands`: a command's first stream is that of its first event."""
    found: dict[UUID, list[Envelope]] = {}
    for event in events:
        found.setdefault(event.command_id, []).append(event)
    rows = []
    for command_id, those in found.items():
        version = max(event.version for event in those if event.stream_id == those[0].stream_id)
        rows.append((command_id, UNKNOWN, those[0].stream_id, version, those[0].position, those[-1].position, those[-1].recorded_at))
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(7)]


class Recovery:
    """Watches one store, and takes its lost tail back whenever writes are found closed. Run it in every replica: whoever is first does it."""

    def __init__(self, store: EventStore, *, topic: str, bootstrap_servers: str, on_open: Callable[[], None] | None = None) -> None:
        self._store, self._topic, self._bootstrap, self._on_open = store, topic, bootstrap_servers, on_open
        self.trouble: str | None = None

    async def before_serving(self) -> None:
        """Close writes if the topic is ahead of the store, or holds other events: a backup put back by hand keeps its timeline.

        A broker that is away is not waited for.
        """
        async with self._store.pool.acquire() as connection:
            try:
                seen = await compare(connection, self._store.source, bootstrap_servers=self._bootstrap, topic=self._topic, deadline=LOOK)
            except (TimeoutError, KafkaError) as error:
                log.warning("recovery.not_compared", source=self._store.source, error=repr(error))
                return
            await connection.execute(_CLOSE, seen.highest, seen.different is not None)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A broker or database that is away is waited for; a Hole or a fork is told, and looked at again."""
        while not stop.is_set():
            pause = POLL
            try:
                shut = await closed(self._store)
                self._store.metrics.closed.set(shut)
                if shut:
                    self.trouble = "writes are closed while the restored database takes its lost tail back from Kafka"
                    taken = await take_back(self._store, topic=self._topic, bootstrap_servers=self._bootstrap)
                    log.warning("recovery.writes_open", source=self._store.source, events=taken.events)
                    if self._on_open is not None:
                        self._on_open()
                    self._store.metrics.closed.set(0)
                self.trouble = None
            except (Hole, Forked, asyncpg.IntegrityConstraintViolationError) as found:
                self.trouble, pause = f"writes are closed: {found}", PAUSE
                log.error("recovery.stopped", source=self._store.source, reason=str(found))
            except (OSError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                pause = PAUSE
                log.warning("recovery.waits", source=self._store.source, error=repr(error))
            except Exception as error:
                self.trouble, pause = f"writes are closed: {type(error).__name__}", PAUSE
                log.exception("recovery.failed", source=self._store.source)
            try:
                async with asyncio.timeout(pause):
                    await stop.wait()
            except TimeoutError:
                continue
