"""How do reads and writes go over to another build without one of them failing? In one transaction, by one row."""

from datetime import timedelta

from crm_events.failpoints import reached
from crm_events.lease import Connection

from crm_reporting import builds
from crm_reporting.builds import JOURNAL_LOCK
from crm_reporting.composer import compose_here
from crm_reporting.following import follow_here

KEPT = timedelta(hours=24)  # the old build goes on following so long: going back is the same switch
SWITCHED = "switched"  # the channel that wakes readers

_OWE = """
insert into feed (customer_id, version, digest, pending) select customer_id, 1, digest, true from {build}.summary where not erased
on conflict (customer_id) do update set version = feed.version + 1, digest = excluded.digest, changed_at = clock_timestamp(), pending = true
where feed.digest is distinct from excluded.digest
"""
_OWE_GONE = """
update feed f set version = version + 1, digest = null, changed_at = clock_timestamp(), pending = true
where digest is not null and not exists (select from {build}.summary s where s.customer_id = f.customer_id and not s.erased)
"""
_OLD = """
select build from builds
where state in ('draining', 'refused') and coalesce(switched_at, ready_at, created_at) < clock_timestamp() - $1::interval
"""
_FLIP = """
update builds set followed = $3, switched_at = clock_timestamp(), state = case build when $1 then 'active' else 'draining' end
where build = $1 or build = $2
"""


async def switch(connection: Connection, to: str) -> str | None:
    """Make `to` the active build; the one that was, or None. It must follow closely: the rest of the journal is folded here, under the journal's lock.

    The feed is told of the customers whose digest differs and of no other.
    """
    async with connection.transaction():
        await connection.execute("set local idle_in_transaction_session_timeout = '3s'")  # a frozen process must not hold the journal for long
        await connection.execute("select pg_advisory_xact_lock($1)", JOURNAL_LOCK)  # nothing is appended from here on
        # Before anything of the feed is written: a composer of the active build holds its row while it writes there.
        old = await connection.fetchval("select build from builds where state = 'active' for update")
        if old == to:
            return to
        while await follow_here(connection, to, limit=1_000):
            pass
        while await compose_here(connection, to, limit=1_000):
            pass
        last = await connection.fetchval("select coalesce(max(id), 0) from journal")
        await connection.execute(_OWE.format(build=to))
        await connection.execute(_OWE_GONE.format(build=to))
        if old:  # first: at no moment two
            await connection.execute("update builds set state = 'draining' where build = $1", old)
        await connection.execute(_FLIP, to, old, last)
        reached("rebuild.switching")
    await connection.execute(f"notify {SWITCHED}")
    return str(old) if old else None


async def retire_old(connection: Connection, *, kept: timedelta = KEPT) -> list[str]:
    """Drop builds that were switched away from, or refused, longer ago than `kept`; their names."""
    rows = await connection.fetch(_OLD, kept)
    for row in rows:
        await builds.drop(connection, row["build"])
    return [row["build"] for row in rows]
