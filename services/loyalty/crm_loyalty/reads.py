"""Which streams and events does a request need beside the one it names?"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from crm_events import registry
from crm_events.follower import cluster
from crm_events.language.loyalty import PointsEarned, TierSpendCounted
from crm_events.store.loading import HISTORY, Loaded, Recorded, recorded
from crm_events.store.store import EventStore, Target

from crm_loyalty.member import MEMBERS, Member, evolve
from crm_loyalty.offer_target import OFFER_TARGETS, target_id
from crm_loyalty.programme import PROGRAMMES, Programme, programme_id
from crm_loyalty.transaction import TRANSACTIONS, Transaction

_MEMBERS = "select stream_id from streams where type = 'member' and customer_id = any($1::uuid[]) and stream_id > $2 order by stream_id limit $3"
_ALLIES = """
select stream_id from streams where type = 'member' and customer_id = any($1::uuid[]) and state ->> 'programme' = $2 and stream_id <> $3 order by stream_id
"""
_PARTS = "select stream_id from events where type = 'points.reserved' and payload ->> 'redemption_id' = $1 order by stream_id"
_STEPS = f"""
{HISTORY} where stream_id = $1 and type in ('points.reserved', 'points.redeemed', 'redemption.cancelled', 'redemption.reversed')
and payload ->> 'redemption_id' = $2 order by version
"""
_EARNED = """
select payload ->> 'transaction_id' as transaction_id, schema_version, payload from events
where stream_id = $1 and type = 'points.earned' and payload ->> 'transaction_id' = any($2::text[]) order by version
"""
_COUNTED = """
select schema_version, payload from events
where stream_id = $1 and type = 'tier.spend_counted' and payload ->> 'transaction_id' = $2 and payload ->> 'return_id' is null
"""
_SALES = """
select stream_id, sold_at from streams where type = 'transaction' and member_id = $1
and ($2::bigint is null or (sold_at, stream_id) < ($2, $3)) order by sold_at desc, stream_id desc limit $4
"""
_ENTRIES = f"{HISTORY} where stream_id = $1 and version < $2 and (type like 'points.%' or type like 'redemption.%') order by version desc limit $3"


async def aims(store: EventStore, offer_id: UUID, customer_id: UUID) -> list[Target]:
    """The offer to this customer id, and to the ids merged with it, which are checked not to have moved meanwhile."""
    others = [each for each in await cluster(store.pool, customer_id) if each != customer_id]
    return [Target(OFFER_TARGETS, target_id(offer_id, each), key=each) for each in (customer_id, *others)]


async def programme_of(store: EventStore, name: str | None) -> Programme | None:
    """The programme with all its versions; None for no name, and for one that was never published."""
    if name is None:
        return None
    part = await store.read(PROGRAMMES, programme_id(name))
    return part.state if part.version else None


async def members_of(store: EventStore, customer_id: UUID, *, after: UUID | None, limit: int) -> list[Loaded[Member]]:
    """The members of a customer and of those merged with it, by id."""
    rows = await store.pool.fetch(_MEMBERS, await cluster(store.pool, customer_id), after or UUID(int=0), limit)
    return await store.read_many(MEMBERS, [row["stream_id"] for row in rows]) if rows else []


async def allies(store: EventStore, part: Loaded[Member]) -> list[UUID]:
    """The other members of the same customer in the same programme."""
    together = await cluster(store.pool, part.customer_id)
    rows = await store.pool.fetch(_ALLIES, together, part.state.programme, part.stream_id) if len(together) > 1 else []
    return [row["stream_id"] for row in rows]


async def parts_of(store: EventStore, redemption_id: UUID) -> list[UUID]:
    """The members a redemption was reserved from: written once, so it never changes."""
    return [row["stream_id"] for row in await store.pool.fetch(_PARTS, str(redemption_id))]


async def settled_long_ago(store: EventStore, redemption_id: UUID, ids: Sequence[UUID]) -> list[Member]:
    """The parts of a redemption that has left its members' pages, from its events alone."""
    members = []
    for each in ids:
        member = Member()
        for step in recorded(await store.pool.fetch(_STEPS, each, str(redemption_id))):
            member = evolve(member, step.fact)
        members.append(member)
    return members


async def earned_by(store: EventStore, member_id: UUID, transaction_ids: Iterable[UUID]) -> dict[UUID, list[PointsEarned]]:
    """The lots that these transactions gave; they are written with the transaction and never change."""
    found: dict[UUID, list[PointsEarned]] = {each: [] for each in transaction_ids}
    for row in await store.pool.fetch(_EARNED, member_id, [str(each) for each in found]) if found else []:
        event = registry.read("points.earned", row["schema_version"], row["payload"].encode())
        if isinstance(event, PointsEarned):
            found[event.transaction_id].append(event)
    return found


async def counted_of(store: EventStore, member_id: UUID, transaction_id: UUID) -> TierSpendCounted | None:
    """A purchase as it counted for a tier by spend; None: it did not."""
    row = await store.pool.fetchrow(_COUNTED, member_id, str(transaction_id))
    event = registry.read("tier.spend_counted", row["schema_version"], row["payload"].encode()) if row else None
    return event if isinstance(event, TierSpendCounted) else None


async def sales_of(store: EventStore, member_id: UUID, *, after: Sequence[Any] | None, limit: int) -> tuple[list[Loaded[Transaction]], Sequence[Any] | None]:
    """A page of transactions, the newest sale first, and where the next page begins."""
    sold_at, last = (after[0], UUID(after[1])) if after else (None, None)
    rows = await store.pool.fetch(_SALES, member_id, sold_at, last, limit + 1)
    shown = rows[:limit]
    sales = await store.read_many(TRANSACTIONS, [row["stream_id"] for row in shown]) if shown else []
    return sales, (shown[-1]["sold_at"], shown[-1]["stream_id"]) if len(rows) > limit else None


async def entries_of(store: EventStore, member_id: UUID, *, before: int | None, limit: int) -> tuple[list[Recorded], int | None]:
    """A page of a member's ledger, the newest entry first, and where the next page begins."""
    rows = await store.pool.fetch(_ENTRIES, member_id, before or 2**31 - 1, limit + 1)
    shown = recorded(rows[:limit])
    return shown, shown[-1].version if len(rows) > limit else None
