"""Are two customers one, of one household, or known by the same identifier; and who brought whom? What loyalty hears of it from contacts, as ids alone.

relationship.linked, unlinked (household)          ─┐
contact.match_suggested, match_rejected (identifiers) ─┴ follower ─▶ customer_tie
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from crm_events.consuming.record import Record
from crm_events.follower import Handler, cluster
from crm_events.lease import Connection
from crm_events.store.store import EventStore

from crm_loyalty.referral import Kinship, Rule

_TIE = """
insert into customer_tie (tie_id, kind, one, other, position, tied)
select $1, $2, $3, $4, $5, true where not exists (select from customer_edge where erased and customer_id in ($3, $4))  -- another partition may be late
on conflict (tie_id) do update set position = excluded.position, tied = excluded.tied where customer_tie.position < excluded.position
"""
_UNTIE = "update customer_tie set tied = false, position = $2 where tie_id = $1 and position < $2"
FORGET_TIES = "delete from customer_tie where one = $1 or other = $1"

# Who is merged with whom, in either direction: the ids of one customer, and nobody else's.
_SAME = """
select e.merged_into as id from customer_edge e where e.customer_id = near.id and e.merged_into is not null
union all select e.customer_id from customer_edge e where e.merged_into = near.id
"""
# `union` keeps no id twice, so that both end by themselves on any circle.
_HOUSEHOLD = f"""
with recursive near (id) as (
  select unnest($1::uuid[])
  union select n.id from near cross join lateral ({_SAME}
    union all select t.other from customer_tie t where t.one = near.id and t.kind = 'household' and t.tied
    union all select t.one from customer_tie t where t.other = near.id and t.kind = 'household' and t.tied) n)
select exists (select from near where id = any($2::uuid[]))
"""
_BROUGHT_BY = f"""
with recursive near (id) as (
  select unnest($1::uuid[])
  union select n.id from near cross join lateral ({_SAME}
    union all select s.customer_id from streams s where s.type = 'referral' and s.referred = near.id
      and s.state -> 'columns' ->> 'programme' = $3 and (s.state -> 'columns' ->> 'live')::boolean) n)
select exists (select from near where id = any($2::uuid[]))
"""
_SHARED = """
select exists (select from customer_tie t where t.kind = 'identifier' and t.tied
  and ((t.one = any($1::uuid[]) and t.other = any($2::uuid[])) or (t.one = any($2::uuid[]) and t.other = any($1::uuid[]))))
"""
_RIVALS = """
select stream_id from streams where type = 'referral' and referred = any($1::uuid[])
and state -> 'columns' ->> 'programme' = $2 and (state -> 'columns' ->> 'live')::boolean and stream_id <> $3 order by stream_id
"""
_BOUGHT = "select min(sold_at) from streams where type = 'transaction' and customer_id = any($1::uuid[])"


async def kinship(store: EventStore, referral_id: UUID, *, programme: str | None, referrer: UUID, other: UUID) -> Kinship:
    """What speaks against the referral of `other` by `referrer`, as far as it is known now."""
    own, theirs = await cluster(store.pool, referrer), await cluster(store.pool, other)
    rivals = await store.pool.fetch(_RIVALS, theirs, programme, referral_id)
    bought = await store.pool.fetchval(_BOUGHT, theirs)
    first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=bought) if bought is not None else None
    return Kinship(await _rule(store, own, theirs, programme), tuple(row["stream_id"] for row in rivals), first)


async def _rule(store: EventStore, own: Sequence[UUID], theirs: Sequence[UUID], programme: str | None) -> Rule | None:
    if {*own} & {*theirs}:
        return "self"
    if await store.pool.fetchval(_SHARED, own, theirs):
        return "shared_identifier"
    if await store.pool.fetchval(_BROUGHT_BY, own, theirs, programme):
        return "circular"
    return "household" if await store.pool.fetchval(_HOUSEHOLD, own, theirs) else None


async def _linked(connection: Connection, record: Record) -> None:
    told = orjson.loads(record.value)
    if told["kind"] == "household":
        await connection.execute(_TIE, record.stream_id, "household", record.key, UUID(told["other_id"]), record.position)


async def _unlinked(connection: Connection, record: Record) -> None:
    await connection.execute(_UNTIE, record.stream_id, record.position)


async def _suggested(connection: Connection, record: Record) -> None:
    """By their names alone two are not known to share anything."""
    told = orjson.loads(record.value)
    if told["identifiers"]:
        await connection.execute(_TIE, record.stream_id, "identifier", record.key, UUID(told["other_id"]), record.position)


TIES: dict[str, Handler] = {
    "relationship.linked": _linked,
    "relationship.unlinked": _unlinked,
    "contact.match_suggested": _suggested,
    "contact.match_rejected": _unlinked,
}
