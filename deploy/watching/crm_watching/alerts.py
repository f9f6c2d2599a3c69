"""When is somebody called, and what must the numbers look like for it to happen, or not to?"""

from crm_watching.alert import Alert, Series
from crm_watching.budgets import BUDGETS
from crm_watching.recordings import behind

_TICKETS = {"process": "tickets"}
_PROJECTOR = '{group="reporting"}'
_SOURCE = {"source": "tickets"}


def _full(requests: int, writes: int) -> Series:
    where = 'process="tickets",instance="a"'
    now = {f"http_requests_in_flight{{{where}}}": f"{requests}x30", f"http_writes_in_flight{{{where}}}": f"{writes}x30"}
    return now | {f"http_requests_in_flight_limit{{{where}}}": "512x30", f"http_writes_in_flight_limit{{{where}}}": "256x30"}


LATE = (
    Alert(
        "RelayLate", "late", "page", "max by (source) (crm_relay_oldest_unpublished_seconds) > 30", "2m", "Events of {{ $labels.source }} do not reach Kafka.",
        {'crm_relay_oldest_unpublished_seconds{process="tickets",source="tickets"}': "0x5 60+60x20"},
        {'crm_relay_oldest_unpublished_seconds{process="tickets",source="tickets"}': "0x5 60 0x20"}, _SOURCE,
    ),
    Alert(
        "ProjectionLate", "late", "page", f"max by (topic) {behind(_PROJECTOR)} > 30", "2m",
        "The read model does not keep up with {{ $labels.topic }}.",
        {'crm_consumer_behind_seconds{group="reporting",topic="crm.tickets.v1",partition="3"}': "0+60x30"},
        {'crm_consumer_behind_seconds{group="reporting",topic="crm.tickets.v1",partition="3"}': "25x30",
         'crm_consumer_behind_seconds{group="reporting",topic="crm.reference.v1",partition="0"}': "0+60x30",
         'crm_reporting_paused{source="reporting"}': "1x30"}, {"topic": "crm.tickets.v1"},
    ),
    Alert(
        "FollowerLate", "late", "ticket", 'max by (group) (crm_consumer_behind_seconds{group!="reporting"}) > 60', "5m",
        "{{ $labels.group }} hears of merges and erasures late.",
        {'crm_consumer_behind_seconds{group="tickets-edges",topic="crm.contacts.v1",partition="0"}': "0+60x30"},
        {'crm_consumer_behind_seconds{group="tickets-edges",topic="crm.contacts.v1",partition="0"}': "0 300 300 0x30"}, {"group": "tickets-edges"},
    ),
    Alert(
        "ComposerLate", "late", "ticket", "max(crm_reporting_composer_age_seconds) > 30", "5m", "Lists, segments and the change feed are old.",
        {"crm_reporting_composer_age_seconds": "0+60x30"}, {"crm_reporting_composer_age_seconds": "20x30"},
    ),
    Alert(
        "FeedLate", "late", "ticket", "max(crm_reporting_unpublished) > 0 and sum(increase(crm_reporting_published_total[10m])) == 0", "10m",
        "The change feed is owed customers and is told nothing.",
        {"crm_reporting_unpublished": "7x40", "crm_reporting_published_total": "100x40"},
        {"crm_reporting_unpublished": "7x40", "crm_reporting_published_total": "100+1x40"}, at="40m",
    ),
    Alert(
        "TimerLate", "late", "ticket", "max by (process) (crm_timer_overdue_seconds) > 60", "5m", "Deadlines of {{ $labels.process }} are noted late.",
        {'crm_timer_overdue_seconds{process="tickets"}': "0+60x30"}, {'crm_timer_overdue_seconds{process="tickets"}': "30x30"}, _TICKETS,
    ),
    Alert(
        "WebhooksLate", "late", "ticket", "max(crm_webhook_oldest_waiting_seconds) > 3600", "10m",
        "A receiver of webhooks has not been told for more than an hour.",
        {"crm_webhook_oldest_waiting_seconds": "0+120x90"}, {"crm_webhook_oldest_waiting_seconds": "0+30x90"}, at="80m",
    ),
    Alert(
        "HubReached", "late", "ticket", "sum by (type) (increase(crm_identity_hubs_total[1h])) > 0", "1m",
        "Linking contacts stopped at the limit of a {{ $labels.type }}.",
        {'crm_identity_hubs_total{type="value"}': "0x5 1x25"}, {'crm_identity_hubs_total{type="value"}': "3x30"}, {"type": "value"},
    ),
    Alert(
        "ErasureLate", "late", "ticket", "max(crm_erasure_oldest_seconds) > 600", "5m", "A customer who asked to be forgotten is not.",
        {"crm_erasure_oldest_seconds": "0+60x30"}, {"crm_erasure_oldest_seconds": "0+15x30"},
    ),
    Alert(
        "AccessLate", "late", "ticket", "max(crm_access_oldest_seconds) > 25 * 86400", "1h", "A customer waits to be told what is known of them.",
        {"crm_access_oldest_seconds": "2200000+60x90"}, {"crm_access_oldest_seconds": "2000000+60x90"}, at="80m",
    ),
    Alert(
        "ErasureNotObeyed", "late", "ticket", "max(crm_erasure_unobeyed_seconds) > 600 or max(crm_erasure_uncertified_seconds) > 600", "5m",
        "Somebody who keeps data of an erased customer has not said that it is gone.",
        {"crm_erasure_uncertified_seconds": "0+60x30", 'crm_erasure_unobeyed_seconds{process="tickets"}': "0x30"},
        {"crm_erasure_uncertified_seconds": "0+15x30", 'crm_erasure_unobeyed_seconds{process="tickets"}': "5x30"},
    ),
)  # fmt: skip

