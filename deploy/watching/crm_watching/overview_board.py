"""What does somebody see who looks for the first time today? Four numbers, then where each comes from, then how the promises are kept."""

from crm_watching.board import Board, Panel, Row, a_second, graph, number, share, within
from crm_watching.objectives import OBJECTIVES, QUICK, Objective
from crm_watching.recordings import FOUR, Number

_V1 = 'route=~"/v1/.*"'
_FAULTS = f'{_V1},status=~"5.."'


def _question(one: Number) -> Panel:
    return number(one.question, one.unit, one.name, wrong_from=one.wrong_from, width=6, unknown=one.unknown, text=one.text)


def _firing(severity: str, title: str) -> Panel:
    expr = f'count(ALERTS{{alertstate="firing",severity="{severity}"}}) or vector(0)'
    return number(title, "none", expr, wrong_from=1, width=12, text="Each alert names its page in docs/runbooks.")


def _pace(objective: Objective) -> Panel:
    text = (
        f"{objective.promise[0].upper()}{objective.promise[1:]}. Over the last hour; at 1 the budget of 30 days lasts 30 days, above 14.4 somebody is called."
    )
    expr = f"{objective.recorded('1h')} / {objective.budget:g}"
    return graph(f"How fast the budget is spent: {objective.name}", "none", (expr, f"{{{{{objective.by}}}}}"), wrong_from=1, width=6, text=text)


_ASKED = a_second("http_requests_total", _V1, "process")
_FAILED = f"({a_second('http_requests_total', _FAULTS, 'process')} or 0 * {_ASKED})"

OVERVIEW = Board("overview", "CRM overview", "Is anything late, stuck, lost or slow?", (
    Row("Is anything late, stuck, lost or slow?", (*map(_question, FOUR), _firing("page", "Pages firing"), _firing("ticket", "Tickets firing"))),
    Row("Late", (
        graph("On the way to Kafka", "s", ("max by (source) (crm_relay_oldest_unpublished_seconds)", "{{source}}"), wrong_from=30, width=6),
        graph("On the way to its readers", "s", ("max by (group, topic) (crm_consumer_behind_seconds)", "{{group}} {{topic}}"), wrong_from=30, width=6),
        graph("On the way to lists and the feed", "s", ("max(crm_reporting_composer_age_seconds)", "composer"), wrong_from=30, width=6),
        graph("Deadlines not noted", "s", ("max by (process) (crm_timer_overdue_seconds)", "{{process}}"), wrong_from=60, width=6),
        graph("From being recorded to being projected, 95 of 100", "s", (within("crm_reporting_projection_delay_seconds", 'process="projector"'), "batches"),
              wrong_from=5, width=12),
        graph("The longest wait to be forgotten", "s", ("max(crm_erasure_oldest_seconds)", "customer"), wrong_from=600, width=12),
    )),
    Row("Stuck", (
        graph("Who answers Prometheus", "none", ('sum by (process) (up{job="crm"})', "{{process}}"), width=6, text="How many replicas of each process answer."),
        graph("Who leads", "none", ("crm:leaders:sum", "{{process}} {{work}}"), width=6, text="1: one replica does the work. 0: none does."),
        number("Partitions that stand still", "none", "sum by (group) (crm_consumer_partition_broken)", "{{group}}", wrong_from=1, width=6),
        number("Parked customers", "none", "max by (source) (crm_reporting_parked)", "{{source}}", wrong_from=1, width=6),
        number("Paused by an operator", "none", "max by (source) (crm_reporting_paused)", "{{source}}", wrong_from=1, width=12),
        number("Closed for writes", "none", "max by (process) (crm_store_closed)", "{{process}}", wrong_from=1, width=12),
    )),
    Row("Lost", (
        number("Events that are not where they belong", "none", "max by (source) (crm_reconciliation_difference_events)", "{{source}}",
               wrong_from=1, width=8, unknown="not compared yet"),
        number("Compared before", "s", "time() - max by (source) (crm_reconciliation_compared_timestamp_seconds)", "{{source}}",
               wrong_from=129_600, width=8, unknown="not compared yet"),
        number("Logs found short within the hour, and filled again", "none", "sum by (source) (increase(crm_relay_rewinds_total[1h]))", "{{source}}",
               wrong_from=1, width=8),
    )),
    Row("Slow", (
        graph("Requests a second", "reqps", (_ASKED, "{{process}}")),
        graph("Of them failed by our own fault", "percentunit", (share(_FAILED, _ASKED), "{{process}}"), wrong_from=0.001),
        graph("Within how long 95 of 100 are answered", "s", (within("http_request_duration_seconds", QUICK, "process"), "{{process}}"), wrong_from=0.3),
        graph("Within how long 95 of 100 group appends are done", "s", (within("crm_append_duration_seconds", "", "process"), "{{process}}"), wrong_from=1),
        graph("Requests that wait for a connection", "none", ("sum by (process, pool) (crm_pool_waiting_requests)", "{{process}} {{pool}}"), wrong_from=1),
        graph("How full the processes are", "percentunit", ("max by (process) (http_requests_in_flight / http_requests_in_flight_limit)", "{{process}}"),
              ("max by (process) (http_writes_in_flight / http_writes_in_flight_limit)", "{{process}}: commands"), wrong_from=0.8),
    )),
    Row("What is promised", tuple(map(_pace, OBJECTIVES))),
))  # fmt: skip
