"""How does a command become events? known already? → load → advance → decide → seal → evolve → append, and again if the stream moved meanwhile."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import asyncpg
import orjson
from prometheus_client import CollectorRegistry

from crm_events import token
from crm_events.command import Command
from crm_events.deciding import Aggregate, Fact, Happened
from crm_events.event import Event, milliseconds
from crm_events.metrics import measure_pool
from crm_events.refusals import AlreadyExists, KeptMoving, KeyReused, NotFound, Taken, Unavailable, VersionConflict
from crm_events.sealing import open_tree, sealed_key_ids
from crm_events.store.append import CLOSED, Append, Appended, Appender, HashedClaim, Part
from crm_events.store.drafting import Draft, draft, holds_personal, refuse_shared, stored_events
from crm_events.store.loading import HISTORY, Fold, Loaded, Recorded, fact_of, recorded, refold
from crm_events.store.loads import Loads
from crm_events.store.locks import StreamLocks
from crm_events.store.metrics import StoreMetrics
from crm_events.topics import partition_of
from crm_events.tracing import connection_class
from crm_events.vault import Vault

# Plans made while the tables are nearly empty stay for the connection's life: a scan that costs nothing then costs everything later.
PLANNER = {"jit": "off", "enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
GENERIC = {"plan_cache_mode": "force_generic_plan"}  # the append function's dozen statements are not planned anew for each batch: a fifth less for a small one
_WHOLE = "select timeline, timeline = substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as whole from store"
TRIES = 4  # the first and three more: as api.md promises before 409 `conflict`

S = TypeVar("S")
E = TypeVar("E", bound=Event)
Ev = TypeVar("Ev", bound=Event)
Decide = Callable[[Any, datetime], Iterable[Happened[Any]]]


@dataclass(frozen=True, slots=True)
class Target:
    """A stream a command looks at. `key`: the customer id, needed where the stream may be new and is not the customer itself."""

    aggregate: Aggregate[Any, Any]
    stream_id: UUID
    key: UUID | None = None


@dataclass(frozen=True, slots=True)
class Done(Generic[S]):
    """What a command did. `parts` in the order of its targets, as of now; `facts` in the order stored; `token` for reading one's own write."""

    parts: tuple[Loaded[S], ...]
    facts: tuple[Fact[Any], ...]
    token: str
    replayed: bool = False

    @property
    def part(self) -> Loaded[S]:
        """The first stream."""
        return self.parts[0]

    @property
    def changed(self) -> bool:
        """False: nothing new happened."""
        return bool(self.facts)

    def first(self, kind: type[Ev]) -> Ev | None:
        """The first event of this kind that the command appended, or None."""
        return next((fact.event for fact in self.facts if isinstance(fact.event, kind)), None)


