"""Under which id does a stream beside tickets begin, and which of them answer a list? One query for all kinds, by the columns they share with tickets."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import asyncpg
from crm_chassis.paging import Page
from crm_events.refusals import Invalid
from crm_events.store.store import EventStore
from uuid_utils.compat import uuid7

LISTED = """
create index streams_beside_newest on streams (type, opened_at desc, stream_id desc) where type <> 'ticket' and opened_at is not null;
create index streams_followups_due on streams (breach_at, stream_id) where type = 'followup';
"""
Order = Literal["newest", "due"]
_COLUMN: dict[Order, tuple[str, str, str]] = {"newest": ("opened_at", "<", "desc"), "due": ("breach_at", ">", "asc")}
_FORGOTTEN = "not exists (select from customer_edge e where e.customer_id = streams.customer_id and e.erased)"


def own_id(given: UUID | None, customer_id: UUID | None) -> UUID:
    """The id given, else a new one. Invalid where it is the customer's: an event keyed by its own stream is about nobody, so the two must differ."""
    if given is not None and given == customer_id:
        raise Invalid("/id", "the-customers", "This is the customer's id. Choose another, or leave it out.")
    return given or uuid7()


async def rows(
    store: EventStore, kind: str, order: Order, asked: Sequence[tuple[str, Any]], after: Sequence[Any] | None, limit: int
) -> list[asyncpg.Record]:  # fmt: skip
    """(stream_id, key) of the next streams of this kind; nobody is to ask a customer who was forgotten how it went.

    `asked`: conditions on `streams` with `{}` for their value, None = any.
    """
    column, beyond, direction = _COLUMN[order]
    told = [(text, value) for text, value in asked if value is not None]
    values = [kind, *(value for _, value in told)]
    where = [
        "type = $1",
        *([_FORGOTTEN] if kind == "followup" else []),
        f"{column} is not null",
        *(text.format(f"${number}") for number, (text, _) in enumerate(told, 2)),
    ]
    if after is not None:
        where.append(f"({column}, stream_id) {beyond} (${len(values) + 1}::bigint, ${len(values) + 2}::uuid)")
        values += [after[0], UUID(after[1])]
    order_by = f"order by {column} {direction}, stream_id {direction} limit ${len(values) + 1}"
    return await store.pool.fetch(f"select stream_id, {column} as key from streams where {' and '.join(where)} {order_by}", *values, limit)


def more(rows: Sequence[asyncpg.Record], page: Page) -> list[object] | None:
    """The sort key of the last row shown, None on the last page."""
    return [rows[page.limit - 1]["key"], str(rows[page.limit - 1]["stream_id"])] if len(rows) > page.limit else None