STUCK = (
    Alert(
        "ProcessDown", "stuck", "page", 'up{job="crm"} == 0', "2m", "{{ $labels.process }} at {{ $labels.instance }} does not answer.",
        {'up{job="crm",process="composer",instance="composer:9005"}': "1x5 0x20"}, {'up{job="crm",process="composer",instance="composer:9005"}': "1x5 0 1x20"},
        {"job": "crm", "process": "composer", "instance": "composer:9005"},
    ),
    Alert(
        "NoLeader", "stuck", "page", "sum by (process, work) (crm_leader) == 0", "2m", "No replica of {{ $labels.process }} does the work {{ $labels.work }}.",
        {'crm_leader{process="tickets",work="relay",instance="a"}': "1x5 0x20", 'crm_leader{process="tickets",work="relay",instance="b"}': "0x30"},
        {'crm_leader{process="tickets",work="relay",instance="a"}': "1x5 0x20", 'crm_leader{process="tickets",work="relay",instance="b"}': "0x5 1x30"},
        {"process": "tickets", "work": "relay"},
    ),
    Alert(
        "PartitionBroken", "stuck", "page", "max by (group, topic, partition) (crm_consumer_partition_broken) > 0", "1m",
        "{{ $labels.group }} stands still at partition {{ $labels.partition }} of {{ $labels.topic }}.",
        {'crm_consumer_partition_broken{group="reporting",topic="crm.contacts.v1",partition="4"}': "0x5 1x20"},
        {'crm_consumer_partition_broken{group="reporting",topic="crm.contacts.v1",partition="4"}': "0x30"},
        {"group": "reporting", "topic": "crm.contacts.v1", "partition": "4"},
    ),
    Alert(
        "CustomersParked", "stuck", "ticket", "max by (source) (crm_reporting_parked) > 0", "5m",
        "Customers' events of {{ $labels.source }} wait for an operator.",
        {'crm_reporting_parked{source="tickets"}': "0x5 1x20"}, {'crm_reporting_parked{source="tickets"}': "0x5 1 1 0x20"}, _SOURCE,
    ),
    Alert(
        "WritesClosed", "stuck", "page", "max by (process) (crm_store_closed) > 0", "1m", "{{ $labels.process }} refuses writes: its database was restored.",
        {'crm_store_closed{process="tickets"}': "0x5 1x20"}, {'crm_store_closed{process="tickets"}': "0x30"}, _TICKETS,
    ),
    Alert(
        "WorkKeepsFailing", "stuck", "ticket", "sum by (process, work) (increase(crm_background_failures_total[10m])) > 3", "5m",
        "{{ $labels.work }} of {{ $labels.process }} fails again and again.",
        {'crm_background_failures_total{process="tickets",work="edges"}': "0+1x30"},
        {'crm_background_failures_total{process="tickets",work="edges"}': "0x5 2x30"},
        {"process": "tickets", "work": "edges"},
    ),
    Alert(
        "DeadlinesFail", "stuck", "ticket", 'sum by (process) (increase(crm_timer_advanced_total{outcome="failed"}[15m])) > 0', "5m",
        "{{ $labels.process }} cannot let time pass for some of its streams.",
        {'crm_timer_advanced_total{process="tickets",outcome="failed"}': "0x5 1+1x20"},
        {'crm_timer_advanced_total{process="tickets",outcome="failed"}': "3x30"}, _TICKETS,
    ),
    Alert(
        "ProjectionPaused", "stuck", "ticket", "max by (source) (crm_reporting_paused) > 0", "30m", "The projection of {{ $labels.source }} is still paused.",
        {'crm_reporting_paused{source="tickets"}': "1x50"}, {'crm_reporting_paused{source="tickets"}': "1x20 0x30"}, _SOURCE, "45m",
    ),
)  # fmt: skip

