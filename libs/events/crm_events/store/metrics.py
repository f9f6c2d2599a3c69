"""What does the store tell an operator? Rates, outcomes and waiting."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter

from crm_events.measuring import APIS, Section, from_zero
from crm_events.metrics import LEADER

_of = Section("The store of events", APIS)
_time = Section("The timer", APIS)

EVENTS = _of.counter(
    "crm_events_appended_total", ["type"], "Events stored, by type.", off="It stands although requests come: `crm_append_commands_total` says how they end."
)
OUTCOMES = _of.counter(
    "crm_append_commands_total",
    ["outcome"],
    "Commands appended, by outcome: accepted, duplicate, reused, conflict, taken, retry.",
    off="Many `conflict`: clients work on the same things at the same time. Many `duplicate`: they repeat what was answered, look at their timeouts.",
)
DURATION = _of.histogram(
    "crm_append_duration_seconds",
    [],
    "One group append, the wait for the order lock and trying again included.",
    off="p95 above 1: the database's disk is slow, or a transaction holds the order lock.",
)
BATCH = _of.histogram(
    "crm_append_batch_commands",
    [],
    "Commands in one group append.",
    off="It grows with the load, and is none of your business by itself.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500),
)
QUEUE = _of.gauge(
    "crm_append_queue_commands", [], "Commands waiting for the next group append; at 2,000 more are refused.", off="Above 1,000: appends are slow, see above."
)
REFOLDS = _of.counter(
    "crm_streams_refolded_total",
    [],
    "Streams folded from their events because another revision wrote the row.",
    off="It grows long after a release: two releases run side by side, or `migrate` was not run.",
)
CLOSED = _of.gauge(
    "crm_store_closed",
    [],
    "1: writes are refused, because the database was restored or failed over and its lost tail is not back yet.",
    off="It is taken back from Kafka by itself; `/readyz` says what keeps it. See docs/recovery.md.",
)
OVERDUE = _time.gauge(
    "crm_timer_overdue_seconds",
    [],
    "How long the stream that waits longest for the timer has been due; told by the leader.",
    off="Above 60: deadlines are noted late (not wrongly: the moment that counts is the one that was due). Look for `advance failed` in the log.",
)
ADVANCED = _time.counter(
    "crm_timer_advanced_total",
    ["outcome"],
    "Streams the timer has looked after: advanced, nothing, failed.",
    off="`failed` grows: `advance failed` in the log names the stream; it is left out for a minute, others go on.",
)


class StoreMetrics:
    """The store's instruments in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.outcomes = from_zero(OUTCOMES.on(registry), ("accepted", "duplicate", "reused", "conflict", "taken", "retry"))
        self.duration, self.batch, self.queue = DURATION.on(registry), BATCH.on(registry), QUEUE.on(registry)
        self.refolds, self.closed = REFOLDS.on(registry), CLOSED.on(registry)
        self.advanced = from_zero(ADVANCED.on(registry), ("advanced", "nothing", "failed"))
        self.overdue, self.timer_leads = OVERDUE.on(registry), LEADER.on(registry).labels("timer")
        self._events, self._of_type = EVENTS.on(registry), dict[str, Counter]()

    def stored(self, types: Mapping[str, int]) -> None:
        """So many events of these types are committed."""
        for name, count in types.items():
            if name not in self._of_type:
                self._of_type[name] = self._events.labels(name)
            self._of_type[name].inc(count)
