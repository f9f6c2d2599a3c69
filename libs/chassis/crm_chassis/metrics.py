"""How many requests, how fast, how did they end? Instruments in a registry of the app's own, so that several apps can live in one process."""

from collections.abc import Callable
from importlib.metadata import version

from crm_events.measuring import EVERY, Section
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_http = Section("Requests", EVERY)
_process = Section("The process", EVERY)

_BY = ("method", "route", "status")
REQUESTS = _http.counter(
    "http_requests_total",
    _BY,
    "Requests answered, by route template.",
    off="Many 5xx: look in the log for their `request_id`. Many 4xx: the problem's `type` says why.",
)
DURATION = _http.histogram(
    "http_request_duration_seconds",
    _BY,
    "From the first byte asked to the last answered; live streams, which last until their client leaves, are left out.",
    off="p95 above 0.3: see which of store, vault and pools is slow.",
)
IN_FLIGHT = _http.gauge(
    "http_requests_in_flight",
    [],
    "Requests being worked on, live streams too.",
    off="Near `http_requests_in_flight_limit`: what comes beyond is refused with 503.",
)
LIMIT = _http.gauge(
    "http_requests_in_flight_limit", [], "As many are worked on at once (`MAX_IN_FLIGHT`).", off="It is a setting; it does not change by itself."
)
WRITES = _http.gauge(
    "http_writes_in_flight",
    [],
    "Commands being worked on; a bulk request counts as 16.",
    off="Near `http_writes_in_flight_limit`: more come than can be stored; what comes beyond is refused with 503, reads go on.",
)
MOST_WRITES = _http.gauge(
    "http_writes_in_flight_limit", [], "As many commands are worked on at once (`MAX_WRITES`).", off="It is a setting; it does not change by itself."
)
LIVE = _http.gauge(
    "http_live_streams", [], "Live streams open now (server-sent events).", off="It falls to 0: clients come back by themselves within seconds, or cannot."
)

BUILD = _process.gauge(
    "build_info", ["service", "version"], "1; its labels say what runs.", off="Replicas of one service show two versions long after a release."
)
FAILURES = _process.counter(
    "crm_background_failures_total",
    ["work"],
    "Times work beside the requests ended in an error and was started again.",
    off="It keeps growing: `background_failed` in the log names the error and the place.",
)
AUDIT = Section("Who read what", ("contacts", "tickets", "loyalty")).gauge(
    "crm_audit_waiting_rows",
    [],
    "Rows of the table `access`, whose personal text was told to whom, not written yet.",
    off="It grows: the database is away. At 50,000 answers with personal text are refused.",
)
_process.given("process_cpu_seconds_total", "Processor time used.", off="Near 1 a second: the process is at its limit, start another replica.")
_process.given("process_resident_memory_bytes", "Memory in use.", off="It grows for days: a leak. Start the replica anew, and report what it did.")
_process.given("process_virtual_memory_bytes", "Address space in use.", off="Says little; see the resident memory.")
_process.given(
    "process_start_time_seconds",
    "When the process started, in seconds since 1970.",
    off="It changes often: the process dies; look at the end of its log.",
)
_process.given("process_open_fds", "Open files and connections.", off="Near `process_max_fds`: connections leak, or the limit is too low.")
_process.given("process_max_fds", "How many may be open.", off="It is a setting of the system.")


class HttpMetrics:
    """Rate, errors and duration by method, route template and status."""

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self.requests, self.duration, self.in_flight = REQUESTS.on(registry), DURATION.on(registry), IN_FLIGHT.on(registry)
        BUILD.on(registry).labels(service, version("crm-chassis")).set(1)
        ProcessCollector(registry=registry)
        self.now = 0
        self._registry = registry
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def bounds(self, *, limit: int, writes: int, streams: Callable[[], int], writing: Callable[[], int]) -> None:
        """How many requests, and commands, may be worked on at once, and how many streams and commands there are whenever somebody asks."""
        MOST_WRITES.on(self._registry).set(writes)
        WRITES.on(self._registry).set_function(writing)
        LIMIT.on(self._registry).set(limit)
        LIVE.on(self._registry).set_function(streams)

    def enters(self, by: int) -> None:
        """So many requests more (or less) are being worked on."""
        self.now += by
        self.in_flight.set(self.now)

    def told(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """One request has been answered; `seconds` None: it was a live stream."""
        key = (method if method in _METHODS else "other", route, status)
        if key not in self._known:
            labels = (key[0], key[1], str(key[2]))
            self._known[key] = self.requests.labels(*labels), self.duration.labels(*labels)
        count, duration = self._known[key]
        count.inc()
        if seconds is not None:
            duration.observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a client may invent others; a label may not


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """The registry's metrics as text, and its content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST
