"""Which facts does one event make?

A fact is a function of its one event, never of a document: parking, late events and rebuilds need no retraction, and a correction is a new row with its
own `recorded_at`. Rows are keyed (source, position, n), n counting from 1 within a table.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from crm_reporting import facts_contacts, facts_loyalty, facts_tickets
from crm_reporting.entry import Entry

Row: TypeAlias = tuple[Any, ...]  # values in the order of KEY + TABLES[table]

KEY = ("source", "position", "n", "partition", "event_id", "customer_id", "occurred_at", "recorded_at")
TABLES: Mapping[str, tuple[str, ...]] = {**facts_contacts.TABLES, **facts_tickets.TABLES, **facts_loyalty.TABLES}
_SAID: Mapping[str, Callable[[Entry], Iterator[tuple[str, Mapping[str, Any]]]]] = {
    "contacts": facts_contacts.said,
    "tickets": facts_tickets.said,
    "loyalty": facts_loyalty.said,
}


def facts(entry: Entry) -> list[tuple[str, Row]]:
    """The rows of one event, each with its table's name; none for an event about no customer. Raises what a malformed payload raises: KeyError, TypeError."""
    if entry.subject is None:
        return []
    rows: list[tuple[str, Row]] = []
    count: dict[str, int] = {}
    for table, values in _SAID[entry.source](entry):
        n = count[table] = count.get(table, 0) + 1
        key = (entry.source, entry.position, n, entry.partition, entry.event_id, entry.customer_id, entry.occurred_at, entry.recorded_at)
        rows.append((table, (*key, *map(values.get, TABLES[table]))))
    return rows
