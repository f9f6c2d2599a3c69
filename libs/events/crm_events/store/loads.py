"""How are many streams read at once? Commands that arrive in the same turn of the loop share one query: after a group commit that is all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

import asyncpg

from crm_events.tracing import step

MOST = 500  # streams, or commands, a query
SIP = 8  # answers at least handed on in one turn of the loop; a quarter of many

# Laterals with a limit: an `exists` may be planned as a hash of all commands there are, and a plan made on an empty table stays.
_STREAMS = """
select date_trunc('milliseconds', clock_timestamp()) as now, i.asker, c.command_id is not null as known,
  s.type, s.version, s.customer_id, s.position, s.recorded_at, s.state_rev, s.state
from unnest($1::uuid[], $2::int[]) with ordinality i(id, asker, ord)
left join lateral (select command_id from commands where command_id = ($3::uuid[])[i.asker] limit 1) c on true
left join lateral (select * from streams where stream_id = i.id limit 1) s on true
order by i.ord
"""
_COMMANDS = """
select i.asker, c.fingerprint, c.stream_id as first_stream, e.stream_id, e.partition, e.customer_id, e.version, e.position, e.event_id, e.type,
  e.schema_version, e.occurred_at, e.recorded_at, e.payload, e.metadata
from unnest($1::uuid[]) with ordinality i(id, asker)
cross join lateral (select * from commands where command_id = i.id limit 1) c
left join events e on e.position between c.first_position and c.position and e.partition >= 0
order by i.asker, e.position
"""

_TOLD = {"db.system.name": "postgresql"}

Rows: TypeAlias = list[asyncpg.Record]
Asked = TypeVar("Asked")


class Loads:
    """Rows of `streams` by id, with the database's clock and whether a command was done before; what a command did. Raises what the database raises."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._streams = _Together[tuple[Sequence[UUID], UUID | None]](self._fetch_streams, lambda asked: len(asked[0]))
        self._commands = _Together[UUID](self._fetch_commands, lambda _: 1)
        self._others: dict[str, _Together[UUID]] = {}

    async def streams(self, ids: Sequence[UUID], command: UUID | None) -> Rows:
        """One row an id, in order; columns of `streams` are null where there is none."""
        return await self._streams.rows((ids, command))

    async def command(self, command: UUID) -> Rows:
        """A row for each event of the command, in order, with the command's own columns; one without an event where it had none; none if it is not known."""
        return await self._commands.rows(command)

    async def rows(self, query: str, key: UUID) -> Rows:
        """The rows of `query` for this key: its $1 are the keys asked for in the same turn of the loop (uuid[]), its column `asker` numbers them from 1."""
        if query not in self._others:
            self._others[query] = _Together[UUID](lambda keys: self._fetch_others(query, keys), lambda _: 1)
        return await self._others[query].rows(key)

    async def _fetch_others(self, query: str, keys: Sequence[UUID]) -> list[Rows]:
        return _split(await self._fetch(query, keys), len(keys))

    async def _fetch_streams(self, asked: Sequence[tuple[Sequence[UUID], UUID | None]]) -> list[Rows]:
        ids = [each for told, _ in asked for each in told]
        askers = [number for number, (told, _) in enumerate(asked, 1) for _ in told]
        return _split(await self._fetch(_STREAMS, ids, askers, [command for _, command in asked]), len(asked))

    async def _fetch_commands(self, asked: Sequence[UUID]) -> list[Rows]:
        return _split(await self._fetch(_COMMANDS, asked), len(asked))

    async def _fetch(self, query: str, *arguments: Sequence[object]) -> Rows:
        try:
            return await self._pool.fetch(query, *arguments)
        except (ConnectionError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.InternalClientError):
            return await self._pool.fetch(query, *arguments)  # a pooled connection that the server had ended: reading again is harmless


def _split(rows: Rows, askers: int) -> list[Rows]:
    """The rows by `asker`, numbered from 1."""
    found: list[Rows] = [[] for _ in range(askers)]
    for row in rows:
        found[row["asker"] - 1].append(row)
    return found


class _Together(Generic[Asked]):
    """What is asked in one turn of the loop, answered by as few calls of `fetch` as `MOST` allows; `size` of each ask."""

    def __init__(self, fetch: Callable[[Sequence[Asked]], Awaitable[list[Rows]]], size: Callable[[Asked], int]) -> None:
        self._fetch, self._size = fetch, size
        self._waiting: list[tuple[Asked, asyncio.Future[Rows]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def rows(self, asked: Asked) -> Rows:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Rows] = loop.create_future()
        self._waiting.append((asked, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._ask)
        with step("load", _TOLD):
            return await answer

    def _ask(self) -> None:
        waiting, self._waiting = self._waiting, []
        start = size = 0
        for at, (asked, _) in enumerate(waiting):
            if at > start and size + self._size(asked) > MOST:
                self._start(waiting[start:at])
                start, size = at, 0
            size += self._size(asked)
        self._start(waiting[start:])

    def _start(self, taken: Sequence[tuple[Asked, asyncio.Future[Rows]]]) -> None:
        task = asyncio.create_task(self._answer(taken), context=Context())  # of no request: it answers several
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, taken: Sequence[tuple[Asked, asyncio.Future[Rows]]]) -> None:
        try:
            found = await self._fetch([asked for asked, _ in taken])
        except BaseException as error:
            for _, answer in taken:
                if not answer.done():
                    answer.set_exception(error if isinstance(error, Exception) else OSError("the service is stopping"))
            if not isinstance(error, Exception):
                raise
            return
        sip = max(SIP, len(taken) // 4)
        for number, ((_, answer), rows) in enumerate(zip(taken, found, strict=True), 1):
            if not answer.done():
                answer.set_result(rows)
            if number % sip == 0:
                await asyncio.sleep(0)  # these decide and are on their way to the database while the next decide
