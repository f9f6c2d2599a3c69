"""How does a build that is not active stay up to date? It follows the journal by id; only the active one reads Kafka."""

import asyncpg
from crm_events.lease import Connection

from crm_reporting.entry import JOURNAL_COLUMNS
from crm_reporting.heard import LEFT_OUT, Heard, heard_row
from crm_reporting.journal import Gap
from crm_reporting.projecting import project

_AFTER = f"select id, {JOURNAL_COLUMNS}, {LEFT_OUT} from journal j where id > $1 order by id limit $2"


async def after(connection: Connection, cursor: int, limit: int) -> list[asyncpg.Record]:
    """The next rows of the journal, asserted to be the next ids. Raises Gap."""
    rows = await connection.fetch(_AFTER, cursor, limit)
    for expected, row in enumerate(rows, cursor + 1):
        if row["id"] != expected:
            raise Gap(f"journal id {expected} is missing; {row['id']} came")
    return rows


async def follow(connection: Connection, build: str, *, limit: int = 2_000) -> int:
    """Fold the next rows into `build`, one transaction; how many there were. The build's row is queue and fence: a second follower waits."""
    async with connection.transaction():
        return await follow_here(connection, build, limit=limit)


async def follow_here(connection: Connection, build: str, *, limit: int) -> int:
    """The same inside the caller's transaction."""
    cursor = await connection.fetchval("select followed from builds where build = $1 for update", build)
    rows = await after(connection, cursor, limit)
    if rows:
        heard: list[Heard] = [heard_row(row) for row in rows]
        await project(connection, build, heard)
        await connection.execute("update builds set followed = $2 where build = $1", build, rows[-1]["id"])
    return len(rows)
