"""Which customers are there, by what was asked? One indexed row a customer, kept by the composer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg
import orjson
from crm_events.event import utc_text

_STATE = "case when breach_at <= $1 then 'breached' else sla_state end"  # what time alone has made true by now
# Sort words → an expression that is never null, so that a page begins where the last one ended; unknown comes last either way.
SORTS = {
    "spend": "coalesce(spend, -9223372036854775808)",
    "purchases": "purchases",
    "interactions": "interactions",
    "available": "available",
    "open_tickets": "open_tickets",
    "last_contact_at": "coalesce(last_contact_at, '-infinity')",
    "last_purchase_at": "coalesce(last_purchase_at, '-infinity')",
    "first_seen_at": "coalesce(first_seen_at, '-infinity')",
    "breach_at": "coalesce(breach_at, 'infinity')",
    "customer_id": "customer_id",
}
_TIMES = frozenset(("last_contact_at", "last_purchase_at", "first_seen_at", "breach_at"))
_COLUMNS = f"""customer_id::text as customer_id, member_ids::text[] as member_ids, kind, type, owner_id, tier, available, open_tickets, {_STATE} as sla_state,
    breach_at, interactions, last_contact_at, purchases, spend, spend_currency, last_purchase_at, first_seen_at, view -> 'profile' ->> 'name' as name"""
SEGMENTS = {
    "buyers": "purchases >= 1",
    "repeat_buyers": "purchases >= 2",
    "never_bought": "purchases = 0",
    "waiting": "open_tickets > 0",
    "members": "view -> 'loyalty' ->> 'member_id' is not null",
}


_HOLDERS = """
select coalesce(m.root, t.customer_id) from terms t left join {build}.member m on m.customer_id = t.customer_id
where t.hash = any({hashes}::bytea[]) group by 1 having count(distinct t.hash) = {number}
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters, each None or empty = any. `open_tickets`: at least so many. `terms`: under whom all of these hashes are entered, over the ids of a customer."""

    segments: Sequence[str] = ()
    tiers: Sequence[str] = ()
    types: Sequence[str] = ()
    open_tickets: int | None = None
    sla_states: Sequence[str] = ()
    terms: Sequence[bytes] | None = None


async def page(
    connection: asyncpg.Connection, build: str, wanted: Wanted, *, sort: str, descending: bool, after: Sequence[Any] | None, limit: int, now: datetime
) -> tuple[list[dict[str, Any]], list[Any] | None]:
    """Summaries in order and the last one's key (None on the last page). `sort` is one of `SORTS`; ties go by customer id, in the same direction.

    The key is values, not a place: it holds in whatever build, and rows that arrive or leave move no other. A row whose own value moves may be met twice or
    missed; `customer_id` and `first_seen_at` hardly ever do.
    """
    expression, direction, compare = SORTS[sort], "desc" if descending else "asc", "<" if descending else ">"
    kind: Literal["timestamptz", "uuid", "bigint"] = "timestamptz" if sort in _TIMES else "uuid" if sort == "customer_id" else "bigint"
    where = ["not erased", *(f"({SEGMENTS[segment]})" for segment in wanted.segments)]
    values: list[Any] = [now]

    def told(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    for column, words in (("tier", wanted.tiers), ("type", wanted.types), (_STATE, wanted.sla_states)):
        if words:
            where.append(f"{column} = any({told(list(words))}::text[])")
    if wanted.open_tickets is not None:
        where.append(f"open_tickets >= {told(wanted.open_tickets)}")
    if wanted.terms is not None:
        hashes = sorted(set(wanted.terms))
        where.append(f"customer_id in ({_HOLDERS.format(build=build, hashes=told(hashes), number=told(len(hashes)))})")
    if after is not None:
        where.append(f"({expression}, customer_id) {compare} ({told(str(after[0]))}::text::{kind}, {told(str(after[1]))}::text::uuid)")
    rows = await connection.fetch(
        f"select {_COLUMNS}, ({expression})::text as sort_key from {build}.summary where {' and '.join(where)} "
        f"order by {expression} {direction}, customer_id {direction} limit {told(limit + 1)}",
        *values,
    )
    shown = rows[:limit]
    return [_item(row) for row in shown], [shown[-1]["sort_key"], shown[-1]["customer_id"]] if len(rows) > limit else None


def _item(row: asyncpg.Record) -> dict[str, Any]:
    moments = {name: utc_text(row[name]) if row[name] else None for name in (*_TIMES,)}
    spend = {"amount": row["spend"], "currency": row["spend_currency"]} if row["spend_currency"] else None
    plain = {name: row[name] for name in row.keys() if name not in _TIMES and name not in ("spend_currency", "sort_key")}  # noqa: SIM118  a Record is no mapping
    return orjson.loads(orjson.dumps(plain | moments | {"spend": spend, "redacted": []}))  # type: ignore[no-any-return]
