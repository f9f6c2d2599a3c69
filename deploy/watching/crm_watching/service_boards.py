"""What does each service's own dashboard show?"""

from crm_watching import rows
from crm_watching.board import RATE, Board, Row, a_second, graph, number, spread

_PROJECTOR, _COMPOSER, _API = 'process="projector"', 'process="composer"', 'process="reporting"'
_ALL = 'process=~"reporting|projector|composer|webhooks"'


def _of(service: str) -> str:
    return f'process="{service}"'


def _matching() -> Row:
    return Row("Who is one customer", (
        graph("Contacts joined, and pairs put before somebody", "none", ("sum by (outcome) (increase(crm_matches_total[1h]))", "{{outcome}} within the hour"),
              width=12),
        graph("Limits of linking reached", "none", ("sum by (type) (increase(crm_identity_hubs_total[1h]))", "{{type}} within the hour"), wrong_from=1,
              width=12),
    ))  # fmt: skip


def _erasure() -> Row:
    return Row("Forgetting customers", (
        graph("The longest wait to be forgotten", "s", ("max(crm_erasure_oldest_seconds)", "waits"), wrong_from=600),
        graph("The longest wait for who must obey an erasure", "s", ("max by (process) (crm_erasure_unobeyed_seconds)", "{{process}}"),
              ("max(crm_erasure_uncertified_seconds)", "certificate"), wrong_from=600),
        graph("The longest wait to be told what is known", "s", ("max(crm_access_oldest_seconds)", "waits"), wrong_from=2_160_000),
    ))  # fmt: skip


def _whole() -> Row:
    return Row("Is the read model whole?", (
        number("Events missing, doubled or strange", "none", "max by (source) (crm_reconciliation_difference_events)", "{{source}}",
               wrong_from=1, width=8, unknown="not compared yet"),
        number("Compared before", "s", "time() - max by (source) (crm_reconciliation_compared_timestamp_seconds)", "{{source}}",
               wrong_from=129_600, width=8, unknown="not compared yet"),
        number("Parked customers", "none", "max by (source) (crm_reporting_parked)", "{{source}}", wrong_from=1, width=8),
        graph("The rebuild under way", "percentunit", ("min(crm_reporting_rebuild_progress_ratio)", "folded")),
        graph("Rows of the access audit not written", "none", ("max(crm_reporting_audit_waiting_rows)", "rows"), wrong_from=5_000),
        graph("Reads that wait for a write", "none", ("sum(crm_reporting_waiting_requests)", "reads")),
    ))  # fmt: skip


def _projector() -> Row:
    return Row("The projector: from topics to journal, documents and facts", (
        graph("From an event's being recorded to its being projected", "s", *spread("crm_reporting_projection_delay_seconds", _PROJECTOR), wrong_from=5),
        graph("Events projected a second", "none", (a_second("crm_reporting_applied_total", _PROJECTOR, "source"), "{{source}}")),
        graph("Fact rows written a second", "none", (f"sum(rate(crm_reporting_facts_total[{RATE}]))", "rows")),
        number("Paused by an operator", "none", "max by (source) (crm_reporting_paused)", "{{source}}", wrong_from=1, width=24),
    ))  # fmt: skip


def _composer() -> Row:
    return Row("The composer: from journal to lists and the change feed", (
        graph("How long the oldest event waits to be composed", "s", ("max(crm_reporting_composer_age_seconds)", "waits"), wrong_from=30),
        graph("Events journalled and not composed", "none", ("max(crm_reporting_composer_lag_events)", "events")),
        graph("Where journal and composer stand", "none", ("max(crm_reporting_journal_id)", "journal"), ("max(crm_reporting_composer_cursor)", "composed")),
        graph("Records sent to the change feed a second", "none", (f"sum(rate(crm_reporting_published_total[{RATE}]))", "records"), width=12),
        graph("Customers the feed is owed", "none", ("max(crm_reporting_unpublished)", "customers"), width=12),
    ))  # fmt: skip


def _webhooks() -> Row:
    return Row("Webhooks: from journal to receivers over HTTP", (
        graph("Messages sent a second", "none", (a_second("crm_webhook_attempts_total", 'process="webhooks"', "outcome"), "{{outcome}}"), width=12),
        graph("Deliveries that wait", "none", ("max(crm_webhook_waiting_events)", "deliveries"), width=12),
        graph("How long the oldest has waited", "s", ("max(crm_webhook_oldest_waiting_seconds)", "waits"), wrong_from=300, width=12),
        number("Subscriptions that are disabled", "none", "max(crm_webhook_disabled)", "disabled", wrong_from=1, width=12),
    ))  # fmt: skip


def _audit(where: str) -> Row:
    return Row("Who read what", (graph("Rows of the access audit not written", "none", (f"max(crm_audit_waiting_rows{{{where}}})", "rows"), wrong_from=5_000),))


def _writer(service: str, text: str, *more: Row) -> Board:
    where = _of(service)
    own = (rows.requests(where), rows.store(where), rows.relay(where), rows.timer(where), *more, _audit(where), rows.connections(where), rows.process(where))
    return Board(service, f"CRM {service}", text, own)


SERVICE_BOARDS = (
    _writer("contacts", "Who the customers are, what they allow us, and who asked to be forgotten.", _matching(), _erasure(), rows.reader(_of("contacts"))),
    _writer("tickets", "What customers ask, and what they were promised.", rows.reader(_of("tickets"))),
    _writer("loyalty", "What customers bought, and the points they earned.", rows.reader(_of("loyalty"))),
    Board("reporting", "CRM reporting", "The unified view: how late it is, and whether it is whole.", (
        _whole(), _projector(), rows.reader(_PROJECTOR), _composer(), _webhooks(), rows.requests(_API), rows.store(_API), rows.relay(_ALL), rows.timer(_API),
        rows.connections(_ALL), rows.process(_ALL),
    )),
)  # fmt: skip
