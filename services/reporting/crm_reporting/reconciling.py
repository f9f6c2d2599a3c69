"""Is every stored event in its topic and in the journal, each once? Per source, counted and hashed; what is missing or doubled is named."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import asyncpg
import orjson
from crm_events.lease import Connection
from crm_events.reconcile import Seen, Tally, Window, count, differences, not_in_topic, store_count, store_head, store_window, topic_count
from crm_events.topics import SOURCES


@dataclass(frozen=True, slots=True)
class Place:
    """What one place holds of a source, up to a position common to all: `digest` is the sum over events, the same in whatever order."""

    events: int
    digest: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One source. `store` None: this process may not read that database. Ids are named at most 1,000 of a kind."""

    source: str
    upto: int
    streams: int | None
    store: Place | None
    topic: Place
    journal: Place
    equal: bool
    missing_in_topic: tuple[str, ...]
    missing: tuple[str, ...]
    doubled: tuple[str, ...]
    strange: tuple[str, ...]


async def reconcile(connection: Connection, bootstrap_servers: str, stores: Mapping[str, str], *, topics: Mapping[str, str] = SOURCES) -> list[Reconciled]:
    """Every source in turn, and the outcome kept in `reconciliation`. `stores`: source → database URL, those that may be read; `topics`: source → topic.

    Events that are under way are no difference: each source is compared up to what the journal had when it was asked, every partition by itself.
    """
    found = []
    for source, topic in topics.items():
        store = await asyncpg.connect(stores[source]) if source in stores else None
        try:
            found.append(await _one(connection, bootstrap_servers, source, topic, store))
        finally:
            if store is not None:
                await store.close()
    report = orjson.dumps([asdict(one) for one in found]).decode()
    await connection.execute("insert into reconciliation (equal, report) values ($1, $2)", all(one.equal for one in found), report)
    return found


async def _one(connection: Connection, bootstrap_servers: str, source: str, topic: str, store: "Connection | None") -> Reconciled:
    journal = journal_window(connection, source)
    upto = await store_head(store) if store else await connection.fetchval("select coalesce(max(position), 0) from journal where source = $1", source)
    there = await topic_count(bootstrap_servers, topic, source, upto)
    here = await count(journal, upto)
    told = await store_count(store, upto) if store else None
    expected = told or there
    equal = all(expected[number].same(there[number]) and expected[number].same(here[number]) for number in expected)
    by_store = await differences(store_window(store), journal, upto) if store and not equal else None
    return Reconciled(
        source,
        upto,
        await store.fetchval("select count(*) from streams") if store else None,
        _place(told) if told else None,
        _place(there),
        _place(here),
        equal,
        tuple(map(str, await not_in_topic(store_window(store) if store else journal, there, upto) if not equal else ())),
        tuple(map(str, by_store.missing)) if by_store else (),
        tuple(map(str, by_store.doubled)) if by_store else (),
        tuple(map(str, by_store.strange)) if by_store else (),
    )


def journal_window(connection: Connection, source: str) -> Window:
    """The journal's events of one source, for `crm_events.reconcile`."""

    async def window(after: int, upto: int) -> Sequence[Seen]:
        rows = await connection.fetch(
            "select partition, position, event_id from journal where source = $1 and position > $2 and position <= $3", source, after, upto
        )
        return [Seen(row["partition"], row["position"], row["event_id"]) for row in rows]

    return window


def _place(tallies: Mapping[int, Tally]) -> Place:
    return Place(sum(tally.count for tally in tallies.values()), f"{sum(tally.digest for tally in tallies.values()) % 2**64:016x}")
