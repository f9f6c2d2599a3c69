"""What does an aggregate look like to the store? Values in, events out: the rules themselves know no clock, no id source, no I/O.

decide(state) -> events        one plain function a command, written in the service
evolve(state, fact) -> state   total over the aggregate's events, `assert_never` at the end
advance(state, now) -> events  what time alone has made true: breaches, expiries
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeAlias, TypeVar
from uuid import UUID

from crm_events.event import Event

S = TypeVar("S")
E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Fact(Generic[E]):
    """An event as a fold sees it. It does not know when it was recorded: a fold depends on what happened, not on when we heard."""

    event: E
    event_id: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class At(Generic[E]):
    """An event that happened at another moment than its command: a breach at the minute it was due."""

    event: E
    occurred_at: datetime


Happened: TypeAlias = E | At[E]


@dataclass(frozen=True, slots=True)
class Claim:
    """What must be unique in a service: `value` under `scope` is held by one stream. Stored as a keyed hash, never in clear.

    `refusal` names the problem another holder's attempt is answered with. `within`: unique in the service, or within
    one customer or one stream, whose id the event does not repeat.
    """

    scope: str
    value: str
    take: bool = True
    refusal: Literal["identifier-taken", "already-exists"] = "already-exists"
    within: Literal["service", "customer", "stream"] = "service"


def _nothing(*_: Any) -> list[Any]:
    return []


def _never(_: Any) -> None:
    return None


def _no_columns(_: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Aggregate(Generic[S, E]):
    """One kind of stream. `state` is a frozen dataclass whose defaults are the initial state (`state()`); it must be JSON by pydantic.

    `revision` names the fold: raise it whenever `evolve`, `due`, `columns` or the state's shape changes, and rows are refolded from their events.
    `claims(before, event)` is asked with the plain event, before sealing, and the state before it.
    `opened`: decide and claims are given the state with its personal fields opened (evolve always works on sealed text).
    """

    stream_type: str
    state: type[S]
    evolve: Callable[[S, Fact[E]], S]
    revision: int = 1
    advance: Callable[[S, datetime], Iterable[Happened[E]]] = _nothing
    claims: Callable[[S, E], Iterable[Claim]] = _nothing
    due: Callable[[S], datetime | None] = _never
    columns: Callable[[S], Mapping[str, Any]] = _no_columns
    opened: bool = False
