"""Which events are owed to whom? Those of the journal after each subscription's cursor that match; the rows and the cursor are one transaction."""

from collections.abc import Collection
from uuid import UUID

from crm_events.failpoints import reached
from crm_events.lease import Connection

AT_ONCE = 2_000  # journal rows one turn looks at
MOST_WAITING = 5_000  # deliveries that wait for one receiver; what comes after waits in the journal, and costs nothing

_LAST = "select coalesce(max(id), 0) from journal"
_BEHIND = """
select id from webhook w where state = 'enabled' and cursor < $1
  and (select count(*) from (select from webhook_delivery d where d.webhook = w.id and d.state = 'waiting' limit $2) n) < $2
order by id for update
"""
# The journal's ids have no gaps and appear in their order: whatever is below its last one is there.
_OWE = """
with owed as (
  insert into webhook_delivery (webhook, journal_id, event_id, type, customer_id)
  select w.id, j.id, j.event_id, j.type, j.customer_id
  from webhook w join journal j on j.id > w.cursor and j.id <= least(w.cursor + $2, $3)
  where w.id = any($1::uuid[]) and j.type like any(w.likes) and (w.sources = '{}' or j.source = any(w.sources))
    and (w.customer_ids = '{}' or j.subject = any(w.customer_ids))
  order by j.id
  returning webhook),
moved as (update webhook set cursor = least(cursor + $2, $3) where id = any($1::uuid[]))
select distinct webhook from owed
"""


async def plan(connection: Connection) -> tuple[Collection[UUID], bool]:
    """One turn over all subscriptions: those that are owed something new, and whether another turn is due at once."""
    async with connection.transaction():
        last = await connection.fetchval(_LAST)
        behind = [row["id"] for row in await connection.fetch(_BEHIND, last, MOST_WAITING)]
        if not behind:
            return (), False
        owed = [row["webhook"] for row in await connection.fetch(_OWE, behind, AT_ONCE, last)]
        reached("webhooks.owed")
    return owed, bool(await connection.fetchval("select exists (select from webhook where id = any($1::uuid[]) and cursor < $2)", behind, last))


def like(told: str) -> str:
    """`ticket.*` as a pattern of LIKE."""
    return told.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%").replace("*", "%")
