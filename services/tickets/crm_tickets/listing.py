"""Which tickets, and what was said on one? The queries behind the lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import asyncpg
from crm_events.language.tickets import TicketMessageAdded, TicketOpened
from crm_events.store.loading import HISTORY, Recorded, recorded
from crm_events.store.store import EventStore

from crm_tickets.answers import AuthorAnswer, MessageAnswer

Sort = Literal["breach_at", "opened_at", "-opened_at"]

# A breach whose event is not yet written is a breach all the same.
_STATE = "case when due_at <= (extract(epoch from clock_timestamp()) * 1000000)::bigint then 'breached' else sla_state end"
_ORDER = {"breach_at": ("breach_at", ">", "asc"), "opened_at": ("opened_at", ">", "asc"), "-opened_at": ("opened_at", "<", "desc")}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the list; None = any."""

    statuses: Sequence[str] | None
    customers: Sequence[UUID] | None
    assignees: Sequence[str] | None
    priorities: Sequence[str] | None
    states: Sequence[str] | None
    sort: Sort


async def ticket_rows(store: EventStore, wanted: Wanted, after: tuple[Any, ...] | None, limit: int) -> list[asyncpg.Record]:
    """(stream_id, key) of the next tickets in the order asked for; `after` is the pair of the last one shown."""
    column, beyond, direction = _ORDER[wanted.sort]
    told: list[tuple[str, Any]] = [
        ("status = any(${}::text[])", wanted.statuses),
        ("customer_id = any(${}::uuid[])", wanted.customers),
        ("assignee = any(${}::text[])", wanted.assignees),
        ("priority = any(${}::text[])", wanted.priorities),
        (f"{_STATE} = any(${{}}::text[])", wanted.states),
    ]
    values = [value for _, value in told if value is not None]
    asked = [text for text, value in told if value is not None]
    where = ["type = 'ticket'", *(text.format(number) for number, text in enumerate(asked, 1))]
    if after is not None:
        where.append(f"({column}, stream_id) {beyond} (${len(values) + 1}::bigint, ${len(values) + 2}::uuid)")
        values += [after[0], UUID(after[1])]
    order = f"order by {column} {direction}, stream_id {direction} limit ${len(values) + 1}"
    return await store.pool.fetch(f"select stream_id, {column} as key from streams where {' and '.join(where)} {order}", *values, limit)


_SAID = f"""
{HISTORY} where stream_id = $1 and type in ('ticket.opened', 'ticket.message_added') and version > $2
and ($4 or payload ->> 'visibility' is distinct from 'internal') order by version limit $3
"""
_ONE = f"""
{HISTORY} where stream_id = $1 and (type = 'ticket.opened' and stream_id = $2 or type = 'ticket.message_added' and (payload ->> 'message_id')::uuid = $2)
order by version limit 1
"""


async def messages(store: EventStore, ticket_id: UUID, *, after: int, limit: int, internal: bool) -> list[Recorded]:
    """What was said on the ticket after version `after`, in the order told; without `internal` notes for customers."""
    return recorded(await store.pool.fetch(_SAID, ticket_id, after, limit, internal))


async def message(store: EventStore, ticket_id: UUID, message_id: UUID) -> Recorded | None:
    """One message."""
    rows = recorded(await store.pool.fetch(_ONE, ticket_id, message_id))
    return rows[0] if rows else None


def message_answer(ticket_id: UUID, each: Recorded) -> MessageAnswer:
    """The message as it is shown."""
    event = each.fact.event
    if not isinstance(event, TicketMessageAdded | TicketOpened):
        raise AssertionError("not a message")
    message_id, visibility = (ticket_id, "public") if isinstance(event, TicketOpened) else (event.message_id, event.visibility)
    return MessageAnswer(
        id=message_id, ticket_id=ticket_id, author=AuthorAnswer(kind=event.author_kind, id=event.author_id), visibility=visibility,
        channel=event.channel, text=event.text, occurred_at=each.fact.occurred_at, recorded_at=each.recorded_at,
    )  # fmt: skip
