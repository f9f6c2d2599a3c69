"""Which customers must be composed again? Those of the journal's rows behind a cursor.

The cursor's row, taken FOR UPDATE, is queue and fence: a composer that slept through its turn finds it moved and writes nothing old over anything new.
`requests` brings what no event brings.
"""

from collections.abc import Mapping

from crm_events.failpoints import reached
from crm_events.lease import Connection

from crm_reporting.composing import compose_again

_NEXT = "select id, customer_id::text as customer_id, subject is not null as about_a_customer from journal where id > $1 order by id limit $2"
_ASKED = "delete from requests where id in (select id from requests order by id limit $1) returning customer_id::text as customer_id"
_CURSOR = "select cursor from {build}.composer for update"
_ADVANCE = "update {build}.composer set cursor = $1, composed_at = clock_timestamp()"
_FEED = """
insert into feed (customer_id, version, digest, pending) select c, 1, d, true from unnest($1::uuid[], $2::bytea[]) n(c, d)
where d is not null or exists (select from feed f where f.customer_id = c)
on conflict (customer_id) do update set version = feed.version + 1, digest = excluded.digest, changed_at = clock_timestamp(), pending = true
where feed.digest is distinct from excluded.digest
"""


async def compose_next(connection: Connection, build: str, *, limit: int = 2_000) -> int:
    """One turn, one transaction: how many journal rows and requests it dealt with; 0 = nothing waits."""
    async with connection.transaction():
        done = await compose_here(connection, build, limit=limit)
        if done:
            reached("composer.composed")
    if done:
        reached("composer.committed")
    return done


async def compose_here(connection: Connection, build: str, *, limit: int) -> int:
    """The same inside the caller's transaction. Only the active build owes the feed anything."""
    cursor = await connection.fetchval(_CURSOR.format(build=build))
    state = await connection.fetchval("select state from builds where build = $1 for share", build)
    bound = await connection.fetchval("select followed from builds where build = $1", build) if state != "active" else None
    rows = [row for row in await connection.fetch(_NEXT, cursor, limit) if bound is None or row["id"] <= bound]
    asked = await connection.fetch(_ASKED, limit) if state == "active" else []
    ids = {row["customer_id"] for row in rows if row["about_a_customer"]} | {row["customer_id"] for row in asked}
    if ids:
        composed = await compose_again(connection, build, ids)
        if state == "active":
            await owe(connection, composed.changed)
    if rows:
        await connection.execute(_ADVANCE.format(build=build), rows[-1]["id"])
    return len(rows) + len(asked)


async def owe(connection: Connection, changed: Mapping[str, bytes | None]) -> None:
    """Enter changed customers for the feed; None = a tombstone. A customer never fed needs none."""
    ids = sorted(changed)
    await connection.execute(_FEED, ids, [changed[one] for one in ids])
