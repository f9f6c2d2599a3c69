"""What does a reader tell an operator? How far behind it is, and above all which partition stands still."""

from weakref import WeakKeyDictionary

from prometheus_client import CollectorRegistry, Counter, Gauge

_MADE: "WeakKeyDictionary[CollectorRegistry, ConsumerMetrics]" = WeakKeyDictionary()


class ConsumerMetrics:
    """The instruments of all readers in one registry, by group, topic and partition."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, ["group", "topic", "partition"], registry=registry)

        def counter(name: str, text: str, *more: str) -> Counter:
            return Counter(name, text, ["group", *more], registry=registry)

        self.lag = gauge("crm_consumer_lag_records", "Records in the log that are not dealt with yet.")
        self.behind = gauge("crm_consumer_behind_seconds", "How long ago the last record dealt with was appended; 0 when nothing waits.")
        self.broken = gauge("crm_consumer_partition_broken", "1: the partition stands still; events are missing, or one cannot be applied.")
        self.records = counter("crm_consumer_records_total", "Records by outcome: taken, dropped, alien, unwanted, rejected.", "outcome")
        self.searches = counter("crm_consumer_searches_total", "Times a log was searched from its start for what follows.")
        self.retries = counter("crm_consumer_retries_total", "Batches tried again because the database was away.")
        self.fresh_starts = counter("crm_consumer_fresh_starts_total", "Times all was read again from the database: rebalances, lost races, stopped ones.")


def metrics_in(registry: CollectorRegistry) -> ConsumerMetrics:
    """One set of instruments a registry, however many readers share it."""
    if registry not in _MADE:
        _MADE[registry] = ConsumerMetrics(registry)
    return _MADE[registry]
