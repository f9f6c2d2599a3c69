"""How is a route declared, so that HTTP, OpenAPI and the bulk endpoint say the same of it?"""

import re
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, date, datetime
from email.message import Message
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from crm_events.refusals import Refusal, Unavailable
from crm_events.store.store import EventStore
from fastapi import Request, Response
from fastapi.datastructures import Default
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from crm_chassis.call import Caller, principal_of
from crm_chassis.chassis import Chassis
from crm_chassis.openapi import problems
from crm_chassis.problems import Problem
from crm_chassis.reading import read_json

KEYED = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    "description": "The same key and request is done once (30 days). Required on POST.",
}
MATCHED = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
    "description": "Only if the resource is still at this version (its ETag).",
}
NONE_MATCHED = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "description": "304 if the resource is still at this version."}
AWAITED = [
    {
        "name": "Consistency-Token",
        "in": "header",
        "schema": {"type": "string"},
        "description": "One a write answered, or several with commas between them: the answer shows these writes.",
    },
    {
        "name": "Prefer",
        "in": "header",
        "schema": {"type": "string"},
        "description": "`wait=` seconds for these writes (default 2, at most 10); `handling=strict`: 503 rather than an answer without them.",
    },
]


def command(model: type[BaseModel]) -> dict[str, Any]:
    """For a route that writes and answers `model`: `@router.post(path, **command(TicketAnswer))`. Also reachable through /v1/commands."""
    made = {201: {"model": model, "description": "Made; `Location` names it."}}
    return {
        "response_model": model,
        "responses": made | problems(400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 503),
        "openapi_extra": {"x-command": True, "parameters": [KEYED, MATCHED]},
    }


def query(model: Any, *, lookup: bool = False, awaits: bool = False) -> dict[str, Any]:
    """For a route that reads and answers `model`. `lookup`: a POST whose body is a question, without Idempotency-Key. `awaits`: Consistency-Tokens."""
    asked = (400, 401, 403, 404, 410, 413, 415, 422, 503) if lookup else (400, 401, 403, 404, 410, 422, 503)
    return {
        "response_model": model,
        "responses": problems(*asked),
        "openapi_extra": {"parameters": [*([] if lookup else [NONE_MATCHED]), *(AWAITED if awaits else [])]},
    }


def deprecated(told: dict[str, Any], *, since: date, sunset: date, instead: str) -> dict[str, Any]:
    """For a route that goes away: `@router.get(path, **deprecated(query(X), since=…, sunset=…, instead="/v2/…"))`.

    Answers then say so: `Deprecation` (RFC 9745), `Sunset` (RFC 8594), `Link: <instead>; rel="successor-version"`; the description has `deprecated: true`.
    """
    since_at, sunset_at = (datetime.combine(day, datetime.min.time(), UTC) for day in (since, sunset))
    headers = [
        (b"deprecation", f"@{int(since_at.timestamp())}".encode()),
        (b"sunset", format_datetime(sunset_at, usegmt=True).encode()),
        (b"link", f'<{instead}>; rel="successor-version"'.encode()),
    ]
    return told | {"deprecated": True, "openapi_extra": told.get("openapi_extra", {}) | {"x-sunset": sunset.isoformat(), "x-headers": headers}}


def operation_id(route: APIRoute) -> str:
    """`resolve_ticket` → `resolveTicket`: what SDKs call the method, and the bulk endpoint the operation."""
    return re.sub(r"_(\w)", lambda match: match[1].upper(), route.name)


class StrictRoute(APIRoute):
    """A route that looks at the token before anything else, reads its body strictly (see `reading`) and refuses query parameters it does not know."""

    @property
    def asks(self) -> bool:
        """Whether its POST writes nothing: a lookup or a check, whose path has no parameters."""
        return "POST" in (self.methods or ()) and not (self.openapi_extra or {}).get("x-command") and not self.param_convertors

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, takes_body, known = super().get_route_handler(), self.body_field is not None, _query_names(self.dependant)
        has_caller, goes_away = _has_caller(self.dependant), (self.openapi_extra or {}).get("x-headers")

        async def strict(request: Request) -> Response:
            if goes_away:
                request.scope["crm.deprecation"] = goes_away
            if has_caller:
                await principal_of(request)
            if unknown := sorted({name for name in request.query_params if name not in known}):
                raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", name[:100]), "msg": ""} for name in unknown])
            if takes_body:
                request = await _with_body(request)
            try:
                return await handle(request)
            except Refusal as refusal:
                await must_be_sure(request.app.state.chassis, refusal)
                raise

        return strict


async def must_be_sure(chassis: Chassis, refusal: Refusal) -> None:
    """Nobody is told that something is not so by a store that lacks what it acknowledged: Unavailable instead."""
    store: EventStore | None = getattr(chassis.state, "store", None)
    if store is not None and not isinstance(refusal, Unavailable):
        await store.sure()


class _Read(Request):
    async def json(self) -> Any:
        return self.scope["crm.body"]


async def _with_body(request: Request) -> Request:
    raw = await request.body()
    if raw:
        _must_be_json(request.headers.get("content-type", ""))
        request.scope["crm.body"] = read_json(raw)
    read = _Read(request.scope, request.receive)
    read._body = raw  # noqa: SLF001  the stream is spent: this is where starlette itself keeps what was read
    return read


def _must_be_json(told: str) -> None:
    if not _is_json(told):
        raise Problem("unsupported-media-type")


@lru_cache(maxsize=64)  # a parser of mail headers costs more than the rest of reading a body
def _is_json(told: str) -> bool:
    header = Message()
    header["content-type"] = told
    kind, charset = header.get_content_type(), str(header.get_param("charset", "utf-8"))
    named = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    return bool(told) and named and charset.lower().strip('"') in ("utf-8", "utf8")


def _has_caller(dependant: Dependant) -> bool:
    return isinstance(dependant.call, Caller) or any(map(_has_caller, dependant.dependencies))


def _query_names(dependant: Dependant) -> set[str]:
    names = set()
    for field in dependant.query_params:
        model = field.field_info.annotation
        fields = model.model_fields.items() if isinstance(model, type) and issubclass(model, BaseModel) else ()
        names |= {info.alias or name for name, info in fields} or {field.alias}
    return names.union(*(_query_names(each) for each in dependant.dependencies))


def flat(route: APIRoute) -> StrictRoute:
    """The same route, strict, for mounting directly on the app: matched once, and known to metrics by its whole template."""
    streams = route.is_sse_stream or route.is_json_stream
    return StrictRoute(
        route.path,
        route.endpoint,
        response_model=Default(None) if streams else route.response_model,
        status_code=route.status_code,
        tags=route.tags,
        dependencies=route.dependencies,
        summary=route.summary,
        description=route.description,
        response_description=route.response_description,
        responses=route.responses,
        deprecated=route.deprecated,
        name=route.name,
        methods=route.methods,
        include_in_schema=route.include_in_schema,
        response_class=route.response_class,
        openapi_extra=route.openapi_extra,
        generate_unique_id_function=operation_id,
        max_body_size=route.max_body_size,
    )


Endpoint = Callable[..., Awaitable[Response]]
