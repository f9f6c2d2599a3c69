"""How do many commands become one commit? Arrivals during one append form the next; one set-based call, an outcome per command.

One connection a process, no BEGIN: the server commits by itself, so a frozen client can never hold the order lock. An ambiguous end (timeout, lost
connection) is resolved by sending the same command ids again: the function queues behind the unfinished one on the lock and answers `duplicate`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import structlog

from crm_events.failpoints import reached
from crm_events.refusals import Unavailable
from crm_events.store.metrics import StoreMetrics
from crm_events.tracing import step

BATCH = 500  # commands a call: 22.5k/s against 15.8k/s at 50, and a lost batch is still soon sent again
QUEUE = 2_000  # commands that may wait; beyond, callers are told to come back
STATEMENT_TIMEOUT = 8.0  # seconds for one call, the wait for the lock included
DEADLINE = 15.0  # seconds of trying again before a caller hears that the outcome is unknown

UNSENT_DEADLINE = 3.0  # seconds of trying to connect: nothing was sent, so the caller may as well be told soon
RESTORED = "CRM01"  # the append function's refusal when the cluster's timeline is not the one recorded
CLOSED = "This database was restored or failed over. Writes open again once its lost tail is back."

_TOLD = {"db.system.name": "postgresql", "db.collection.name": "events"}
log = structlog.get_logger(__name__)


class Part(NamedTuple):
    """One stream of a command. `state` None: check-only, its version must stand."""

    stream_id: UUID
    type: str
    expected: int
    version: int
    customer_id: UUID
    revision: int
    state: str | None


class NewEvent(NamedTuple):
    """One event to store; `payload` and `metadata` are JSON texts."""

    stream_id: UUID
    version: int
    event_id: UUID
    type: str
    schema_version: int
    customer_id: UUID
    partition: int
    occurred_at: datetime
    payload: str
    metadata: str


class HashedClaim(NamedTuple):
    """A claim as it is stored."""

    scope: str
    hash: bytes
    holder: UUID
    take: bool


class Append(NamedTuple):
    """One command, ready to be stored."""

    command_id: UUID
    fingerprint: bytes
    parts: Sequence[Part]
    events: Sequence[NewEvent]
    claims: Sequence[HashedClaim]


class Appended(NamedTuple):
    """`outcome`: accepted, duplicate, reused, conflict, taken or retry. Positions and time are those of the first time where it is a duplicate."""

    outcome: str
    first_position: int | None
    position: int | None
    recorded_at: datetime | None
    detail: str | None


_TYPES = (
    "uuid bytea uuid int int",  # commands
    "int uuid text int int uuid int jsonb",  # parts
    "int uuid int uuid text smallint uuid smallint timestamptz json json",  # events
    "int text bytea uuid bool",  # claims
)
_OUTCOME = "outcome, first_position, position, recorded_at, detail"  # the fields of Appended
_CALL = f"select {_OUTCOME} from append_group({', '.join(f'${n}::{kind}[]' for n, kind in enumerate(' '.join(_TYPES).split(), 1))})"


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Sequence[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _arguments(batch: Sequence[Append]) -> list[Sequence[Any]]:
    numbered = list(enumerate(batch, 1))
    return [
        [each.command_id for each in batch],
        [each.fingerprint for each in batch],
        [each.parts[0].stream_id for each in batch],
        [each.parts[0].version for each in batch],
        [len(each.events) for each in batch],
        *_columns([(n, *part) for n, each in numbered for part in each.parts], 8),
        *_columns([(n, *event) for n, each in numbered for event in each.events], 11),
        *_columns([(n, *claim) for n, each in numbered for claim in each.claims], 5),
    ]


class Appender:
    """The one connection of a process that writes events. `on_commit` is called after each commit that stored any (it wakes the relay)."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], metrics: StoreMetrics, on_commit: Callable[[], None] | None = None) -> None:
        self._connect, self._metrics, self._on_commit = connect, metrics, on_commit
        self._connection: asyncpg.Connection | None = None
        self._waiting: list[tuple[Append, asyncio.Future[Appended]]] = []
        self._task: asyncio.Task[None] | None = None

    async def append(self, command: Append) -> Appended:
        """Store one command. Unavailable when the queue is full or the database stays away past the deadline (`unknown` if it may have been done)."""
        if len(self._waiting) >= QUEUE:
            raise Unavailable("More commands are waiting than can be stored soon. Send this one again in a moment.", overloaded=True)
        answer: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        self._metrics.queue.set(len(self._waiting))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), context=Context())  # of no request: it stores those of many
        with step("append", _TOLD) as span:
            appended = await answer
            span.set_attributes({"crm.events": len(command.events), "crm.outcome": appended.outcome})
        return appended

    async def close(self) -> None:
        """Finish what waits, then hang up."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close(timeout=5)
            self._connection = None

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            self._metrics.queue.set(len(self._waiting))
            try:
                await self._store(batch)
            except BaseException as error:
                for _, answer in batch:  # a caller must never wait for an answer nobody will give
                    if not answer.done():
                        answer.set_exception(error if isinstance(error, Exception) else Unavailable("The service is stopping.", unknown=True))
                if not isinstance(error, Exception):
                    raise

    async def _store(self, batch: list[tuple[Append, asyncio.Future[Appended]]]) -> None:
        commands = [command for command, _ in batch]
        try:
            with self._metrics.duration.time():
                rows = await self._call(commands)
        except asyncpg.PostgresError as error:
            if len(batch) == 1:
                log.error("append refused by the database", code=error.sqlstate, constraint=getattr(error, "constraint_name", None))
                raise
            for number, each in enumerate(batch):  # one bad command must not fail its neighbours
                try:
                    await self._store([each])
                except Unavailable as away:  # nor must each of the others wait for a database that has gone meanwhile
                    for _, waits in batch[number:]:
                        if not waits.done():
                            waits.set_exception(away)
                    return
                except Exception as alone:  # noqa: BLE001  handed to the one caller it concerns
                    if not each[1].done():
                        each[1].set_exception(alone)
            return
        stored, outcomes = Counter[str](), Counter[str]()
        for (command, answer), row in zip(batch, rows, strict=True):
            appended = Appended(*row)
            outcomes[appended.outcome] += 1
            if appended.outcome == "accepted":
                stored.update(event.type for event in command.events)
            if not answer.done():  # the client may have hung up; its command is stored all the same
                answer.set_result(appended)
        for outcome, count in outcomes.items():
            self._metrics.outcomes.labels(outcome).inc(count)
        self._metrics.batch.observe(len(batch))
        self._metrics.stored(stored)
        if stored and self._on_commit is not None:
            self._on_commit()

    async def _call(self, commands: Sequence[Append]) -> list[asyncpg.Record]:
        arguments = _arguments(commands)
        began = time.monotonic()
        unknown, pause = False, 0.05
        while True:
            sent = False
            try:
                connection = await self._connected()
                sent = True
                rows: list[asyncpg.Record] = await connection.fetch(_CALL, *arguments, timeout=STATEMENT_TIMEOUT)
                reached("append.committed")
                return rows
            except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError) as error:
                self._drop()
                failure: Exception = error
                unknown = unknown or sent
            except (asyncpg.LockNotAvailableError, asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InsufficientResourcesError) as error:
                failure = error  # the server rolled it back
            except asyncpg.PostgresError as error:
                if error.sqlstate != RESTORED:
                    raise
                raise Unavailable(CLOSED, retry_after=30, unknown=unknown) from error
            if time.monotonic() + pause > began + (DEADLINE if unknown else UNSENT_DEADLINE):
                log.error("append gave up", error=type(failure).__name__, unknown=unknown)
                raise Unavailable("The database does not answer. Send the same request with the same key again.", retry_after=2, unknown=unknown) from failure
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
