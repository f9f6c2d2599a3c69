"""What does the relay tell an operator? Above all how old the oldest event is that nobody downstream can see yet."""

from prometheus_client import CollectorRegistry

from crm_events.measuring import APIS, Section
from crm_events.metrics import LEADER

_of = Section("The relay, from store to topic", APIS)

POSITION = _of.gauge("crm_relay_position", ["source"], "Everything up to this position is in Kafka.", off="It stays below `crm_relay_store_head`.")
HEAD = _of.gauge("crm_relay_store_head", ["source"], "The store's last position.", off="It falls: the store was restored from a backup.")
AGE = _of.gauge(
    "crm_relay_oldest_unpublished_seconds",
    ["source"],
    "Age of the oldest event that is not in Kafka yet; 0 = none.",
    off="Above 30: `/readyz` of the service says why; the log has `relay.turn_failed`. Usually Kafka is away; nothing is lost meanwhile.",
)
PUBLISHED = _of.counter("crm_relay_published_total", ["source"], "Events acknowledged by Kafka.", off="It stands while `crm_events_appended_total` grows.")
ERRORS = _of.counter(
    "crm_relay_errors_total",
    ["source"],
    "Turns that ended in an error and started again from the checkpoint.",
    off="It keeps growing: `relay.turn_failed` in the log.",
)
REWINDS = _of.counter(
    "crm_relay_rewinds_total",
    ["source"],
    "Times the log was found short and filled again from a mark.",
    off="It grows at all: the broker lost what it had acknowledged. Nothing is missing any more; find out why.",
)


class RelayMetrics:
    """The relay's instruments in one registry, for one source."""

    def __init__(self, registry: CollectorRegistry, source: str) -> None:
        self.position, self.head, self.age = (metric.on(registry).labels(source) for metric in (POSITION, HEAD, AGE))
        self.published, self.errors, self.rewinds = (metric.on(registry).labels(source) for metric in (PUBLISHED, ERRORS, REWINDS))
        self.leader = LEADER.on(registry).labels("relay")
