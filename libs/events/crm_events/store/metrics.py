"""What does the store tell an operator? Rates, outcomes and waiting, under the names of docs/metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class StoreMetrics:
    """The store's instruments in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter("crm_events_appended_total", "Events stored.", registry=registry)
        self.outcomes = Counter("crm_append_commands_total", "Commands appended, by outcome.", ["outcome"], registry=registry)
        self.duration = Histogram("crm_append_duration_seconds", "One group append, the wait for the order lock included.", registry=registry, buckets=_SECONDS)
        self.batch = Histogram("crm_append_batch_commands", "Commands in one group append.", registry=registry, buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500))
        self.queue = Gauge("crm_append_queue_commands", "Commands waiting for the next group append.", registry=registry)
        self.refolds = Counter("crm_streams_refolded_total", "Streams folded from their events because another revision wrote the row.", registry=registry)
        self.overdue = Gauge("crm_timer_overdue_seconds", "How long the stream that waits longest for the timer has been due.", registry=registry)
        self.advanced = Counter("crm_timer_advanced_total", "Streams the timer has looked after, by outcome.", ["outcome"], registry=registry)
