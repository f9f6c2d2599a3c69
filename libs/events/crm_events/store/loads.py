"""How are many streams read at once? Commands that arrive in the same turn of the loop share one query: after a group commit that is all of them."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import asyncpg

MOST = 500  # streams a query

_LOAD = """
select date_trunc('milliseconds', clock_timestamp()) as now, i.asker, exists (select 1 from commands c where c.command_id = ($3::uuid[])[i.asker]) as known,
  s.type, s.version, s.customer_id, s.position, s.recorded_at, s.state_rev, s.state
from unnest($1::uuid[], $2::int[]) with ordinality i(id, asker, ord)
left join streams s on s.stream_id = i.id
order by i.ord
"""

_Asked = tuple[Sequence[UUID], UUID | None, "asyncio.Future[list[asyncpg.Record]]"]


class Loads:
    """Rows of `streams` by id, with the database's clock and whether a command was done before."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: list[_Asked] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def rows(self, ids: Sequence[UUID], command: UUID | None) -> list[asyncpg.Record]:
        """One row an id, in order; columns of `streams` are null where there is none. Raises what the database raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[asyncpg.Record]] = loop.create_future()
        self._waiting.append((ids, command, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._ask)
        return await answer

    def _ask(self) -> None:
        waiting, self._waiting = self._waiting, []
        while waiting:
            taken = [waiting.pop(0)]
            while waiting and sum(len(told) for told, _, _ in taken) + len(waiting[0][0]) <= MOST:
                taken.append(waiting.pop(0))
            task = asyncio.create_task(self._answer(taken))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, asked: list[_Asked]) -> None:
        ids = [each for told, _, _ in asked for each in told]
        askers = [number for number, (told, _, _) in enumerate(asked, 1) for _ in told]
        try:
            rows = await self._fetch(ids, askers, [command for _, command, _ in asked])
        except BaseException as error:
            for _, _, answer in asked:
                if not answer.done():
                    answer.set_exception(error if isinstance(error, Exception) else OSError("the service is stopping"))
            if not isinstance(error, Exception):
                raise
            return
        start = 0
        for told, _, answer in asked:
            if not answer.done():
                answer.set_result(rows[start : start + len(told)])
            start += len(told)

    async def _fetch(self, *arguments: Sequence[object]) -> list[asyncpg.Record]:
        try:
            return await self._pool.fetch(_LOAD, *arguments)
        except (ConnectionError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.InternalClientError):
            return await self._pool.fetch(_LOAD, *arguments)  # a pooled connection that the server had ended: reading again is harmless
