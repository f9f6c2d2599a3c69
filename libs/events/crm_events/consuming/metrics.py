"""What does a reader tell an operator? How far behind it is, and above all which partition stands still."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from crm_events.measuring import Section, from_zero

_of = Section("Readers of topics", ("contacts", "tickets", "loyalty", "projector"))
_WHERE = ("group", "topic", "partition")

LAG = _of.gauge("crm_consumer_lag_records", _WHERE, "Records in the log that are not dealt with yet.", off="It grows: see `crm_consumer_behind_seconds`.")
BEHIND = _of.gauge(
    "crm_consumer_behind_seconds",
    _WHERE,
    "How long the oldest record not dealt with can have waited in the log; 0 when none waits.",
    off="Above 30: the reader is too slow, or stands still (`crm_consumer_partition_broken`), or its database is away (`crm_consumer_retries_total`).",
)
BROKEN = _of.gauge(
    "crm_consumer_partition_broken",
    _WHERE,
    "1: the partition stands still; events are missing, or one cannot be applied.",
    off="`offsets.broken` and `GET /v1/operations/projection` say why. It is tried again by itself, ever more seldom; a restart tries at once.",
)
RECORDS = _of.counter(
    "crm_consumer_records_total",
    ["group", "outcome"],
    "Records by outcome: taken, dropped (seen before), alien (not of ours), unwanted (of a type not followed), rejected (parked).",
    off="`alien` grows: somebody else writes to the topic, see the table `aliens`. `rejected` grows: see `crm_reporting_parked`.",
)
SEARCHES = _of.counter(
    "crm_consumer_searches_total", ["group"], "Times a log was searched from its start for what follows.", off="It keeps growing: the broker lost records."
)
RETRIES = _of.counter(
    "crm_consumer_retries_total", ["group"], "Batches tried again because the database was away.", off="It keeps growing: look at the database."
)
FRESH_STARTS = _of.counter(
    "crm_consumer_fresh_starts_total",
    ["group"],
    "Times all was read again from the database: rebalances, lost races, stopped partitions.",
    off="It grows all the time: processes of one group come and go, or two have one `INSTANCE`.",
)


class ConsumerMetrics:
    """The instruments of all readers in one registry, by group, topic and partition."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag, self.behind, self.broken = LAG.on(registry), BEHIND.on(registry), BROKEN.on(registry)
        self.records, self.searches, self.retries = RECORDS.on(registry), SEARCHES.on(registry), RETRIES.on(registry)
        self.fresh_starts = FRESH_STARTS.on(registry)
        self._shown: dict[str, frozenset[TopicPartition]] = {}

    def begin(self, group: str) -> None:
        """Count for this group from 0."""
        from_zero(self.records, (group,), ("taken", "dropped", "alien", "unwanted", "rejected"))
        for counter in (self.searches, self.retries, self.fresh_starts):
            from_zero(counter, (group,))

    def show_only(self, group: str, partitions: Iterable[TopicPartition]) -> None:
        """Forget those that another process reads by now: their last values would be told for ever."""
        before, self._shown[group] = self._shown.get(group, frozenset()), frozenset(partitions)
        for tp in before - self._shown[group]:
            for gauge in (self.lag, self.behind, self.broken):
                gauge.remove(group, tp.topic, str(tp.partition))


_MADE: "WeakKeyDictionary[CollectorRegistry, ConsumerMetrics]" = WeakKeyDictionary()


def metrics_in(registry: CollectorRegistry) -> ConsumerMetrics:
    """One set of instruments a registry, however many readers share it."""
    if registry not in _MADE:
        _MADE[registry] = ConsumerMetrics(registry)
    return _MADE[registry]
