"""What does reporting tell an operator? How late the read model is, what waits for a person, and whether anything is lost."""

from collections.abc import Sequence
from datetime import UTC, datetime

from crm_events.measuring import Section, from_zero
from crm_events.metrics import LEADER
from crm_events.topics import SOURCES
from prometheus_client import CollectorRegistry

from crm_reporting.heard import Heard

_projector = Section("The projector, from topics to journal, documents and facts", ("projector",))
_composer = Section("The composer, from journal to lists and the change feed", ("composer",))
_whole = Section("Is the read model whole?", ("reporting",))

APPLIED = _projector.counter("crm_reporting_applied_total", ["source"], "Events projected.", off="It stands while `crm_consumer_lag_records` grows.")
FACTS = _projector.counter(
    "crm_reporting_facts_total", [], "Fact rows written.", off="It stands while `crm_reporting_applied_total` grows: look at `crm_reporting_parked`."
)
JOURNAL = _projector.gauge(
    "crm_reporting_journal_id", [], "The newest id of the journal.", off="It stands although events come: see `crm_consumer_partition_broken`."
)
DELAY = _projector.histogram(
    "crm_reporting_projection_delay_seconds",
    [],
    "From an event's being recorded to its being projected; the oldest of each batch.",
    off="Above 5: either the relay is late (`crm_relay_oldest_unpublished_seconds`) or the projector (`crm_consumer_behind_seconds`).",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
)
PAUSED = _projector.gauge(
    "crm_reporting_paused",
    ["source"],
    "1: an operator paused the projection of this source.",
    off="1 for longer than somebody meant: `GET /v1/operations/projection` says who and why; resume it.",
)
CURSOR = _composer.gauge(
    "crm_reporting_composer_cursor", [], "The journal id up to which customers are composed.", off="It stands below `crm_reporting_journal_id`."
)
UNCOMPOSED = _composer.gauge("crm_reporting_composer_lag_events", [], "Events journalled and not composed yet.", off="It grows: see the age.")
AGE = _composer.gauge(
    "crm_reporting_composer_age_seconds",
    [],
    "How long the oldest event not composed yet has waited; 0 = none waits.",
    off="Above 30: lists, segments and the feed are old. Views of one customer are not: they are composed when asked for.",
)
PUBLISHED = _composer.counter("crm_reporting_published_total", [], "Records sent to the change feed.", off="It stands while `crm_reporting_unpublished` grows.")
UNPUBLISHED = _composer.gauge(
    "crm_reporting_unpublished", [], "Customers whose newest version the feed does not have yet.", off="It grows: Kafka is away, or no process leads the feed."
)
PARKED = _whole.gauge(
    "crm_reporting_parked",
    ["source"],
    "Folds (source, customer) that wait for an operator, in the active build.",
    off="`GET /v1/operations/parked` says whose and why. Their views are marked; everybody else's go on.",
)
DIFFERENCE = _whole.gauge(
    "crm_reconciliation_difference_events",
    ["source"],
    "Events that the last comparison of store, topic and journal found missing, doubled or strange. It must be 0.",
    off="`GET /v1/operations/reconciliation` names them. Do not drop or repair anything before you have read docs/runbooks/EventsDiffer.md.",
)
COMPARED = _whole.gauge(
    "crm_reconciliation_compared_timestamp_seconds",
    ["source"],
    "When they were last compared, in seconds since 1970; not there before the first time.",
    off="Older than a day and a half: see docs/runbooks/ComparisonOverdue.md.",
)
REBUILD = _whole.gauge(
    "crm_reporting_rebuild_progress_ratio",
    [],
    "How much of the rebuild under way is folded; 1 = none is under way.",
    off="It stands below 1: `GET /v1/operations/rebuilds/{build}`.",
)
AUDIT = _whole.gauge(
    "crm_reporting_audit_waiting_rows",
    [],
    "Rows of the access audit not written yet.",
    off="It grows: the database is away. At 50,000 reads of personal data are refused.",
)
WAITING = _whole.gauge(
    "crm_reporting_waiting_requests", [], "Reads that wait for a write to arrive (`Consistency-Token`).", off="Hundreds: the projection is late."
)


class ProjectorMetrics:
    """Instruments of one projector; lag and broken partitions are the consumer's (`crm_consumer_…`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.applied = from_zero(APPLIED.on(registry), tuple(SOURCES))
        self.facts, self.journal, self.delay = FACTS.on(registry), JOURNAL.on(registry), DELAY.on(registry)
        self.paused = PAUSED.on(registry)

    def count(self, heard: Sequence[Heard]) -> None:
        """One batch, about to commit."""
        for source in {one.source for one in heard}:
            self.applied.labels(source).inc(sum(one.source == source for one in heard))
        oldest = min((one.entry.recorded_at for one in heard if one.entry), default=None)
        if oldest:
            self.delay.observe(max((datetime.now(UTC) - datetime.fromisoformat(oldest)).total_seconds(), 0))


class ComposerMetrics:
    """Instruments of one composer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.cursor, self.lag, self.age = CURSOR.on(registry), UNCOMPOSED.on(registry), AGE.on(registry)
        self.published, self.unpublished, self.leader = PUBLISHED.on(registry), UNPUBLISHED.on(registry), LEADER.on(registry).labels("feed")
