"""What is a subscription, and how is it made, changed, sent again, and ended? Rows of `webhook`; whoever sends hears of each change at its commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from crm_events.lease import Connection
from crm_events.refusals import Invalid, NotFound, Rejected, VersionConflict
from uuid_utils.compat import uuid7

from crm_reporting.webhooks.planning import like
from crm_reporting.webhooks.process import CHANGED
from crm_reporting.webhooks.secret import Secrets

MOST = 100  # subscriptions: each has a task and connections of its own

_LOCK = "select pg_advisory_xact_lock(7004)"  # two at once must not both be the last that fits
_ADD = """
insert into webhook (id, url, description, types, likes, sources, customer_ids, cursor, created_by)
values ($1, $2, $3, $4, $5, $6, $7, coalesce($8, (select coalesce(max(id), 0) from journal)), $9)
"""
_CHANGE = """
update webhook set url = $2, description = $3, types = $4, likes = $5, sources = $6, customer_ids = $7, version = version + 1, changed_at = clock_timestamp(),
  state = $8, reason = $9, failures = case when $10 then 0 else failures end, failing_since = case when $10 then null else failing_since end,
  quiet_until = case when $10 then null else quiet_until end
where id = $1
"""
_DUE = "update webhook_delivery set due_at = clock_timestamp() where webhook = $1 and state = 'waiting'"
_LAST = "select coalesce(max(id), 0) from journal"
_REPLACED = """
update webhook_delivery set state = 'replaced', reason = 'sent again from an earlier position', ended_at = clock_timestamp()
where webhook = $1 and state = 'waiting' and journal_id > $2
"""
_REWIND = "update webhook set cursor = $2, version = version + 1, changed_at = clock_timestamp() where id = $1"
_AGAIN = """
insert into webhook_delivery (webhook, journal_id, event_id, type, customer_id, asked_by)
select webhook, journal_id, event_id, type, customer_id, $3 from webhook_delivery where webhook = $1 and id = $2 and state <> 'waiting' returning id
"""
_SHOWN = """
select w.*, (select count(*) from webhook_delivery d where d.webhook = w.id and d.state = 'waiting') as waiting,
  (select min(created_at) from webhook_delivery d where d.webhook = w.id and d.state = 'waiting') as oldest_waiting_at,
  (select count(*) from webhook_secret s where s.webhook = w.id and (s.retires_at is null or s.retires_at > clock_timestamp())) as secrets,
  (select coalesce(max(id), 0) from journal) - w.cursor as behind
from webhook w
"""
BY_HAND = "disabled by hand"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscriber asks for. No `sources`, no `customer_ids` = all."""

    url: str
    types: Sequence[str]
    sources: Sequence[str] = ()
    customer_ids: Sequence[UUID] = ()
    description: str | None = None

    @property
    def row(self) -> tuple[Any, ...]:
        """As the statements want it."""
        return (self.url, self.description, list(self.types), [like(each) for each in self.types], list(self.sources), list(self.customer_ids))


async def create(connection: Connection, secrets: Secrets, wanted: Wanted, *, after: int | None, by: str) -> tuple[UUID, UUID]:
    """A new subscription and its secret, by their ids. `after`: the journal id after which it begins, None = now. Raises Invalid, Rejected."""
    await connection.execute(_LOCK)
    if await connection.fetchval("select count(*) from webhook") >= MOST:
        raise Rejected("too-many-webhooks", f"There are {MOST} subscriptions; delete one that is not used any more.")
    await _within(connection, after)
    made = uuid7()
    await connection.execute(_ADD, made, *wanted.row, after, by)
    secret = await secrets.make(connection, made)
    await _told(connection)
    return made, secret


