"""How many requests, how fast, how did they end? Instruments in a registry of the app's own, so that several apps can live in one process."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class HttpMetrics:
    """Rate, errors and duration by method, route template and status."""

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self.requests = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"], registry=registry)
        self.duration = Histogram(
            "http_request_duration_seconds",
            "From the first byte asked to the last answered.",
            ["method", "route", "status"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.in_flight = Gauge("http_requests_in_flight", "Requests being worked on.", registry=registry)
        Gauge("build_info", "1; its labels say what runs.", ["service", "version"], registry=registry).labels(service, version("crm-chassis")).set(1)
        ProcessCollector(registry=registry)
        self.now = 0
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def enters(self, by: int) -> None:
        """So many requests more (or less) are being worked on."""
        self.now += by
        self.in_flight.set(self.now)

    def told(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request has been answered."""
        key = (method if method in _METHODS else "other", route, status)
        if key not in self._known:
            labels = (key[0], key[1], str(key[2]))
            self._known[key] = self.requests.labels(*labels), self.duration.labels(*labels)
        count, duration = self._known[key]
        count.inc()
        duration.observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # a client may invent others; a label may not


def exposition(registry: CollectorRegistry) -> tuple[bytes, str]:
    """The registry's metrics as text, and its content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST
