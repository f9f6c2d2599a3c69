"""Who looked at whom? Every answer that tells personal text in clear leaves a row in `access` for each customer it is of, a fraction of a second later."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog

EVERY = 0.25  # seconds between writes; a crash loses at most so much of the audit
MOST = 50_000  # rows that wait; beyond, reads of personal data are refused rather than left unaudited

ACCESS = """
create table access (                               -- whose personal text was told in clear, to whom, by which operation, when
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  customer_id uuid not null,
  operation text not null,
  request_id text,
  opened boolean not null default false);
create index access_customer on access (customer_id, at);
"""

_COLUMNS = ("actor", "customer_id", "operation", "request_id", "opened")

log = structlog.get_logger(__name__)


class Row(NamedTuple):
    """One read about one customer. `opened`: personal fields were told in clear."""

    actor: str
    customer_id: UUID
    operation: str
    request_id: str
    opened: bool


class Audit:
    """Gathers rows and writes them together."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._rows: list[Row] = []

    def note(self, actor: str, customer_id: UUID, operation: str, request_id: str, *, opened: bool) -> None:
        """One read. asyncpg.InterfaceError when too many wait: the database is away."""
        if len(self._rows) >= MOST:
            raise asyncpg.InterfaceError("the audit cannot be written")
        self._rows.append(Row(actor, customer_id, operation, request_id, opened))

    async def write_now(self, rows: Sequence[Row]) -> None:
        """Rows that must be there before the answer is: of many people at once. Raises what the database raises."""
        if rows:
            await self._pool.copy_records_to_table("access", records=rows, columns=_COLUMNS)

    @property
    def waiting(self) -> int:
        """Rows not written yet."""
        return len(self._rows)

    async def run(self, stop: asyncio.Event) -> None:
        """Write what was gathered until `stop`, and the rest then."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), EVERY)
            await self._write()

    async def _write(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        try:
            await self._pool.copy_records_to_table("access", records=rows, columns=_COLUMNS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            self._rows = rows + self._rows
            log.warning("audit waits for the database", rows=len(self._rows), error=type(error).__name__)
