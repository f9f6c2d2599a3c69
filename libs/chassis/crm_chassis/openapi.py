"""What does /openapi.json say beyond what the framework derives? Problems, scopes of which any one admits, headers, and examples that were really answered."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from crm_chassis.described import Described
from crm_chassis.exemplify import exemplify
from crm_chassis.problems import KINDS, MEDIA_TYPE

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `detail` says what to do; further members depend on the type, see its page.",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "enum": [f"/problems/{kind}" for kind in KINDS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {"pointer": {"type": "string"}, "parameter": {"type": "string"}, "code": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}
HEADERS = {
    "Request-Id": ("string", "Names this request in our logs; the client's own, where it sent one."),
    "ETag": ("string", 'The version shown, as "7": for If-None-Match and If-Match.'),
    "Location": ("string", "The path of what was made."),
    "Consistency-Token": ("string", "Send it to reporting, and its answer shows this write."),
    "Idempotency-Replayed": ("string", "`true`: this key was answered before; nothing happened again."),
    "View-State": ("string", "current, stale, or parked (events of this customer wait for an operator)."),
    "Link": ("string", 'RFC 8288: `rel="next"` of a page, `rel="canonical"` of an id that was merged away.'),
    "Retry-After": ("integer", "Seconds to wait before the same request is sent again."),
    "WWW-Authenticate": ("string", "What the token lacks."),
}
EVENTS = {"type": "string", "description": "Server-sent events: `id`, `event`, and in `data` a JSON object."}
EVERYWHERE = (429, 500)  # what any operation may answer
_OF_PROBLEM = {401: ("WWW-Authenticate",), 403: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Response declarations for a route, one a status."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": ", ".join(kind for kind, row in KINDS.items() if row.status == status), "content": content} for status in statuses}


def describe(app: FastAPI, described: Described) -> Callable[[], dict[str, Any]]:
    """The function that makes and keeps the document of `app`."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            servers = [{"url": "/", "description": "The service that serves this document."}]
            made = get_openapi(title=app.title, version=app.version, description=described.about, routes=app.routes, servers=servers)
            made["tags"] = [{"name": name, "description": text} for name, text in described.tags.items()]
            parts = made.setdefault("components", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                parts.setdefault("schemas", {}).pop(unused, None)
            parts["schemas"]["Problem"] = PROBLEM
            parts["headers"] = {name: {"description": text, "schema": {"type": kind}} for name, (kind, text) in HEADERS.items()}
            parts["responses"] = {f"Problem{status}": _problem(status) for status in sorted({row.status for row in KINDS.values()})}
            for path in made.get("paths", {}).values():
                for method, operation in path.items():
                    _adjust(method, operation)
            exemplify(made, described.examples())
            _drop_unused(made)
            app.openapi_schema = made
        return app.openapi_schema

    return document


def _drop_unused(document: dict[str, Any]) -> None:
    """A part that nothing refers to is something a reader looks for in vain."""
    told = orjson.dumps(document).decode()
    for kind in ("responses", "headers"):
        named = document["components"][kind]
        document["components"][kind] = {name: part for name, part in named.items() if f'"#/components/{kind}/{name}"' in told}


def _problem(status: int) -> dict[str, Any]:
    return problems(status)[status] | _headers("Request-Id", *_OF_PROBLEM.get(status, ()))


def _headers(*names: str) -> dict[str, Any]:
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}}


def _adjust(method: str, operation: dict[str, Any]) -> None:
    operation.pop("x-headers", None)
    writes, answers = bool(operation.pop("x-command", None)), operation["responses"]
    if method != "post":
        answers.pop("201", None)
    if asked := operation.pop("security", ()):  # no scope named: any valid token
        operation["security"] = [{scheme: [scope]} for each in asked for scheme, scopes in each.items() for scope in scopes] or asked
    sent = {parameter["name"] for parameter in operation.get("parameters", ())}
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "Idempotency-Key":
            operation["parameters"] = [*(other for other in operation["parameters"] if other is not parameter), parameter | {"required": method == "post"}]
    for status, answer in answers.items():
        for content in answer.get("content", {}).values():
            if content.pop("itemSchema", None):  # a word of 3.2 in a document of 3.1
                content["schema"] = EVENTS
        if status.startswith("2"):
            own = answer.get("headers", {})  # what the route itself says
            answer.update(_headers(*_told(writes, status, sent, "text/event-stream" in answer.get("content", {}))))
            answer["headers"] |= own
            if answer["description"] == "Successful Response":
                answer["description"] = "Done; the resource as it now is." if writes else "What was asked for."
    if "If-None-Match" in sent:
        answers["304"] = {"description": "Nothing has changed since that version.", **_headers("Request-Id", "ETag")}
    declared = {int(status) for status in answers if _is_problem(status, answers[status])}
    for status in sorted(declared.union(EVERYWHERE)):
        answers[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    operation["responses"] = {status: answers[status] for status in sorted(answers)}


def _told(writes: bool, status: str, sent: set[str], streams: bool) -> Iterable[str]:
    yield "Request-Id"
    if streams:
        return
    if writes:
        yield from ("ETag", "Consistency-Token", "Idempotency-Replayed", *(("Location",) if status == "201" else ()))
    elif "If-None-Match" in sent:
        yield from ("ETag", "Link")
    if "Consistency-Token" in sent:
        yield "View-State"


def _is_problem(status: str, answer: dict[str, Any]) -> bool:
    return status[0] in "45" and (MEDIA_TYPE in answer.get("content", {}) or status == "422")
