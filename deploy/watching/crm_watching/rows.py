"""Which pictures belong to a subject, whatever service they are of? `where` chooses the processes: process="tickets"."""

from crm_watching.board import RATE, Row, a_second, graph, number, share, spread, within

_V1 = 'route=~"/v1/.*"'


def requests(where: str) -> Row:
    """Rate, errors, duration, and how full it is."""
    api = f"{where},{_V1}"
    failed = f'(sum(rate(http_requests_total{{{api},status=~"5.."}}[{RATE}])) or vector(0))'
    all_ = f"sum(rate(http_requests_total{{{api}}}[{RATE}]))"
    return Row("Requests", (
        graph("Requests a second, by route", "reqps", (a_second("http_requests_total", api, "method, route"), "{{method}} {{route}}")),
        graph("How they ended, by status", "reqps", (a_second("http_requests_total", api, "status"), "{{status}}")),
        graph("Of them failed by our own fault", "percentunit", (share(failed, all_), "5xx"), wrong_from=0.001),
        graph("Within how long they are answered", "s", *spread("http_request_duration_seconds", api), wrong_from=0.3),
        graph("The slowest routes", "s", (f"topk(5, {within('http_request_duration_seconds', api, 'method, route')})", "{{method}} {{route}}"), wrong_from=0.3),
        graph("At once", "none", (f"sum(http_requests_in_flight{{{where}}})", "requests"), (f"sum(http_requests_in_flight_limit{{{where}}})", "so many may be"),
              (f"sum(http_writes_in_flight{{{where}}})", "commands"), (f"sum(http_writes_in_flight_limit{{{where}}})", "so many commands may be"),
              (f"sum(http_live_streams{{{where}}})", "live streams")),
    ))  # fmt: skip


def store(where: str) -> Row:
    """What is written, and how long it takes."""
    events = a_second("crm_events_appended_total", where, "type")
    return Row("Writes", (
        graph("Events stored a second, by type", "none", (f"{events} or on () 0 * sum(crm_append_queue_commands{{{where}}})", "{{type}}")),
        graph("Commands a second, by outcome", "none", (a_second("crm_append_commands_total", where, "outcome"), "{{outcome}}")),
        graph("Within how long a group append is done", "s", *spread("crm_append_duration_seconds", where), wrong_from=1),
        graph("Commands in one group append, and waiting", "none", (within("crm_append_batch_commands", where), "95 of 100 hold at most"),
              (f"max(crm_append_queue_commands{{{where}}})", "waiting")),
        graph("Streams folded again", "none", (f"sum(rate(crm_streams_refolded_total{{{where}}}[{RATE}]))", "a second")),
        number("Closed for writes", "none", f"max(crm_store_closed{{{where}}})", wrong_from=1, width=8),
    ))  # fmt: skip


def relay(where: str) -> Row:
    """Whether what is stored reaches Kafka."""
    return Row("From the store to Kafka", (
        graph("The oldest event that is not in Kafka", "s", (f"max by (source) (crm_relay_oldest_unpublished_seconds{{{where}}})", "{{source}}"),
              wrong_from=30),
        graph("Positions not sent yet", "none",
              (f"max by (source) (crm_relay_store_head{{{where}}}) - max by (source) (crm_relay_position{{{where}}})", "{{source}}")),
        graph("Events acknowledged by Kafka a second", "none", (a_second("crm_relay_published_total", where, "source"), "{{source}}")),
        graph("Turns that failed, logs that were short", "none", (a_second("crm_relay_errors_total", where, "source"), "{{source}}: failed a second"),
              (f"sum by (source) (increase(crm_relay_rewinds_total{{{where}}}[1h]))", "{{source}}: short within the hour")),
        number("Who leads: relay, timer, eraser, feed", "none", f"sum by (process, work) (crm_leader{{{where}}})", "{{process}} {{work}}", width=16,
               text="1: one replica does the work. 0: none does."),
    ))  # fmt: skip


def timer(where: str) -> Row:
    """Whether what time alone brings about is written down in time."""
    return Row("Deadlines", (
        graph("Due and not noted for", "s", (f"max by (process) (crm_timer_overdue_seconds{{{where}}})", "{{process}}"), wrong_from=60, width=12),
        graph("Streams looked after a second, by outcome", "none", (a_second("crm_timer_advanced_total", where, "outcome"), "{{outcome}}"), width=12),
    ))  # fmt: skip


def reader(where: str) -> Row:
    """Whether what is in Kafka is read, by partition."""
    return Row("From Kafka", (
        graph("How long the oldest record waits, by partition", "s",
              (f"max by (group, topic, partition) (crm_consumer_behind_seconds{{{where}}})", "{{group}} {{topic}} {{partition}}"), wrong_from=30, width=12),
        graph("Records that wait, by topic", "none", (f"sum by (group, topic) (crm_consumer_lag_records{{{where}}})", "{{group}} {{topic}}"), width=12),
        number("Partitions that stand still", "none", f"sum by (group) (crm_consumer_partition_broken{{{where}}})", "{{group}}", wrong_from=1, width=8),
        graph("Records a second, by outcome", "none", (a_second("crm_consumer_records_total", where, "group, outcome"), "{{group}} {{outcome}}")),
        graph("Tried again, read anew, searched", "none", (a_second("crm_consumer_retries_total", where, "group"), "{{group}}: database away"),
              (a_second("crm_consumer_fresh_starts_total", where, "group"), "{{group}}: read anew"),
              (a_second("crm_consumer_searches_total", where, "group"), "{{group}}: searched from the start")),
    ))  # fmt: skip


def connections(where: str) -> Row:
    """What requests share: connections and the vault of keys."""
    return Row("Connections and keys", (
        graph("Connections lent out, by pool", "none", (f"sum by (process, pool) (crm_pool_connections{{{where}}})", "{{process}} {{pool}}"),
              (f"sum by (process, pool) (crm_pool_limit_connections{{{where}}})", "{{process}} {{pool}}: so many there are"), width=6),
        graph("Requests that wait for one", "none", (f"sum by (process, pool) (crm_pool_waiting_requests{{{where}}})", "{{process}} {{pool}}"), width=6),
        graph("Within how long the vault answers 95 of 100", "s", (within("crm_vault_duration_seconds", where, "call"), "{{call}}"), wrong_from=0.1, width=6),
        graph("Round trips to the vault that fail a second", "none", (a_second("crm_vault_errors_total", where, "call"), "{{call}}"), width=6),
    ))  # fmt: skip


def process(where: str) -> Row:
    """The processes themselves."""
    each = "{{process}} {{instance}}"
    return Row("The processes", (
        graph("Processor time used in a second", "s", (f"rate(process_cpu_seconds_total{{{where}}}[{RATE}])", each), wrong_from=0.9),
        graph("Memory", "bytes", (f"process_resident_memory_bytes{{{where}}}", each)),
        graph("Open files and connections, of those there may be", "percentunit", (f"process_open_fds{{{where}}} / process_max_fds{{{where}}}", each),
              wrong_from=0.8),
        graph("Work beside the requests that failed, within the hour", "none",
              (f"sum by (process, work) (increase(crm_background_failures_total{{{where}}}[1h]))", "{{process}} {{work}}")),
        number("Up for", "s", f"time() - process_start_time_seconds{{{where}}}", each, width=8),
        number("What runs", "none", f"sum by (service, version) (build_info{{{where}}})", "{{service}} {{version}}", width=8,
               text="How many processes run which version."),
    ))  # fmt: skip
