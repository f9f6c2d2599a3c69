"""What does every service answer without a token? How it is, what it measures, what its problems and its events mean."""

from collections.abc import Awaitable, Callable
from html import escape

import orjson
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
    kind = REGISTRY.get(event_type)
    if kind is None or request.app.state.chassis.name not in (kind.owner, "reporting") or not version.isdecimal() or len(version) > 4:
        raise Problem("not-found")
    try:
        return Response(orjson.dumps(schema(event_type, int(version))), media_type="application/schema+json", headers={"Cache-Control": "public, max-age=3600"})
    except (UnknownType, FileNotFoundError):
        raise Problem("not-found") from None


def mount(app: FastAPI) -> None:
    """Add the pages; they are not part of the described API."""
    all_pages: dict[str, Callable[..., Awaitable[Response]]] = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": metrics,
        "/problems/{kind}": problem_page,
        "/schemas/{event_type}/{version}": event_schema,
    }
    for path, page in all_pages.items():
        app.add_api_route(path, page, include_in_schema=False)
