"""What would a collector of traces be sent? A real receiver of OTLP over HTTP that keeps every span it is told, as told."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

PATIENCE = 60.0


@dataclass(frozen=True)
class Told:
    """One span. `parent`: the id of the span it is a part of, empty for a first one."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    began: int
    ended: int
    failed: bool


class Collector:
    """`url` is what OTEL_EXPORTER_OTLP_ENDPOINT takes."""

    def __init__(self) -> None:
        self.requests = list[ExportTraceServiceRequest]()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def listening(self) -> Iterator["Collector"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def spans(self, trace: str | None = None) -> list[Told]:
        """All it was told so far, of one trace or of all."""
        found = [_told(span, resource.resource) for request in list(self.requests) for resource in request.resource_spans for scope in resource.scope_spans
                 for span in scope.spans]  # fmt: skip
        return [each for each in found if trace in (None, each.trace)]

    def until(self, enough: Callable[[list[Told]], bool], trace: str | None = None) -> list[Told]:
        """The spans as soon as they are enough; what there is after a minute otherwise."""
        until = time.monotonic() + PATIENCE
        while not enough(found := self.spans(trace)) and time.monotonic() < until:
            time.sleep(0.05)
        return found


def _told(span: Any, resource: Any) -> Told:
    return Told(
        service=_values(resource.attributes)["service.name"],
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.code == 2,
    )


def _values(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
