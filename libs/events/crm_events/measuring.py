"""What does a process measure, what does each number mean, and what is to be done when it is off? Described once; instruments are made from it.

A metric is described in a module named `metrics.py`, in a `Section` that says which processes serve it. docs/metrics.md is made of that (`make watching`),
and a test compares it with what each running process really serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

T = TypeVar("T", Counter, Gauge, Histogram)

APIS = ("contacts", "tickets", "loyalty", "reporting")  # the processes that answer requests, each with a store of its own
EVERY = (*APIS, "projector", "composer", "webhooks")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 1, 2.5, 5, 10)  # 0.3 is what answers are promised within

UNITS = ("seconds", "bytes", "events", "records", "commands", "connections", "rows", "ratio", "requests", "streams", "keys")

disable_created_metrics()  # type: ignore[no-untyped-call]  # each counter's birth would be a series more, which nobody asks for


@dataclass(frozen=True, slots=True)
class Metric(Generic[T]):
    """One metric. `off`: what an operator does when it is not as it should be; `by`: the processes that serve it."""

    name: str
    kind: type[T]
    labels: tuple[str, ...]
    text: str
    off: str
    section: str
    by: tuple[str, ...]
    buckets: tuple[float, ...] = ()

    def on(self, registry: CollectorRegistry) -> T:
        """The instrument in this registry; the same one however often it is asked for."""
        made = _MADE.setdefault(registry, {})
        if self.name not in made:
            more: dict[str, Any] = {"buckets": self.buckets} if self.buckets else {}
            made[self.name] = self.kind(self.name, self.text, self.labels, registry=registry, **more)
        return cast("T", made[self.name])

    @property
    def unit(self) -> str:
        """What it counts in, as its name says; empty for plain numbers."""
        words = self.name.removesuffix("_total").split("_")
        return next((unit for unit in UNITS if unit == words[-1]), "")


def from_zero(counter: Counter, *values: Sequence[str]) -> Counter:
    """The same, with a series at 0 for every combination of its labels' values: who looks for growth would not see the very first step of a series."""
    for labels in product(*values):
        counter.labels(*labels)
    return counter


_MADE: "WeakKeyDictionary[CollectorRegistry, dict[str, Any]]" = WeakKeyDictionary()
DESCRIBED: dict[str, Metric[Any]] = {}


class Section:
    """Metrics of one subject, served by the processes `by`. A name has one meaning: ValueError where it is described twice."""

    def __init__(self, title: str, by: Sequence[str]) -> None:
        self._title, self._by = title, tuple(by)

    def counter(self, name: str, labels: Sequence[str], text: str, *, off: str) -> Metric[Counter]:
        """Something that only grows, named `…_total`."""
        return self._described(name, Counter, labels, text, off)

    def gauge(self, name: str, labels: Sequence[str], text: str, *, off: str) -> Metric[Gauge]:
        """Something that goes up and down."""
        return self._described(name, Gauge, labels, text, off)

    def histogram(self, name: str, labels: Sequence[str], text: str, *, off: str, buckets: Sequence[float] = SECONDS) -> Metric[Histogram]:
        """How something is spread."""
        return self._described(name, Histogram, labels, text, off, buckets)

    def given(self, name: str, text: str, *, off: str) -> None:
        """One that another library makes under this name: a counter where it ends in `_total`, else a gauge."""
        if name.endswith("_total"):
            self.counter(name, (), text, off=off)
        else:
            self.gauge(name, (), text, off=off)

    def _described(self, name: str, kind: type[T], labels: Sequence[str], text: str, off: str, buckets: Sequence[float] = ()) -> Metric[T]:
        if name in DESCRIBED:
            raise ValueError(f"{name} is described already, under {DESCRIBED[name].section}: a name has one meaning")
        metric: Metric[T] = Metric(name, kind, tuple(labels), text, off, self._title, self._by, tuple(buckets))
        DESCRIBED[name] = metric
        return metric
