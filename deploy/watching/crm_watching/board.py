"""What is a dashboard made of? Said without Grafana's words; `grafana` knows those."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

RATE = "$__rate_interval"  # Grafana's: at least four scrapes, wider where the picture shows days
_NAME = re.compile(r"\b((?:crm|http|process|build)_\w+?)(?:_bucket|_count|_sum)?\b(?=[{\[) ]|$)")


@dataclass(frozen=True, slots=True)
class Query:
    """One question to Prometheus; `legend` names its series by their labels."""

    expr: str
    legend: str = ""

    @property
    def metrics(self) -> list[str]:
        """The metrics that it asks for, those of recordings aside."""
        return list(dict.fromkeys(_NAME.findall(self.expr)))


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `kind`: a number as it is now, or a graph over time; `wrong_from`: what is red; `unknown`: what is said where there is no value;
    `text`: what it means, where that is more than its metrics' own descriptions."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["graph", "number"] = "graph"
    width: int = 8
    wrong_from: float | None = None
    unknown: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. `name` is its file's and part of its address."""

    name: str
    title: str
    text: str
    rows: tuple[Row, ...]
    tags: tuple[str, ...] = field(default=("crm",))

    def panels(self) -> Iterator[Panel]:
        """All of them, from the top."""
        return (panel for row in self.rows for panel in row.panels)


def graph(title: str, unit: str, *queries: tuple[str, str], wrong_from: float | None = None, width: int = 8, text: str = "") -> Panel:
    """A graph of (expression, legend) pairs."""
    return Panel(title, unit, tuple(Query(*query) for query in queries), width=width, wrong_from=wrong_from, text=text)


def number(title: str, unit: str, expr: str, legend: str = "", *, wrong_from: float | None = None, width: int = 4, unknown: str = "", text: str = "") -> Panel:
    """A number as it is now, one for each series."""
    return Panel(title, unit, (Query(expr, legend),), "number", width, wrong_from, unknown, text)


def within(histogram: str, where: str, by: str = "", part: float = 0.95) -> str:
    """Within how long (or how many) that part of all was, by these labels; 0 where there was nothing."""
    labels = f"le, {by}" if by else "le"
    quantile = f"histogram_quantile({part:g}, sum by ({labels}) (rate({histogram}_bucket{{{where}}}[{RATE}])))"
    return f"{quantile} >= 0 or 0 * sum by ({by}) ({histogram}_count{{{where}}})"


def spread(histogram: str, where: str) -> tuple[tuple[str, str], ...]:
    """Within how long 50, 95 and 99 of a hundred were."""
    return tuple((within(histogram, where, part=part), f"{100 * part:g} of 100") for part in (0.5, 0.95, 0.99))


def share(part: str, whole: str) -> str:
    """How much of the whole; 0 where there was nothing."""
    return f"{part} / ({whole} > 0) or 0 * {whole}"


def a_second(counter: str, where: str, by: str) -> str:
    """How much it grows in a second, by these labels."""
    return f"sum by ({by}) (rate({counter}{{{where}}}[{RATE}]))"
