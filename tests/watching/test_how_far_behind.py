"""Is a reader's lag in seconds the age of what waits, and not the time since something last came? And is what it counts there before it happens?"""

from aiokafka import TopicPartition
from crm_events.consuming.chain import Place
from crm_events.consuming.metrics import metrics_in
from crm_events.consuming.standing import Standing
from crm_events.store.metrics import StoreMetrics
from prometheus_client import CollectorRegistry


def standing(*, at: int, end: int, dealt_until: float) -> Standing:
    return Standing("contacts", Place(at, at), Place(at, at), dealt_until=dealt_until, highwater=end)


def test_nothing_waits_however_long_ago_the_last_one_came() -> None:
    assert standing(at=7, end=7, dealt_until=1_000).behind_seconds(9_000) == 0


def test_what_waits_came_after_all_that_is_dealt_with() -> None:
    assert standing(at=7, end=9, dealt_until=8_990).behind_seconds(9_000) == 10


def test_a_clock_that_is_ahead_makes_nothing_negative() -> None:
    assert standing(at=7, end=9, dealt_until=9_001).behind_seconds(9_000) == 0


def test_partitions_that_another_process_reads_by_now_are_told_no_more() -> None:
    registry = CollectorRegistry()
    metrics = metrics_in(registry)
    both = [TopicPartition("t", 0), TopicPartition("t", 1)]
    metrics.show_only("g", both)
    for tp in both:
        metrics.broken.labels("g", tp.topic, str(tp.partition)).set(1)
    metrics.show_only("g", both[:1])
    told = {number: registry.get_sample_value("crm_consumer_partition_broken", {"group": "g", "topic": "t", "partition": number}) for number in "01"}
    assert told == {"0": 1, "1": None}


def test_a_count_is_there_before_it_grows() -> None:
    """Who asks for growth does not see the first step of a series that comes with it: the first failure of all would call nobody."""
    registry = CollectorRegistry()
    metrics_in(registry).begin("g")
    StoreMetrics(registry)
    asked = [("crm_consumer_retries_total", {"group": "g"}), ("crm_consumer_records_total", {"group": "g", "outcome": "rejected"})]
    asked += [("crm_timer_advanced_total", {"outcome": "failed"}), ("crm_append_commands_total", {"outcome": "conflict"})]
    assert [registry.get_sample_value(*one) for one in asked] == [0, 0, 0, 0]