LOST = (
    Alert(
        "EventsDiffer", "lost", "page", "max by (source) (crm_reconciliation_difference_events) > 0", "0m",
        "Store, topic and journal of {{ $labels.source }} differ.",
        {'crm_reconciliation_difference_events{source="tickets"}': "0x10 2x20"}, {'crm_reconciliation_difference_events{source="tickets"}': "0x30"}, _SOURCE,
    ),
    Alert(
        "ComparisonOverdue", "lost", "ticket",
        'time() - max(crm_reconciliation_compared_timestamp_seconds) > 129600 or (time() - min(process_start_time_seconds{process="reporting"}) > 129600'
        " unless on () crm_reconciliation_compared_timestamp_seconds)", "10m", "Nobody has compared store, topic and journal for a day and a half.",
        {'crm_reconciliation_compared_timestamp_seconds{source="tickets"}': "0x2400"},
        {'crm_reconciliation_compared_timestamp_seconds{source="tickets"}': "0x1000 60000x1400", 'process_start_time_seconds{process="reporting"}': "0x2400"},
        at="2300m",
    ),
    Alert(
        "LogWasShort", "lost", "ticket", "sum by (source) (increase(crm_relay_rewinds_total[1h])) > 0", "0m",
        "The broker lost records of {{ $labels.source }}; they were sent again.",
        {'crm_relay_rewinds_total{source="tickets"}': "0x5 1x20"}, {'crm_relay_rewinds_total{source="tickets"}': "4x30"}, _SOURCE,
    ),
)  # fmt: skip

SLOW = (
    Alert(
        "AppendsSlow", "slow", "page", "histogram_quantile(0.95, sum by (process, le) (rate(crm_append_duration_seconds_bucket[5m]))) > 1", "5m",
        "{{ $labels.process }} takes more than a second to store.",
        {'crm_append_duration_seconds_bucket{process="tickets",le="1.0"}': "0+1x30",
         'crm_append_duration_seconds_bucket{process="tickets",le="2.5"}': "0+60x30",
         'crm_append_duration_seconds_bucket{process="tickets",le="+Inf"}': "0+60x30"},
        {'crm_append_duration_seconds_bucket{process="tickets",le="1.0"}': "0+59x30",
         'crm_append_duration_seconds_bucket{process="tickets",le="2.5"}': "0+60x30",
         'crm_append_duration_seconds_bucket{process="tickets",le="+Inf"}': "0+60x30"}, _TICKETS,
    ),
    Alert(
        "PoolExhausted", "slow", "ticket", "max by (process, pool) (crm_pool_waiting_requests) > 0", "2m",
        "Requests of {{ $labels.process }} wait for a connection of the pool {{ $labels.pool }}.",
        {'crm_pool_waiting_requests{process="tickets",pool="store"}': "0x5 12x20"},
        {'crm_pool_waiting_requests{process="tickets",pool="store"}': "0x5 12 0x20"},
        {"process": "tickets", "pool": "store"},
    ),
    Alert(
        "Overloaded", "slow", "page", "max by (process) (http_requests_in_flight / http_requests_in_flight_limit) > 0.8"
        " or max by (process) (http_writes_in_flight / http_writes_in_flight_limit) > 0.8", "2m",
        "{{ $labels.process }} works on nearly as many requests, or commands, as it may.",
        _full(300, 250), _full(400, 200), _TICKETS,
    ),
    Alert(
        "VaultFails", "slow", "page", "sum by (process) (increase(crm_vault_errors_total[5m])) > 5", "2m",
        "{{ $labels.process }} cannot reach the vault of keys.",
        {'crm_vault_errors_total{process="tickets",call="writing"}': "0+10x30"}, {'crm_vault_errors_total{process="tickets",call="writing"}': "0x5 3x30"},
        _TICKETS,
    ),
    Alert(
        "AuditWaits", "slow", "ticket", "max(crm_reporting_audit_waiting_rows) > 5000 or max(crm_audit_waiting_rows) > 5000", "2m",
        "Who read what about whom is not written down in time.",
        {'crm_audit_waiting_rows{process="contacts"}': "0+1000x30", "crm_reporting_audit_waiting_rows": "0x30"},
        {'crm_audit_waiting_rows{process="contacts"}': "200x30", "crm_reporting_audit_waiting_rows": "200x30"},
    ),
)  # fmt: skip

ALERTS = (*LATE, *STUCK, *LOST, *SLOW, *BUDGETS)
