"""What happens to every request before any route? An id and a trace, limits, a clock for the metrics, and no error that escapes as such."""

import asyncio
import re
import time
import uuid
from dataclasses import dataclass

import structlog
from crm_events.tracing import tracer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_chassis import tracing
from crm_chassis.health import Health
from crm_chassis.metrics import HttpMetrics
from crm_chassis.problem_answer import answer_to
from crm_chassis.problems import Problem
from crm_chassis.rate import Rate
from crm_chassis.streams import Streams

BODY, BULK_BODY, BULK_PATH = 1 << 20, 8 << 20, "/v1/commands"
BULK_WEIGHT = 16  # commands that a bulk request counts as: up to 1,000 share few transactions
READS = frozenset({"GET", "HEAD", "OPTIONS"})
UNCOUNTED = frozenset({"/healthz", "/readyz", "/metrics"})  # a full service must still be watched
_SANE = re.compile(r"^(?=.*[A-Za-z])[A-Za-z0-9._:-]{1,100}$")  # only digits: it could be a phone number
_TRACE = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
_log = structlog.get_logger("http")


def span_of(told: str | None) -> str:
    """The traceparent of our own span: the caller's trace if there is one, else a new one."""
    trace, flags = (told[3:35], told[53:]) if told and _TRACE.match(told) else (uuid.uuid4().hex, "00")
    return f"00-{trace}-{uuid.uuid4().hex[:16]}-{flags}"


@dataclass(frozen=True, slots=True)
class Bounds:
    """`in_flight`: requests worked on at once before 503; `writes`: commands among them, so that reads are always answered.

    `questions`: paths whose POST only asks.
    """

    in_flight: int
    writes: int
    questions: frozenset[str]
    rate: Rate | None


class Edge:
    """The outermost layer, plain ASGI."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, streams: Streams, health: Health, bounds: Bounds) -> None:
        self._app, self._metrics, self._streams, self._health, self._bounds, self._writing = app, metrics, streams, health, bounds, 0
        self._tracer = tracer()
        metrics.bounds(limit=bounds.in_flight, writes=bounds.writes, streams=lambda: len(streams), writing=lambda: self._writing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        told = headers.get("traceparent")
        if self._tracer is None or scope["path"] in UNCOUNTED:
            await self._served(scope, headers, span_of(told), receive, send)
            return
        with tracing.request(self._tracer, scope["method"], told if told and _TRACE.match(told) else None) as traceparent:
            await self._served(scope, headers, traceparent, receive, send)

    async def _served(self, scope: Scope, headers: Headers, traceparent: str, receive: Receive, send: Send) -> None:
        began, status, live = time.perf_counter(), 500, False
        told = headers.get("request-id")
        request_id = told if told and _SANE.match(told) else uuid.uuid4().hex
        scope["crm.request_id"], scope["crm.traceparent"] = request_id, traceparent
        structlog.contextvars.bind_contextvars(request_id=request_id, trace_id=traceparent[3:35], span_id=traceparent[36:52])
        added = [(b"request-id", request_id.encode()), (b"traceparent", traceparent.encode()), (b"x-content-type-options", b"nosniff")]

        async def sending(message: Message) -> None:
            nonlocal status, live
            if message["type"] == "http.response.start":
                status, live = message["status"], _is_stream(message)
                message["headers"] = [*message["headers"], *added, *scope.get("crm.limits", ()), *scope.get("crm.deprecation", ())]
                if self._health.ending:
                    message["headers"].append((b"connection", b"close"))  # its client's next request goes to another replica
            await send(message)

        counted = scope["path"] not in UNCOUNTED
        self._metrics.enters(counted)
        try:
            await self._guarded(scope, headers, receive, sending)
        finally:
            self._metrics.enters(-counted)
            route = getattr(scope.get("route"), "path_format", "unmatched")
            self._metrics.told(scope["method"], route, status, None if live else time.perf_counter() - began)
            if self._tracer is not None:
                tracing.answered(scope["method"], route, status)
            structlog.contextvars.unbind_contextvars("request_id", "trace_id", "span_id")

    async def _guarded(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        started = ended = False

        async def sending(message: Message) -> None:
            nonlocal started, ended
            if message["type"] == "http.response.start" and _is_stream(message):
                self._streams.opened()
            started, ended = True, message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        weight = 0
        try:
            weight = self._admit(scope, headers)
            await self._app(scope, _limited(receive, _limit(scope)), sending)
        except asyncio.CancelledError:
            if not (started and self._streams.ending):
                raise
        except Exception as error:  # noqa: BLE001  the edge of the process: nothing may pass it as a traceback, which could hold personal data
            answer = answer_to(scope, error)
            if started:
                _log.error("http_answer_broken_off", path=_template(scope), error=type(error).__name__)
                raise ConnectionAbortedError("the answer was broken off") from None
            await answer(scope, receive, sending)
        finally:
            self._writing -= weight
        if started and not ended and self._streams.ending:
            await send({"type": "http.response.body", "body": b"", "more_body": False})  # a stream that we broke off ends properly

    def _admit(self, scope: Scope, headers: Headers) -> int:
        """How many commands it counts as, from now on. Problem when it may not come in."""
        weight, bounds = self._weight(scope), self._bounds
        crowded = self._metrics.now > bounds.in_flight and scope["path"] not in UNCOUNTED
        if crowded or (weight and self._writing and self._writing + weight > bounds.writes):
            raise Problem("overloaded", headers={"Retry-After": "1"})
        if "\x00" in scope["path"] or b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
            raise Problem("malformed", "The address holds the character NUL; remove it.")
        length = headers.get("content-length", "")
        if length.isdecimal() and len(length) < 20 and int(length) > _limit(scope):
            raise Problem("body-too-large")
        if bounds.rate is not None:
            left = bounds.rate.spend(headers.get("authorization"))
            scope["crm.limits"] = [(b"ratelimit-policy", bounds.rate.policy.encode()), (b"ratelimit", f'"default";r={left};t=60'.encode())]
        self._writing += weight
        return weight

    def _weight(self, scope: Scope) -> int:
        if scope["method"] in READS or scope["path"] in self._bounds.questions:
            return 0
        return BULK_WEIGHT if scope["path"] == BULK_PATH else 1


def _is_stream(start: Message) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/event-stream") for name, value in start["headers"])


def _limit(scope: Scope) -> int:
    return BULK_BODY if scope["path"] == BULK_PATH else BODY


def _limited(receive: Receive, most: int) -> Receive:
    """A body sent in pieces without a length is counted as it comes."""
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise Problem("body-too-large")
        return message

    return receiving


def _template(scope: Scope) -> str:
    return getattr(scope.get("route"), "path_format", "unmatched")
