"""Is every stream's row the fold of its events, and is the log whole? And, after a new fold was released: make it so."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import orjson

from crm_events.store.loading import HISTORY, fact_of, refold
from crm_events.store.store import EventStore

PAGE = 500


@dataclass
class Verdict:
    """What was looked at and what is wrong; `differences` names the first hundred."""

    streams: int = 0
    events: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """True when nothing is wrong."""
        return not self.differences

    def note(self, what: str) -> None:
        """Keep a difference, at most a hundred."""
        if len(self.differences) < 100:
            self.differences.append(what)


async def verify(store: EventStore) -> Verdict:
    """Fold every stream and compare it with its row; check that positions and versions have no hole. Reads only; safe while writes go on."""
    verdict = Verdict()
    async with store.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        (row,) = await connection.fetch("select count(*) as n, coalesce(max(position), 0) as top, coalesce(min(position), 1) as bottom from events")
        verdict.events = row["n"]
        lost = await connection.fetchval("select count(*) from events where partition < 0")  # positions whose loss an operator has accepted
        if (row["n"], row["bottom"]) != (row["top"], 1):
            verdict.note(f"positions: {row['n']} events, but the last is at {row['top']} and the first at {row['bottom']}")
        backwards = await connection.fetchval(
            "select count(*) from (select recorded_at < lag(recorded_at) over (order by position) as back from events) x where back"
        )
        if backwards:
            verdict.note(f"recorded_at goes back at {backwards} positions")
        async for stream_id, kind, version, rev, state in _rows(store, connection):
            verdict.streams += 1
            fold = store.folds.get(kind)
            if fold is None:
                verdict.note(f"{stream_id}: no aggregate for type {kind}")
                continue
            events = await connection.fetch(f"{HISTORY} where stream_id = $1 order by version", stream_id)
            lost -= version - len(events)
            if lost < 0 or not events or events[-1]["version"] != version:
                verdict.note(f"{stream_id}: its versions are not 1 to {version}")
                continue
            folded = fold.write(fold.evolve(fold.aggregate.state(), map(fact_of, events)))
            if rev == fold.aggregate.revision and orjson.loads(folded) != orjson.loads(state):
                verdict.note(f"{stream_id}: the row of this {kind} is not the fold of its events")
        orphans = await connection.fetchval(
            "select count(distinct stream_id) from events e where partition >= 0 and not exists (select 1 from streams s where s.stream_id = e.stream_id)"
        )
        if orphans:
            verdict.note(f"{orphans} streams have events but no row")
    return verdict


async def refold_stale(store: EventStore) -> int:
    """Refold the rows that another revision made, by compare-and-set on their version; how many. A row that moves meanwhile was refolded by its writer."""
    done, after = 0, UUID(int=0)
    while True:
        rows = await store.pool.fetch("select stream_id, type, version, state_rev from streams where stream_id > $1 order by stream_id limit $2", after, PAGE)
        if not rows:
            return done
        for row in rows:
            fold = store.folds.get(row["type"])
            if fold is None or row["state_rev"] == fold.aggregate.revision:
                continue
            state = await refold(store.pool, fold, row["stream_id"], row["version"])
            done += int(
                await store.pool.execute(
                    "update streams set state = $1, state_rev = $2 where stream_id = $3 and version = $4",
                    fold.write(state),
                    fold.aggregate.revision,
                    row["stream_id"],
                    row["version"],
                )
                == "UPDATE 1"
            )
        after = rows[-1]["stream_id"]


async def _rows(store: EventStore, connection: object) -> AsyncIterator[tuple[UUID, str, int, int, str]]:
    async for row in connection.cursor("select stream_id, type, version, state_rev, state from streams", prefetch=PAGE):  # type: ignore[attr-defined]
        yield row["stream_id"], row["type"], row["version"], row["state_rev"], row["state"]
