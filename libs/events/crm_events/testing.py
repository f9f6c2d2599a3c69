"""Does a rule do what its sentence says? `given(AGGREGATE, *history).when(rule).then(*events)`, without any I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from crm_events.deciding import Aggregate, At, Fact, Happened
from crm_events.event import Event
from crm_events.refusals import Refusal, Rejected

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_IDS = UUID("00000000-0000-5000-8000-000000000000")


def facts(happened: Iterable[Happened[Any]], at: datetime = NOON, first: int = 1) -> list[Fact[Any]]:
    """Events as the fold sees them: ids by number, `at` unless an event says its own moment."""
    told = [(item.event, item.occurred_at) if isinstance(item, At) else (item, at) for item in happened]
    return [Fact(event, uuid5(_IDS, str(number)), moment) for number, (event, moment) in enumerate(told, first)]


def fold(aggregate: Aggregate[Any, Any], history: Iterable[Fact[Any]]) -> Any:
    """The state after this history."""
    state = aggregate.state()
    for fact in history:
        state = aggregate.evolve(state, fact)
    return state


@dataclass(frozen=True)
class Outcome:
    """What a rule answered: events, or why not."""

    events: list[Happened[Any]]
    refusal: Exception | None

    def then(self, *expected: Happened[Any]) -> None:
        if self.refusal is not None:
            raise self.refusal
        assert self.events == list(expected)

    def rejected(self, rule: str) -> None:
        assert isinstance(self.refusal, Rejected), f"not rejected: {self.events or self.refusal!r}"
        assert self.refusal.rule == rule

    def refused(self, kind: type[Exception]) -> None:
        assert isinstance(self.refusal, kind), f"not refused: {self.events or self.refusal!r}"


@dataclass(frozen=True)
class Given:
    """A stream's history, and the aggregate that folds it."""

    aggregate: Aggregate[Any, Any]
    history: list[Fact[Any]]

    @property
    def state(self) -> Any:
        return fold(self.aggregate, self.history)

    def when(self, rule: Callable[..., Iterable[Happened[Any]]], /, *args: Any, at: datetime | None = None, **kwargs: Any) -> Outcome:
        """Advance to `at` if given (as the store does), then run `rule(state, *args, **kwargs)`; events of the advance come first."""
        state, advanced = self.state, list[Happened[Any]]()
        if at is not None:
            advanced = list(self.aggregate.advance(state, at))
            for fact in facts(advanced, at, len(self.history) + 1):
                state = self.aggregate.evolve(state, fact)
        try:
            return Outcome(advanced + list(rule(state, *args, **kwargs)), None)
        except Refusal as refusal:
            return Outcome([], refusal)


def given(aggregate: Aggregate[Any, Any], *history: Event | At[Any], at: datetime = NOON) -> Given:
    """The stream so far, each event at `at` unless it is an `At`."""
    return Given(aggregate, facts(history, at))
