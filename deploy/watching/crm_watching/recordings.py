"""Which numbers are made of others, above all: one for late, one for stuck, one for lost, one for slow?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_watching.alert import Series
from crm_watching.objectives import QUICK

# What an operator paused is not late: it is stuck, and told there.
_PAUSED = (
    'label_replace(label_replace(label_replace(crm_reporting_paused == 1, "topic", "crm.$1.v1", "source", "(.*)"),'
    ' "topic", "crm.reference.v1", "source", "reporting"), "group", "reporting", "", "")'
)
_WAITS = "crm_relay_oldest_unpublished_seconds|crm_reporting_composer_age_seconds|crm_timer_overdue_seconds"
# The last has no `or`: where nobody is asked, nothing is known, and 0 would be a lie.
_STUCK = (
    "(sum(crm:leaders:sum == bool 0) or vector(0))",
    "(sum(max by (group, topic, partition) (crm_consumer_partition_broken)) or vector(0))",
    "(sum(max by (source) (crm_reporting_parked)) or vector(0))",
    "(sum(max by (source) (crm_reporting_paused)) or vector(0))",
    "(sum(max by (process) (crm_store_closed)) or vector(0))",
    'sum(up{job="crm"} == bool 0)',
)


def behind(where: str = "") -> str:
    """How long records wait that nobody holds back on purpose, by partition."""
    return f"(crm_consumer_behind_seconds{where} unless on (group, topic) {_PAUSED})"


@dataclass(frozen=True, slots=True)
class Number:
    """The answer to one of the four questions. `wrong_from`: the least that is not as it should be; `unknown`: what no value at all means;
    `cases`: numbers of the processes, and what comes of them in minute 10 (None: nothing)."""

    name: str
    question: str
    expr: str
    text: str
    unit: str
    wrong_from: float
    unknown: str
    cases: tuple[tuple[str, Series, float | None], ...]


_UP = 'up{job="crm",process="tickets"}'
_PARTITION = 'group="reporting",topic="crm.tickets.v1",partition="3"'
_BUCKET = 'http_request_duration_seconds_bucket{process="tickets",method="GET",status="200",route='

FOUR = (
    Number(
        "crm:late:seconds", "Late", f'max({{__name__=~"{_WAITS}"}} or {behind()})',
        "How long the event that waits longest has waited, wherever it is on its way.",
        "s", 30, "no process tells",
        (
            ("it is the longest of all waits", {
                'crm_relay_oldest_unpublished_seconds{source="tickets"}': "3x10", f"crm_consumer_behind_seconds{{{_PARTITION}}}": "0+4x10",
                "crm_reporting_composer_age_seconds": "7x10", 'crm_timer_overdue_seconds{process="tickets"}': "1x10",
            }, 40),
            ("what an operator paused is not late", {
                f"crm_consumer_behind_seconds{{{_PARTITION}}}": "0+4x10", 'crm_reporting_paused{source="tickets"}': "1x10",
                'crm_consumer_behind_seconds{group="tickets-edges",topic="crm.contacts.v1"}': "6x10", 'crm_reporting_paused{source="contacts"}': "1x10",
            }, 6),
            ("nothing waits", {'crm_relay_oldest_unpublished_seconds{source="tickets"}': "0x10", "crm_reporting_composer_age_seconds": "0x10"}, 0),
            ("nobody tells", {_UP: "1x10"}, None),
        ),
    ),
    Number(
        "crm:stuck:count", "Stuck", " + ".join(_STUCK),
        "Works nobody leads, partitions that stand still, parked customers, paused sources, stores closed for writes, processes that do not answer.",
        "none", 1, "no process is known",
        (
            ("each is counted, once however many replicas tell it", {
                _UP: "0x10", 'up{job="crm",process="contacts"}': "1x10",
                'crm_leader{process="tickets",work="relay",instance="a"}': "0x10", 'crm_leader{process="tickets",work="relay",instance="b"}': "0x10",
                f"crm_consumer_partition_broken{{{_PARTITION}}}": "1x10",
                'crm_reporting_parked{source="tickets",instance="a"}': "3x10", 'crm_reporting_parked{source="tickets",instance="b"}': "3x10",
                'crm_reporting_paused{source="loyalty"}': "1x10", 'crm_store_closed{process="contacts"}': "1x10",
            }, 8),
            ("one replica leads, nothing is amiss", {
                _UP: "1x10",
                'crm_leader{process="tickets",work="relay",instance="a"}': "1x10", 'crm_leader{process="tickets",work="relay",instance="b"}': "0x10",
                f"crm_consumer_partition_broken{{{_PARTITION}}}": "0x10", 'crm_reporting_parked{source="tickets"}': "0x10",
            }, 0),
            ("nobody is asked", {'crm_reporting_parked{source="tickets"}': "3x10"}, None),
        ),
    ),
    Number(
        "crm:lost:events", "Lost", "sum(max by (source) (crm_reconciliation_difference_events))",
        "Events that the last comparison did not find where they belong.", "none", 1, "not compared yet",
        (
            ("every source counts, once however many replicas tell it", {
                'crm_reconciliation_difference_events{source="tickets",instance="a"}': "2x10",
                'crm_reconciliation_difference_events{source="tickets",instance="b"}': "2x10",
                'crm_reconciliation_difference_events{source="loyalty",instance="a"}': "1x10",
            }, 3),
            ("all is where it belongs", {'crm_reconciliation_difference_events{source="tickets"}': "0x10"}, 0),
            ("never compared", {_UP: "1x10"}, None),
        ),
    ),
    Number(
        "crm:slow:seconds", "Slow", 'max(crm:requests:p95_5m >= 0) or 0 * max(up{job="crm"})',
        "Within how long 95 of 100 requests are answered by the slowest API, over five minutes; 0 = nobody asks.", "s", 0.3, "no process is known",
        (
            ("the slowest API tells, and what takes its time by nature does not", {
                f'{_BUCKET}"/v1/tickets",le="0.25"}}': "0+95x10", f'{_BUCKET}"/v1/tickets",le="+Inf"}}': "0+100x10",
                f'{_BUCKET}"/v1/commands",le="0.3"}}': "0x10", f'{_BUCKET}"/v1/commands",le="+Inf"}}': "0+100x10",
            }, 0.25),
            ("nobody asks", {
                _UP: "1x10", f'{_BUCKET}"/v1/tickets",le="0.3"}}': "100x10", f'{_BUCKET}"/v1/tickets",le="+Inf"}}': "100x10",
            }, 0),
            ("nobody tells", {'crm_reporting_parked{source="tickets"}': "0x10"}, None),
        ),
    ),
)  # fmt: skip

_BEFORE = (
    ("crm:leaders:sum", "sum by (process, work) (crm_leader)"),
    ("crm:requests:p95_5m", f"histogram_quantile(0.95, sum by (process, le) (rate(http_request_duration_seconds_bucket{{{QUICK}}}[5m])))"),
)


def recordings() -> Sequence[Mapping[str, Any]]:
    """In the order in which they need each other."""
    return [{"record": name, "expr": expr} for name, expr in _BEFORE] + [{"record": one.name, "expr": one.expr} for one in FOUR]


def cases() -> list[dict[str, Any]]:
    """Each number with values of the processes and what it must be then, in promtool's words."""
    return [
        {
            "name": f"{one.name}: {name}",
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in given.items()],
            "promql_expr_test": [
                {"expr": f"round({one.name}, 0.001)", "eval_time": "10m", "exp_samples": [] if value is None else [{"labels": "{}", "value": value}]},
            ],
        }
        for one in FOUR
        for name, given, value in one.cases
    ]
