"""How is a transaction made to commit late, at a moment of our choosing? By a constraint trigger that runs at its commit and waits for a lock we hold."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from chaos.ground import Ground

LOCK = 121212  # ours: no service knows it
LONG_ENOUGH = 1.0  # seconds: every reader has looked several times; every patience of the product is longer

_TRIGGER = """
create or replace function chaos_late() returns trigger language plpgsql as $$
begin
  if pg_try_advisory_xact_lock({lock} + 1) then perform pg_advisory_xact_lock_shared({lock}); end if;  -- one waits; whoever else comes so far overtakes it
  return null;
end $$;
create constraint trigger chaos_late after insert on {table} deferrable initially deferred for each row execute function chaos_late();
"""
_WAITING = f"""
select array_agg(distinct l.pid) from pg_locks l join pg_database d on d.oid = l.database
where d.datname = current_database() and l.locktype = 'advisory' and not l.granted and l.objid = {LOCK}
"""
_BEHIND = "select exists (select from pg_stat_activity where datname = current_database() and pg_blocking_pids(pid) && $1::int[])"


@dataclass
class SlowCommits:
    """The trigger in place on one table; it waits while `held`."""

    ground: Ground
    table: str
    connection: "asyncpg.Connection[Any]"
    _since: float = field(default=0.0)
    _rows: int = field(default=0)

    @classmethod
    @asynccontextmanager
    async def on(cls, ground: Ground, database: str, table: str) -> AsyncIterator["SlowCommits"]:
        """Make every insert into the table of this service's database wait at its commit, when told to."""
        async with ground.database(database) as connection:
            await connection.execute(_TRIGGER.format(lock=LOCK, table=table))
            try:
                yield cls(ground, table, connection)
            finally:
                await connection.execute(f"drop trigger chaos_late on {table}")
                await connection.execute("drop function chaos_late()")

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Inside, whoever inserted waits to commit."""
        await self.connection.execute("select pg_advisory_lock($1)", LOCK)
        self._since, self._rows = time.monotonic(), await self._committed()
        try:
            yield
        finally:
            await self.connection.execute("select pg_advisory_unlock($1)", LOCK)
            self.ground.note(f"{self.table}: a commit was {time.monotonic() - self._since:.1f} s late")

    async def waiting(self) -> bool:
        """Whether somebody waits to commit."""
        return bool(await self.connection.fetchval(_WAITING))

    async def queue(self) -> bool:
        """Whether somebody else waits for who waits to commit, or has overtaken it."""
        waiting = await self.connection.fetchval(_WAITING)
        return bool(waiting and await self.connection.fetchval(_BEHIND, waiting)) or await self._committed() > self._rows

    async def _committed(self) -> int:
        return int(await self.connection.fetchval(f"select count(*) from {self.table}"))

    def long_enough(self) -> bool:
        """Whether every reader has looked since."""
        return time.monotonic() - self._since > LONG_ENOUGH
