"""How does one request's trace go on through SQL, relay and readers? By its `traceparent`, which every event keeps, into spans of whoever works on the event.

Nothing is made unless the process was given a tracer provider and the request is followed (sampled). A span holds names, counts, ids of events and the text of
statements, never an argument, an error's text, or what somebody sent.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import asyncpg
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection

MOST = 2_000  # characters of a statement
_NOTHING: AbstractContextManager[Span] = nullcontext(trace.INVALID_SPAN)
_PROPAGATOR = TraceContextTextMapPropagator()
_SAMPLED = frozenset("13579bdf")  # the flags' last digit


def tracer() -> Tracer | None:
    """None: this process tells nobody."""
    provider = trace.get_tracer_provider()
    return None if isinstance(provider, trace.ProxyTracerProvider) else _of(provider)


@lru_cache(maxsize=1)
def _of(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("crm")


def caller(traceparent: str | None) -> Context | None:
    """The context that a `traceparent` names."""
    return None if traceparent is None else _PROPAGATOR.extract({"traceparent": traceparent}, Context())


def step(name: str, attributes: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """A span for a question to the database that is part of the request at hand, if that is followed."""
    told = tracer() if trace.get_current_span().is_recording() else None
    return _NOTHING if told is None else _step(told, name, attributes)


@contextmanager
def _step(told: Tracer, name: str, attributes: Mapping[str, Any]) -> Iterator[Span]:
    with told.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False, set_status_on_exception=False) as span:
        try:
            yield span
        except Exception as error:
            failed(span, type(error).__name__)
            raise


def failed(span: Span, kind: str) -> None:
    """Mark it; an error's text may quote what somebody sent, so only its kind is told."""
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def events(name: str, kind: SpanKind, began: int, each: Iterable[tuple[Mapping[str, bytes], Mapping[str, Any]]], *, end: int | None = None) -> None:
    """For every event whose request is followed, a span of that request's trace, from `began` (nanoseconds since the epoch) until now.

    `each`: the record's headers, and what else is to be told.
    """
    told = tracer()
    if told is None:
        return
    end = end or time.time_ns()
    for headers, attributes in each:
        raw = headers.get("traceparent", b"").decode("ascii", "replace")
        if raw[-1:] not in _SAMPLED:
            continue
        about = {"crm.event_id": _text(headers, "ce_id"), "crm.event_type": _text(headers, "ce_type"), "crm.position": _text(headers, "ce_position")}
        told.start_span(name, context=caller(raw), kind=kind, start_time=began, attributes={**about, **attributes}).end(end)


def _text(headers: Mapping[str, bytes], name: str) -> str:
    return headers.get(name, b"").decode("ascii", "replace")


class TracedConnection(Connection):
    """Each statement of a followed request is a span, with its text and without its arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_query_logger(_statement)


def connection_class() -> type[Connection]:
    """The class of connections that answer requests: asyncpg's own where nobody is told."""
    return Connection if tracer() is None else TracedConnection


def _statement(record: Any) -> None:
    told = tracer()
    if told is None or not trace.get_current_span().is_recording():
        return
    end, words = time.time_ns(), record.query.split()
    attributes = {"db.system.name": "postgresql", "db.namespace": record.conn_params.database or "", "db.query.text": " ".join(words)[:MOST]}
    span = told.start_span(words[0].lower() if words else "sql", kind=SpanKind.CLIENT, start_time=end - int(record.elapsed * 1e9), attributes=attributes)
    if record.exception is not None:
        failed(span, type(record.exception).__name__)
    span.end(end)
