"""How do events become rows of one build? The same way for the projector, for a build that follows the journal, and for a drain."""

from collections.abc import Iterable, Mapping, Sequence

from crm_events.lease import Connection

from crm_reporting.copying import copy
from crm_reporting.documents import decode
from crm_reporting.facts import KEY, TABLES
from crm_reporting.folding import Change, Fold, Folded, document_row, fold
from crm_reporting.heard import Heard

DOCUMENT = ("customer_id", "source", "doc", "digest", "upto", "recorded_at", "merged_into")
_UPSERT = """
insert into {build}.document (customer_id, source, doc, digest, upto, recorded_at, merged_into)
select * from unnest($1::uuid[], $2::text[], $3::json[], $4::bytea[], $5::bigint[], $6::text[]::timestamptz[], $7::uuid[])
on conflict (customer_id, source) do update set doc = excluded.doc, digest = excluded.digest, upto = excluded.upto, recorded_at = excluded.recorded_at,
    merged_into = excluded.merged_into
"""
_MARKS = """
select source, customer_id::text as customer_id from {build}.parked
where (source, customer_id) in (select * from unnest($1::text[], $2::uuid[])) order by 1, 2 for update
"""
_DOCUMENTS = """
select d.source, d.customer_id::text as customer_id, d.doc, d.upto
from unnest($1::text[], $2::uuid[]) n(source, customer_id) join {build}.document d using (customer_id, source)
"""
_ARRIVED = "insert into {build}.{table} select * from arriving on conflict do nothing"
_MARK = """
insert into {build}.parked (source, customer_id, reason, event_id, type, position) values ($1, $2, $3, $4, $5, $6)
on conflict (source, customer_id) do update set reason = excluded.reason, event_id = excluded.event_id, type = excluded.type, position = excluded.position,
    attempts = parked.attempts + 1
"""


async def project(connection: Connection, build: str, heard: Sequence[Heard]) -> Change:
    """Fold events into a build, inside the caller's transaction; facts by plain COPY, so that an event told twice is loud (UniqueViolationError)."""
    folds = sorted({(one.source, one.customer_id) for one in heard})
    parked = await marks(connection, build, folds)
    change = fold(heard, await documents(connection, build, [where for where in folds if where not in parked]), parked)
    await write(connection, build, change)
    return change


async def marks(connection: Connection, build: str, folds: Sequence[Fold]) -> frozenset[Fold]:
    """Which folds are parked. Locked before the documents are read: a drain under way is waited for, and what it wrote is then seen."""
    rows = await connection.fetch(_MARKS.format(build=build), [where[0] for where in folds], [where[1] for where in folds])
    return frozenset((row["source"], row["customer_id"]) for row in rows)


async def documents(connection: Connection, build: str, folds: Sequence[Fold]) -> Mapping[Fold, Folded]:
    """The documents of these folds as stored."""
    rows = await connection.fetch(_DOCUMENTS.format(build=build), [where[0] for where in folds], [where[1] for where in folds])
    return {(row["source"], row["customer_id"]): Folded(decode(row["doc"]), row["upto"], "") for row in rows}


async def write(connection: Connection, build: str, change: Change) -> None:
    """Store what `fold` worked out."""
    if change.documents:
        rows = [document_row(where, change.documents[where]) for where in sorted(change.documents)]  # sorted: two writers wait, they never deadlock
        await connection.execute(_UPSERT.format(build=build), *map(list, zip(*rows, strict=True)))
    for table in sorted(change.facts):
        await copy(connection, table, KEY + TABLES[table], change.facts[table], schema=build)
    await mark(connection, build, change.marks)


async def mark(connection: Connection, build: str, failed: Mapping[Fold, tuple[Heard, str]]) -> None:
    """Park folds: what they hear from now on waits in the journal."""
    rows = [(*where, reason, one.event_id, one.type, one.position) for where, (one, reason) in sorted(failed.items())]
    await connection.executemany(_MARK.format(build=build), rows)


async def write_facts_once(connection: Connection, build: str, lines: Mapping[str, Iterable[str]]) -> None:
    """Facts of which some may be there already: a drain goes over events whose facts did not wait."""
    for table, rows in sorted(lines.items()):
        await connection.execute(f"create temporary table arriving (like {build}.{table}) on commit drop")
        await copy(connection, "arriving", KEY + TABLES[table], rows)
        await connection.execute(_ARRIVED.format(build=build, table=table))
        await connection.execute("drop table arriving")
