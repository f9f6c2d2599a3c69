"""How does a customer's summary follow their documents? Compose, compare, and keep only what changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
import orjson
from crm_events.lease import Connection

from crm_reporting.clusters import members, roots
from crm_reporting.compose import compose, view
from crm_reporting.documents import decode, digest
from crm_reporting.shapes import Document
from crm_reporting.summary import COLUMNS, summary_columns

_DOCUMENTS = "select customer_id::text as customer_id, source, doc from {build}.document where customer_id = any($1::uuid[])"
_FORMER = "select distinct root::text as root from {build}.member where customer_id = any($1::uuid[])"
_GONE = "delete from {build}.summary where customer_id = any($1::uuid[]) returning customer_id::text as customer_id"
_UNROOTED = "delete from {build}.member where customer_id = any($1::uuid[])"
_ROOTED = "insert into {build}.member (customer_id, root) select * from unnest($1::uuid[], $2::uuid[])"
_TYPES = {
    **dict.fromkeys(("breach_at", "last_contact_at", "first_purchase_at", "last_purchase_at", "first_seen_at"), "timestamptz"),
    **dict.fromkeys(("available", "spend"), "bigint"),
    **dict.fromkeys(("open_tickets", "interactions", "purchases"), "integer"),
    "customer_id": "uuid",
    "member_ids": "uuid[]",
    "erased": "boolean",
    "digest": "bytea",
    "view": "json",
}
_UPSERT = """
insert into {build}.summary ({columns}) select {values} from unnest({arrays}) n({columns})
on conflict (customer_id) do update set {updates}, changed_at = clock_timestamp() where summary.digest <> excluded.digest
returning customer_id::text as customer_id, digest
"""


class Composed(NamedTuple):
    """What changed: the new digest by canonical id, None = this id is no customer of its own any more (or erased: nothing of it is shown)."""

    changed: Mapping[str, bytes | None]
    looked_at: int


async def compose_again(connection: Connection, build: str, ids: Iterable[str]) -> Composed:
    """Make the summaries of all customers these ids belong or belonged to what their documents say. Inside the caller's transaction.

    Too narrow a deletion leaves stale rows behind after merges in some orders of arrival, so: every row of (ids ∪ former roots ∪ members) − roots goes.
    """
    asked = set(ids)
    asked |= {row["root"] for row in await connection.fetch(_FORMER.format(build=build), list(asked))}
    now = set((await roots(connection, build, asked)).values())
    clusters = await members(connection, build, now)
    shown, gone = await _views(connection, build, clusters), asked.union(*clusters.values()) - now
    deleted = {row["customer_id"] for row in await connection.fetch(_GONE.format(build=build), list(gone | (now - shown.keys())))}
    await connection.execute(_UNROOTED.format(build=build), list(asked.union(*clusters.values())))
    edges = [(member, root) for root, ids_of in clusters.items() for member in ids_of if member != root]
    await connection.execute(_ROOTED.format(build=build), [member for member, _ in edges], [root for _, root in edges])
    changed: dict[str, bytes | None] = dict.fromkeys(deleted)
    for row in await _upsert(connection, build, [shown[root] for root in sorted(shown)]):
        changed[row["customer_id"]] = None if shown[row["customer_id"]]["erased"] else row["digest"]
    return Composed(changed, len(shown))


async def _views(connection: Connection, build: str, clusters: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """The summary row by root, of those that any source knows."""
    found: dict[str, list[tuple[str, Document]]] = {}
    for row in await connection.fetch(_DOCUMENTS.format(build=build), [member for ids in clusters.values() for member in ids]):
        found.setdefault(row["customer_id"], []).append((row["source"], decode(row["doc"])))
    shown: dict[str, dict[str, Any]] = {}
    for root, ids in clusters.items():
        documents = [document for member in ids for document in found.get(member, ())]
        if documents:
            cluster = compose(root, ids, documents)
            sections = {} if cluster.erased else view(cluster, now=None, calendars={})
            columns = summary_columns(cluster, view(compose(root, ids, ()), now=None, calendars={}) if cluster.erased else sections)
            text = orjson.dumps([columns, sections], option=orjson.OPT_SORT_KEYS)
            shown[root] = columns | {"view": orjson.dumps(sections, option=orjson.OPT_SORT_KEYS).decode(), "digest": digest(text)}
    return shown


async def _upsert(connection: Connection, build: str, rows: Sequence[Mapping[str, Any]]) -> list[asyncpg.Record]:
    if not rows:
        return []
    names = ", ".join(COLUMNS)
    types = ["text" if column == "member_ids" else _TYPES.get(column, "text") for column in COLUMNS]  # unnest would take an array of arrays apart
    statement = _UPSERT.format(
        build=build,
        columns=names,
        values=", ".join(f"{column}::uuid[]" if column == "member_ids" else column for column in COLUMNS),
        arrays=", ".join(f"${n}::text[]::timestamptz[]" if of == "timestamptz" else f"${n}::{of}[]" for n, of in enumerate(types, 1)),
        updates=", ".join(f"{column} = excluded.{column}" for column in COLUMNS if column != "customer_id"),
    )
    arrays = [[_array(row[column]) for row in rows] for column in COLUMNS]
    return await connection.fetch(statement, *arrays)


def _array(value: Any) -> Any:
    return "{" + ",".join(value) + "}" if isinstance(value, list) else value
