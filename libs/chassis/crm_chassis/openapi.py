"""What does /openapi.json say beyond what the framework derives? Problems as problem+json, scopes of which any one admits, 201 only where something is made."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

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
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Response declarations for a route, one a status."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": ", ".join(kind for kind, row in KINDS.items() if row.status == status), "content": content} for status in statuses}


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The function that makes and keeps the document of `app`."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, servers=app.servers or None)
            made.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
            for path in made.get("paths", {}).values():
                for method, operation in path.items():
                    _adjust(method, operation)
            app.openapi_schema = made
        return app.openapi_schema

    return document


def _adjust(method: str, operation: dict[str, Any]) -> None:
    operation.pop("x-command", None)
    if method != "post":
        operation["responses"].pop("201", None)
    operation["security"] = [{scheme: [scope]} for each in operation.get("security", ()) for scheme, scopes in each.items() for scope in scopes or [""]]
    if not operation["security"]:
        del operation["security"]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "Idempotency-Key":
            operation["parameters"] = [*(other for other in operation["parameters"] if other is not parameter), parameter | {"required": method == "post"}]
