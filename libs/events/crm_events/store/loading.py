"""What is a stream's state? The row if this program's fold made it, else the fold of its events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import asyncpg
import orjson
from pydantic import TypeAdapter

from crm_events import registry
from crm_events.deciding import Aggregate, At, Fact, Happened
from crm_events.event import Event
from crm_events.refusals import Unavailable

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """A stream as it stands. `version` 0: it is not there. Personal text in `state` is sealed. `recorded_at`, `position`: of its last stored event.

    `occupied`: the id belongs to a stream of another kind.
    """

    stream_id: UUID
    state: S
    version: int
    customer_id: UUID
    recorded_at: datetime | None
    position: int
    occupied: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored event of a stream's history."""

    fact: Fact[Any]
    version: int
    position: int
    recorded_at: datetime
    actor: str


class Fold(Generic[S]):
    """An aggregate with its state's JSON form: the pydantic dump plus `due_at` (microseconds) and `columns`, both reserved names."""

    def __init__(self, aggregate: Aggregate[S, Any]) -> None:
        self.aggregate = aggregate
        self._json: TypeAdapter[S] = TypeAdapter(aggregate.state)
        self.initial: S = aggregate.state()  # frozen, so all streams may begin with the same

    def write(self, state: S) -> str:
        """The text for the column `state`."""
        due = self.aggregate.due(state)
        extra = {"due_at": int(due.timestamp() * 1_000_000) if due else None, "columns": self.aggregate.columns(state)}
        body = self._json.dump_json(state)
        return (orjson.dumps(extra)[:-1] + b"," + body[1:] if body != b"{}" else orjson.dumps(extra)).decode()

    def read(self, text: str) -> S:
        """The state back from the column."""
        return self._json.validate_json(text)

    def python(self, state: S) -> Any:
        """The state as JSON-able data."""
        return self._json.dump_python(state, mode="json")

    def from_python(self, data: Any) -> S:
        """The state from such data."""
        return self._json.validate_python(data)

    def evolve(self, state: S, facts: Iterable[Fact[Any]]) -> S:
        """The state after these facts."""
        for fact in facts:
            state = self.aggregate.evolve(state, fact)
        return state

    def advanced(self, state: S, now: datetime) -> S:
        """The state as time has made it by `now`, for showing only: nothing is written, so the events have no ids yet."""
        return self.evolve(state, [Fact(event, NO_ID, at) for event, at in moments(self.aggregate.advance(state, now), now)])


NO_ID = UUID(int=0)


def moments(happened: Iterable[Happened[Any]], default: datetime) -> list[tuple[Event, datetime]]:
    """Each event with when it happened."""
    return [(item.event, item.occurred_at) if isinstance(item, At) else (item, default) for item in happened]


def fact_of(row: asyncpg.Record) -> Fact[Any]:
    """A row of `events` as a fold sees it. A type this program does not know: 503 for its stream until a newer one runs, never a wrong answer."""
    try:
        event = registry.read(row["type"], row["schema_version"], cast("str", row["payload"]).encode())
    except registry.UnknownType as unknown:
        raise Unavailable("A newer version of this service has written here; this one cannot read it.", retry_after=5) from unknown
    return Fact(event, row["event_id"], row["occurred_at"])


HISTORY = "select version, position, event_id, type, schema_version, occurred_at, recorded_at, payload, metadata from events"


async def refold(connection: asyncpg.Connection | asyncpg.Pool, fold: Fold[S], stream_id: UUID, upto: int) -> S:
    """The state at version `upto`, from the events."""
    rows = await connection.fetch(f"{HISTORY} where stream_id = $1 and version <= $2 order by version", stream_id, upto)
    return fold.evolve(fold.initial, map(fact_of, rows))


def recorded(rows: Sequence[asyncpg.Record]) -> list[Recorded]:
    """Rows of `HISTORY`."""
    return [Recorded(fact_of(row), row["version"], row["position"], row["recorded_at"], orjson.loads(row["metadata"]).get("actor", "")) for row in rows]