async def change(connection: Connection, webhook: UUID, told: Mapping[str, Any], *, if_match: int | None) -> None:
    """Change what `told` names; `enabled` True forgets the failures, and what waits goes at once. Raises NotFound, VersionConflict."""
    row = await locked(connection, webhook, if_match=if_match)
    wanted = Wanted(**{name: told.get(name, row[name]) for name in ("url", "types", "sources", "customer_ids", "description")})
    enabled, was = told.get("enabled"), row["state"]
    state = was if enabled is None else "enabled" if enabled else "disabled"
    reason = row["reason"] if state == was else None if state == "enabled" else BY_HAND
    await connection.execute(_CHANGE, webhook, *wanted.row, state, reason, bool(enabled) or "url" in told)
    if enabled or "url" in told:
        await connection.execute(_DUE, webhook)
    await _told(connection)


async def remove(connection: Connection, webhook: UUID, *, if_match: int | None) -> None:
    """End it: its secrets, what it is owed, and its log are gone. Raises NotFound, VersionConflict."""
    await locked(connection, webhook, if_match=if_match)
    await connection.execute("delete from webhook where id = $1", webhook)
    await _told(connection)


async def rotate(connection: Connection, secrets: Secrets, webhook: UUID, *, overlap: float) -> UUID:
    """A new secret; for `overlap` seconds messages are signed with the old one too. Its id. Raises NotFound."""
    await locked(connection, webhook)
    made = await secrets.make(connection, webhook, overlap=overlap)
    await connection.execute("update webhook set version = version + 1, changed_at = clock_timestamp() where id = $1", webhook)
    await _told(connection)
    return made


async def replay(connection: Connection, webhook: UUID, *, after: int) -> None:
    """Everything after that journal id again, in order, and on to what is new with no gap. Raises NotFound, Invalid."""
    row = await locked(connection, webhook)
    await _within(connection, after)
    if after > row["cursor"]:
        raise Invalid("/after", "ahead", f"The subscription is at {row['cursor']}; to go on from further ahead would leave events out.")
    await connection.execute(_REPLACED, webhook, after)
    await connection.execute(_REWIND, webhook, after)
    await _told(connection)


async def redeliver(connection: Connection, webhook: UUID, delivery: int, *, by: str) -> int:
    """Send it once more, under the same `webhook-id`; the new delivery's id. Raises NotFound, Rejected where it waits already."""
    await locked(connection, webhook)
    again: int | None = await connection.fetchval(_AGAIN, webhook, delivery, by)
    if again is None:
        if await connection.fetchval("select true from webhook_delivery where webhook = $1 and id = $2", webhook, delivery):
            raise Rejected("delivery-waits", "It has not been delivered yet; it will be sent by itself.")
        raise NotFound("There is no such delivery; those that ended are kept for some time only.")
    await _told(connection)
    return again


async def locked(connection: Connection, webhook: UUID, *, if_match: int | None = None) -> asyncpg.Record:
    """The row, kept until the transaction ends. Raises NotFound, VersionConflict."""
    row = await connection.fetchrow("select * from webhook where id = $1 for update", webhook)
    if row is None:
        raise NotFound("There is no such subscription.")
    if if_match is not None and if_match != row["version"]:
        raise VersionConflict(row["version"])
    return row


async def shown(connection: "Connection | asyncpg.Pool", webhook: UUID) -> asyncpg.Record:
    """The subscription and how it stands. Raises NotFound."""
    row = await connection.fetchrow(f"{_SHOWN} where w.id = $1", webhook)
    if row is None:
        raise NotFound("There is no such subscription.")
    return row


async def listed(connection: asyncpg.Pool, *, after: UUID | None, limit: int) -> list[asyncpg.Record]:
    """In the order they were made."""
    return await connection.fetch(f"{_SHOWN} where $1::uuid is null or w.id > $1 order by w.id limit $2", after, limit)


async def _within(connection: Connection, after: int | None) -> None:
    last = await connection.fetchval(_LAST)
    if after is not None and after > last:
        raise Invalid("/after", "ahead", f"The newest position is {last}.")


async def _told(connection: Connection) -> None:
    await connection.execute(f"notify {CHANGED}")