class EventStore:
    """The streams of one service. Made by `open_store`."""

    def __init__(
        self,
        source: str,
        pool: asyncpg.Pool,
        appender: Appender,
        vault: Vault,
        index_key: bytes,
        aggregates: Iterable[Aggregate[Any, Any]],
        metrics: StoreMetrics,
    ) -> None:
        self.source, self.pool, self.vault, self.metrics = source, pool, vault, metrics
        self._appender, self._index_key = appender, index_key
        self.folds = {aggregate.stream_type: Fold(aggregate) for aggregate in aggregates}
        self._locks, self._loads = StreamLocks(), Loads(pool)
        self._timeline: str | None = None

    async def sure(self) -> None:
        """Raise Unavailable if the database lacks the tail it lost, or has got it back since the last look: what was missing may have been acknowledged.

        To be asked before anybody is told that something is not so. A command that writes need not ask: the append function does.
        """
        now = await self.pool.fetchrow(_WHOLE)
        before, self._timeline = self._timeline, now["timeline"] if now else ""
        if now is None or not now["whole"] or before not in (None, self._timeline):
            raise Unavailable(CLOSED, retry_after=2)

    # -- commands

    async def handle(
        self, aggregate: Aggregate[S, E], stream_id: UUID, command: Command, decide: Callable[[S, datetime], Iterable[Happened[E]]], *, key: UUID | None = None
    ) -> Done[S]:
        """Run one command on one stream. `decide(state, now)`: now is the command's `occurred_at`, else the database's clock.

        Raises what `decide` raises, and VersionConflict, Taken, KeyReused, NotFound (not the caller's), Gone, KeptMoving, Unavailable.
        """
        return cast("Done[S]", await self.handle_all(command, [Target(aggregate, stream_id, key)], lambda states, now: [decide(states[0], now)]))

    async def handle_all(
        self,
        command: Command,
        targets: Sequence[Target] | Callable[[], Awaitable[Sequence[Target]]],
        decide: Callable[[list[Any], datetime], Sequence[Iterable[Happened[Any]]]],
    ) -> Done[Any]:
        """Run one command on several streams, all or nothing. A target for which `decide` has no events is check-only: its version must stand.

        Targets given as a function are asked for again on each try (members of a cluster that a racing merge changes).
        """
        for _ in range(TRIES):
            aimed = list(await targets()) if callable(targets) else list(targets)
            refuse_shared({(target.aggregate.stream_type, target.stream_id) for target in aimed})
            async with self._locks.hold({command.id, *(target.stream_id for target in aimed)}):
                done = await self._attempt(command, aimed, decide, advance_only=False)
            if done is not None:
                return done
        raise KeptMoving("The resource kept changing while this was decided. Send the request again.")

    async def advance(self, aggregate: Aggregate[Any, Any], stream_id: UUID, command: Command) -> Done[Any] | None:
        """Write what time alone has made true. None if the stream moved: it will be asked for again."""
        async with self._locks.hold({stream_id}):
            return await self._attempt(command, [Target(aggregate, stream_id)], lambda _states, _now: [[]], advance_only=True)

    async def _attempt(
        self, command: Command, targets: list[Target], decide: Callable[[list[Any], datetime], Sequence[Iterable[Happened[Any]]]], *, advance_only: bool
    ) -> Done[Any] | None:
        now, known, loaded = await self._load(targets, command.id)
        if known:
            return await self._repeat(command)
        self._admit(command, targets, loaded)
        at = milliseconds(command.occurred_at) if command.occurred_at else now
        drafts = [draft(self.folds[target.aggregate.stream_type], part, at) for target, part in zip(targets, loaded, strict=True)]
        shown = [await self._for_deciding(each) for each in drafts]
        decided = [list(events) for events in decide(shown, at)]
        subjects = {each.before.customer_id for each, events in zip(drafts, decided, strict=True) if holds_personal(events)}
        keys = await self.vault.keys_for_writing(subjects) if subjects else {}
        drafts = [
            each.sealed(events, keys, state, at) if events else each if advance_only else each.unmoved()
            for each, events, state in zip(drafts, decided, shown, strict=True)
        ]  # fmt: skip
        for each in drafts:
            if each.before.occupied and each.facts:
                raise AlreadyExists("This id is in use for something else. Choose another.", each.before.stream_id)
        if not any(each.facts for each in drafts) and not command.keyed:
            await self.sure()
            return Done(tuple(each.shown(now) for each in drafts), (), self._token_of(loaded))
        answer = await self._appender.append(self._append_of(command, drafts))
        return await self._outcome(command, answer, drafts, now)

    def _admit(self, command: Command, targets: list[Target], loaded: list[Loaded[Any]]) -> None:
        if command.only_for is not None and any(part.customer_id not in command.only_for for part in loaded):
            raise NotFound("There is nothing of this id that you may see.")
        if command.if_match is not None and loaded[0].version and loaded[0].version != command.if_match:
            raise VersionConflict(loaded[0].version)

    async def _for_deciding(self, each: Draft) -> Any:
        if not each.fold.aggregate.opened or not each.before.version:
            return each.state
        data = each.fold.python(each.state)
        keys = await self.vault.keys_for_reading(sealed_key_ids(data))
        return each.fold.from_python(open_tree(data, keys)[0])

    def _append_of(self, command: Command, drafts: list[Draft]) -> Append:
        claims = {(claim.scope, claim.value): (claim, each.before.stream_id) for each in drafts for claim in each.claims}
        return Append(
            command.id,
            command.fingerprint,
            [
                Part(each.before.stream_id, each.fold.aggregate.stream_type, each.before.version, each.version, each.before.customer_id,
                     each.fold.aggregate.revision, each.fold.write(each.state) if each.facts else None)
                for each in drafts
            ],
            [event for each in drafts for event in stored_events(each, command)],
            [HashedClaim(claim.scope, self.hash(claim.value), holder, claim.take) for claim, holder in claims.values()],
        )  # fmt: skip

    async def _outcome(self, command: Command, answer: Appended, drafts: list[Draft], now: datetime) -> Done[Any] | None:
        match answer.outcome:
            case "accepted":
                facts = tuple(fact for each in drafts for fact in each.facts)
                if answer.first_position is None or answer.position is None:
                    raise AssertionError("an accepted command has positions")
                if not facts:
                    return Done(tuple(each.shown(now) for each in drafts), (), self._token_of([each.before for each in drafts]))
                parts, positions, at = [], dict[int, int](), answer.first_position
                for each in drafts:
                    at += len(each.facts)
                    parts.append(each.shown(now, answer.recorded_at, at - 1))
                    if each.facts:
                        positions[each.partition] = max(positions.get(each.partition, 0), at - 1)
                return Done(tuple(parts), facts, token.encode(self.source, positions))
            case "duplicate":
                return await self._repeat(command)
            case "reused":
                raise KeyReused("This Idempotency-Key was sent with another request. Use a new key for a new request.")
            case "taken" if answer.detail:  # none: its holder released it in the same batch
                raise self._taken(answer, drafts)
            case _:
                return None  # conflict or retry: load and decide again

    def _taken(self, answer: Appended, drafts: list[Draft]) -> Taken:
        detail = orjson.loads(answer.detail or "{}")
        for each in drafts:
            for claim in each.claims:
                if claim.take and claim.scope == detail["scope"] and self.hash(claim.value).hex() == detail["hash"]:
                    return Taken(claim, UUID(detail["holder"]))
        raise AssertionError("the store refused a claim this command did not make")

    async def _repeat(self, command: Command) -> Done[Any] | None:
        """The command was done before: its events and its streams as they now are, its own first stream first. None if it was forgotten meanwhile."""
        known = await self._loads.command(command.id)
        if not known:
            return None
        fingerprint = known[0]["fingerprint"]  # empty: taken back from the topic, which does not carry it
        if fingerprint and not hmac.compare_digest(fingerprint, command.fingerprint):
            raise KeyReused("This Idempotency-Key was sent with another request. Use a new key for a new request.")
        rows = [row for row in known if row["position"] is not None]
        parts = await self._read_any(list(dict.fromkeys([known[0]["first_stream"], *(row["stream_id"] for row in rows)])))
        if command.only_for is not None and any(part.customer_id not in command.only_for for part in parts):
            raise NotFound("There is nothing of this id that you may see.")
        positions = {row["partition"]: row["position"] for row in rows}
        return Done(tuple(parts), tuple(map(fact_of, rows)), token.encode(self.source, positions) if positions else self._token_of(parts), replayed=True)

    def _token_of(self, parts: Sequence[Loaded[Any]]) -> str:
        positions: dict[int, int] = {}
        for part in parts:
            partition = partition_of(part.customer_id)
            positions[partition] = max(positions.get(partition, 0), part.position)
        return token.encode(self.source, positions)

    # -- reads

    async def read(self, aggregate: Aggregate[S, Any], stream_id: UUID) -> Loaded[S]:
        """A stream as of this moment: what was due by now shows as done even if its event is not yet written."""
        return (await self.read_many(aggregate, [stream_id]))[0]

    async def read_many(self, aggregate: Aggregate[S, Any], stream_ids: Sequence[UUID]) -> list[Loaded[S]]:
        """Several streams, in the order asked for; one that is not there has version 0."""
        if not stream_ids:
            return []
        now, _, loaded = await self._load([Target(aggregate, stream_id) for stream_id in stream_ids], None)
        fold = self.folds[aggregate.stream_type]
        return [replace(part, state=fold.advanced(part.state, now)) if part.version else part for part in loaded]

    async def history(self, aggregate: Aggregate[Any, Any], stream_id: UUID, *, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        """The stream's events in order, personal text sealed; none where this id is another kind of thing."""
        asked = f"{HISTORY} where stream_id = $1 and version > $2 and exists (select from streams where stream_id = $1 and type = $4) order by version limit $3"
        return recorded(await self.pool.fetch(asked, stream_id, after_version, limit, aggregate.stream_type))

    async def rows(self, query: str, key: UUID) -> list[asyncpg.Record]:
        """A service's own look-up by id, one query for all that ask in the same turn: `query` takes uuid[] as $1 and numbers its rows' keys in `asker`."""
        return await self._loads.rows(query, key)

    async def holders(self, scope: str, value: str) -> list[UUID]:
        """Who holds this claim: one stream or none."""
        rows = await self.pool.fetch("select holder from claims where scope = $1 and hash = $2", scope, self.hash(value))
        return [row["holder"] for row in rows]

    def hash(self, value: str) -> bytes:
        """The keyed hash (HMAC-SHA-256) under which a claimed value is kept."""
        return hmac.digest(self._index_key, value.encode(), "sha256")

    async def _read_any(self, stream_ids: Sequence[UUID]) -> list[Loaded[Any]]:
        """The streams of these ids that are there, of whatever kind, as of now."""
        found = []
        for row, stream_id in zip(await self._loads.streams(stream_ids, None), stream_ids, strict=True):
            if row["type"] is not None:
                fold = self.folds[row["type"]]
                part = await self._loaded(fold, stream_id, row)
                found.append(replace(part, state=fold.advanced(part.state, row["now"])))
        return found

    async def _load(self, targets: Sequence[Target], command: UUID | None) -> tuple[datetime, bool, list[Loaded[Any]]]:
        rows = await self._loads.streams([target.stream_id for target in targets], command)
        loaded = []
        for target, row in zip(targets, rows, strict=True):
            fold, kind = self.folds[target.aggregate.stream_type], row["type"]
            if kind == target.aggregate.stream_type:
                loaded.append(await self._loaded(fold, target.stream_id, row))
            else:  # another kind's id is, for this route, no id at all
                key = target.key or target.stream_id
                loaded.append(Loaded(target.stream_id, fold.initial, 0, key, None, 0, occupied=kind is not None))
        # a clock that was set back: nothing happens before what its streams have recorded already
        return max([rows[0]["now"], *(part.recorded_at for part in loaded if part.recorded_at)]), rows[0]["known"], loaded

    async def _loaded(self, fold: Fold[Any], stream_id: UUID, row: asyncpg.Record) -> Loaded[Any]:
        if row["state_rev"] == fold.aggregate.revision:
            state = fold.read(row["state"])
        else:
            self.metrics.refolds.inc()
            state = await refold(self.pool, fold, stream_id, row["version"])
        return Loaded(stream_id, state, row["version"], row["customer_id"], row["recorded_at"], row["position"])


async def _keep_settings(_: asyncpg.Connection) -> None:
    """asyncpg's own reset is a query at each release: half the throughput of a one-statement read. Nothing here leaves a connection changed."""


@asynccontextmanager
async def open_store(
    *,
    source: str,
    database_url: str,
    vault: Vault,
    index_key: bytes,
    aggregates: Iterable[Aggregate[Any, Any]],
    registry: CollectorRegistry | None = None,
    on_commit: Callable[[], None] | None = None,
    readers: int = 6,
) -> AsyncIterator[EventStore]:
    """A store with a pool of `readers` connections and one that appends. Raises OSError or asyncpg errors when the database is away."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            asyncpg.create_pool(
                database_url,
                min_size=1,
                max_size=readers,
                reset=_keep_settings,
                command_timeout=10,
                server_settings=PLANNER,
                connection_class=connection_class(),
            )
        )
        metrics = StoreMetrics(registry or CollectorRegistry())
        measure_pool(metrics.registry, "store", pool)

        async def connect() -> asyncpg.Connection:
            return await asyncpg.connect(database_url, timeout=5, server_settings=PLANNER | {"lock_timeout": "5s", "statement_timeout": "8s"} | GENERIC)

        appender = Appender(connect, metrics, on_commit)
        stack.push_async_callback(appender.close)
        yield EventStore(source, pool, appender, vault, index_key, aggregates, metrics)
