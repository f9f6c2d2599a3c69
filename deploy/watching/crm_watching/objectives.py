"""What is promised, and how fast may the promise's budget be spent before somebody is called?

Multi-window, multi-burn-rate rules as in Google's SRE workbook, chapter 5: a long window says that it matters, a short one that it still goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
# severity, and (long window, short window, times the pace at which the budget of 30 days lasts 30 days): a page for 2 % of it within an hour or 5 % within six
PACES: Mapping[str, tuple[tuple[str, str, float], ...]] = {
    "page": (("1h", "5m", 14.4), ("6h", "30m", 6.0)),
    "ticket": (("1d", "2h", 3.0), ("3d", "6h", 1.0)),
}
_API = 'route=~"/v1/.*"'
QUICK = f'{_API},route!~"/v1/(commands|operations/.*)"'  # many commands at once, comparisons and rebuilds take their time by nature


@dataclass(frozen=True, slots=True)
class Objective:
    """`errors`: the ratio of what was not as promised, over WINDOW, 0 where nothing was asked; `by`: the label of who promises; `first`: what it needs."""

    alert: str
    name: str
    promise: str
    target: float
    by: str
    errors: str
    first: tuple[Mapping[str, str], ...] = ()

    @property
    def budget(self) -> float:
        """The ratio of errors that is allowed."""
        return round(1 - self.target, 6)

    def over(self, window: str) -> str:
        """The ratio of errors over this window."""
        return self.errors.replace("WINDOW", window).replace("API", _API).replace("QUICK", QUICK)

    def recorded(self, window: str) -> str:
        """The name under which the ratio over this window is recorded."""
        return f"crm:{self.name}_errors:ratio_{window}"


OBJECTIVES = (
    Objective(
        "AvailabilityBudgetBurns", "availability", "99.9 % of requests are answered without a fault of ours", 0.999, "process",
        '(sum by (process) (rate(http_requests_total{API,status=~"5.."}[WINDOW])) or 0 * sum by (process) (rate(http_requests_total{API}[WINDOW])))'
        " / (sum by (process) (rate(http_requests_total{API}[WINDOW])) > 0) or 0 * sum by (process) (rate(http_requests_total{API}[WINDOW]))",
    ),
    Objective(
        "LatencyBudgetBurns", "latency", "95 % of requests are answered within 0.3 s", 0.95, "process",
        '1 - sum by (process) (rate(http_request_duration_seconds_bucket{QUICK,le="0.3"}[WINDOW]))'
        " / (sum by (process) (rate(http_request_duration_seconds_count{QUICK}[WINDOW])) > 0)"
        " or 0 * sum by (process) (rate(http_request_duration_seconds_count{QUICK}[WINDOW]))",
    ),
    Objective(
        "ProjectionBudgetBurns", "projection", "99 % of batches are in the read model within 5 s of their oldest event", 0.99, "process",
        '1 - sum by (process) (rate(crm_reporting_projection_delay_seconds_bucket{le="5.0"}[WINDOW]))'
        " / (sum by (process) (rate(crm_reporting_projection_delay_seconds_count[WINDOW])) > 0)"
        " or 0 * sum by (process) (rate(crm_reporting_projection_delay_seconds_count[WINDOW]))",
    ),
    Objective(
        "RelayBudgetBurns", "relay", "99.9 % of the time no event has waited for Kafka for more than 10 s", 0.999, "source",
        "avg_over_time(crm:relay_late:bool[WINDOW])",
        ({"record": "crm:relay_late:bool", "expr": "max by (source) (crm_relay_oldest_unpublished_seconds) > bool 10"},),
    ),
)  # fmt: skip


def recorded(objective: Objective) -> list[Mapping[str, Any]]:
    """The ratio of errors over every window, and what it is made of."""
    return [*objective.first, *({"record": objective.recorded(window), "expr": objective.over(window)} for window in WINDOWS)]


def burns(objective: Objective, severity: str) -> str:
    """The condition: over either pair of windows the budget is spent so many times too fast."""
    pairs = (
        f"({objective.recorded(long)} > {pace:g} * {objective.budget:g} and {objective.recorded(short)} > {pace:g} * {objective.budget:g})"
        for long, short, pace in PACES[severity]
    )
    return " or ".join(pairs)
