"""Which numbers are made of others, above all: one for late, one for stuck, one for lost, one for slow?"""

from collections.abc import Mapping, Sequence
from typing import Any

_LATE = ("crm_relay_oldest_unpublished_seconds", "crm_consumer_behind_seconds", "crm_reporting_composer_age_seconds", "crm_timer_overdue_seconds")
_STUCK = (
    "sum(crm:leaders:sum == bool 0)",
    "sum(max by (group, topic, partition) (crm_consumer_partition_broken))",
    "sum(max by (source) (crm_reporting_parked))",
    "sum(max by (source) (crm_reporting_paused))",
    "sum(max by (process) (crm_store_closed))",
    'sum(up{job="crm"} == bool 0)',
)

# name, expression, what it says, what is as it should be
FOUR = (
    ("crm:late:seconds", f'max({{__name__=~"{"|".join(_LATE)}"}})', "how long the event that waits longest has waited, wherever it is on its way", "below 5"),
    ("crm:stuck:count", " + ".join(f"({each} or vector(0))" for each in _STUCK),
     "works nobody leads, partitions that stand still, parked customers, paused sources, stores closed for writes, processes that do not answer", "0"),
    ("crm:lost:events", "sum(max by (source) (crm_reconciliation_difference_events))", "events that the last comparison did not find where they belong", "0"),
    ("crm:slow:seconds", "max(crm:requests:p95_5m)", "the slowest API's 95th percentile over five minutes", "below 0.3"),
)  # fmt: skip

_BEFORE = (
    ("crm:leaders:sum", "sum by (process, work) (crm_leader)"),
    ("crm:requests:rate5m", 'sum by (process) (rate(http_requests_total{route=~"/v1/.*"}[5m]))'),
    ("crm:requests:p95_5m", 'histogram_quantile(0.95, sum by (process, le) (rate(http_request_duration_seconds_bucket{route=~"/v1/.*"}[5m])))'),
)


def recordings() -> Sequence[Mapping[str, Any]]:
    """In the order in which they need each other."""
    return [{"record": name, "expr": expr} for name, expr in _BEFORE] + [{"record": name, "expr": expr} for name, expr, *_ in FOUR]
