"""What does every service answer without a token? How it is, what it measures, what its problems and its events mean."""

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Any

import orjson
from crm_events.asyncapi import BROKER, document
from crm_events.registry import REGISTRY, UnknownType
from crm_events.schemas import schema
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from crm_chassis.metrics import exposition
from crm_chassis.problems import KINDS, Problem


async def healthz() -> Response:
    """The process runs."""
    return Response(b'{"status":"alive"}', media_type="application/json")


async def readyz(request: Request) -> Response:
    """Whether the service can do its work, and what keeps it from doing so."""
    ready, checks = await request.app.state.chassis.health.report()
    body = {"status": "ready" if ready else "unready", "checks": checks}
    return Response(orjson.dumps(body), 200 if ready else 503, media_type="application/json", headers={} if ready else {"Retry-After": "1"})


async def metrics(request: Request) -> Response:
    """Prometheus text."""
    text, kind = exposition(request.app.state.chassis.registry)
    return Response(text, media_type=kind)


async def problem_page(kind: str) -> Response:
    """What a problem type means and what to do about it."""
    if kind not in KINDS:
        raise Problem("not-found")
    row = KINDS[kind]
    title = escape(row.title)
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><h1>{title}</h1>"
    return HTMLResponse(f"{head}<p>HTTP {row.status}, <code>/problems/{kind}</code></p><p>{escape(row.advice)}</p></html>")


async def event_schema(request: Request, event_type: str, version: str) -> Response:
    """The JSON Schema of an event this service owns; reporting hands on everybody's events, and has the schemas of all."""
    state, kind = request.app.state, REGISTRY.get(event_type)
    if (other := getattr(state, "schemas", {}).get(f"{event_type}/{version}")) is not None:  # of records that are no events of the registry
        return _schema(other)
    if kind is None or state.chassis.name not in (kind.owner, "reporting") or not version.isdecimal() or len(version) > 4:
        raise Problem("not-found")
    try:
        return _schema(schema(event_type, int(version)))
    except (UnknownType, FileNotFoundError):
        raise Problem("not-found") from None


def _schema(document: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(document), media_type="application/schema+json", headers={"Cache-Control": "public, max-age=3600"})


async def asyncapi(request: Request) -> Response:
    """What this service tells on which topic: AsyncAPI 3.0."""
    state = request.app.state
    feed = getattr(state, "schemas", {}).get("customer.changed/1")
    told = document(state.settings.url, BROKER, owner=state.chassis.name, feed=feed)
    return Response(orjson.dumps(told), media_type="application/vnd.aai.asyncapi+json;version=3.0.0")


def mount(app: FastAPI) -> None:
    """Add the pages; they are not part of the described API."""
    all_pages: dict[str, Callable[..., Awaitable[Response]]] = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": metrics,
        "/problems/{kind}": problem_page,
        "/schemas/{event_type}/{version}": event_schema,
        "/asyncapi.json": asyncapi,
    }
    for path, page in all_pages.items():
        app.add_api_route(path, page, include_in_schema=False)
