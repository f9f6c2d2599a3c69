"""Who is told how a request went? Nobody, unless OTEL_EXPORTER_OTLP_ENDPOINT names a collector; then a share of the requests, each as one trace."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from crm_events.tracing import caller, failed
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Tracer

from crm_chassis.settings import ServiceSettings

PATIENCE = 3.0  # seconds for the last spans of a process that ends: a collector that is away must not hold it
TIMEOUT = 5  # seconds an export may take


def configure(service: str, settings: ServiceSettings) -> None:
    """Begin, for this process. Without an endpoint nothing is even loaded."""
    if settings.otel_exporter_otlp_endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # here, for it is not to cost anything where it is off
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(settings.otel_traces_sampler_arg),
        resource=Resource.create({"service.name": service, "service.namespace": "crm"}),
        shutdown_on_exit=False,
    )
    address = f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address, timeout=TIMEOUT), schedule_delay_millis=1_000))
    trace.set_tracer_provider(provider)


def end() -> None:
    """Send what is not sent yet, as far as the collector takes it soon."""
    send = getattr(trace.get_tracer_provider(), "force_flush", None)
    if send is not None:
        sending = threading.Thread(target=send, daemon=True)  # the kit's own wait has no end while the collector is away
        sending.start()
        sending.join(PATIENCE)


@contextmanager
def request(by: Tracer, method: str, told: str | None) -> Iterator[str]:
    """The span of one request, in the trace its caller told of if it did. Yields its `traceparent`."""
    span = by.start_span(method, context=caller(told), kind=SpanKind.SERVER, attributes={"http.request.method": method})
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        yield traceparent(span)


def answered(method: str, route: str, status: int) -> None:
    """What became of the request at hand: its route's template, never its path or query."""
    span = trace.get_current_span()
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500:
            failed(span, str(status))


def traceparent(span: Span) -> str:
    """As it is sent on."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
