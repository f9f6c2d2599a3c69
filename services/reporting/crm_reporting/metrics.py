"""What do projector and composer tell an operator?"""

from collections.abc import Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from crm_reporting.heard import Heard


class ProjectorMetrics:
    """Instruments of one projector; lag and broken partitions are the consumer's (`crm_consumer_…`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.applied = Counter("crm_reporting_applied_total", "Events projected, by source.", ["source"], registry=registry)
        self.facts = Counter("crm_reporting_facts_total", "Fact rows written.", registry=registry)
        self.parked = Gauge("crm_reporting_parked", "Folds (source, customer) that wait for an operator, in the active build.", registry=registry)
        self.journal = Gauge("crm_reporting_journal_id", "The newest id of the journal.", registry=registry)
        self.delay = Histogram(
            "crm_reporting_projection_delay_seconds",
            "From an event's being recorded to its being projected; the oldest of each batch.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300),
            registry=registry,
        )

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
        self.cursor = Gauge("crm_reporting_composer_cursor", "The journal id up to which customers are composed.", registry=registry)
        self.lag = Gauge("crm_reporting_composer_lag_events", "Events journalled and not composed yet.", registry=registry)
        self.age = Gauge("crm_reporting_composer_age_seconds", "How long the oldest event not composed yet has waited; 0 = none waits.", registry=registry)
        self.published = Counter("crm_reporting_published_total", "Records sent to the change feed.", registry=registry)
        self.unpublished = Gauge("crm_reporting_unpublished", "Customers whose newest version the feed does not have yet.", registry=registry)
