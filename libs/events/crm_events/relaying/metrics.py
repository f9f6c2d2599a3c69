"""What does the relay tell an operator? Above all how old the oldest event is that nobody downstream can see yet."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """The relay's instruments in one registry, for one source."""

    def __init__(self, registry: CollectorRegistry, source: str) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, ["source"], registry=registry).labels(source)

        def counter(name: str, text: str) -> Counter:
            return Counter(name, text, ["source"], registry=registry).labels(source)

        self.position = gauge("crm_relay_position", "Everything up to this position is in Kafka.")
        self.head = gauge("crm_relay_store_head", "The store's last position.")
        self.age = gauge("crm_relay_oldest_unpublished_seconds", "Age of the oldest event that is not in Kafka yet; 0 = none.")
        self.leader = gauge("crm_relay_leader", "1 in the process that leads.")
        self.published = counter("crm_relay_published_total", "Events acknowledged by Kafka.")
        self.errors = counter("crm_relay_errors_total", "Turns that ended in an error and started again from the checkpoint.")
        self.rewinds = counter("crm_relay_rewinds_total", "Times the log was found short and filled again from a mark.")
