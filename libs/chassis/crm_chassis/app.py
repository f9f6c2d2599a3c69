"""What is a service made of? Its routers, and around them what every service has: the edge, problems, health, metrics, documents, the bulk endpoint."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from crm_chassis import bulk, pages
from crm_chassis.auth import Authenticator
from crm_chassis.budget import CannotStart
from crm_chassis.chassis import Chassis
from crm_chassis.described import Described
from crm_chassis.edge import Bounds, Edge
from crm_chassis.health import Health
from crm_chassis.keys import Keys
from crm_chassis.link_tokens import LinkTokens
from crm_chassis.metrics import HttpMetrics
from crm_chassis.openapi import describe
from crm_chassis.operations import StrictRoute, flat, operation_id
from crm_chassis.paging import Cursors
from crm_chassis.places import places
from crm_chassis.problem_answer import handle
from crm_chassis.rate import Rate
from crm_chassis.scopes import LINKED
from crm_chassis.service_keys import ServiceKeys
from crm_chassis.settings import ServiceSettings
from crm_chassis.streams import Streams

EXPOSED = [
    *("ETag", "Location", "Link", "Consistency-Token", "View-State", "Idempotency-Replayed", "Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("Deprecation", "Sunset", "Next-After", "Journal-End"),
]
# The framework's own telemetry tells paths, queries and what did not fit: ours (tracing.py) does not.
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}

_log = structlog.get_logger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any] | None]]
Members = Callable[[State, UUID], Awaitable[set[UUID]]]


def service_app(
    *,
    name: str,
    title: str,
    settings: ServiceSettings,
    routers: Sequence[APIRouter],
    lifespan: Lifespan | None = None,
    members: Members | None = None,
    described: Described | None = None,
) -> FastAPI:
    """A service's app. `lifespan(app)` yields a mapping that is put on `app.state` while the service runs; it may add checks to `app.state.chassis.health`.

    `members(state, customer_id)`: the ids merged with a customer's, for her own token. `described`: what its document says besides.
    """

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        if lifespan is None:
            yield
            return
        try:
            async with lifespan(app) as made:
                for key, value in (made or {}).items():
                    setattr(app.state, key, value)
                yield
        except Exception as error:
            _log.critical("service_failed", reason=str(error) if isinstance(error, CannotStart) else type(error).__name__, places=places(error))
            raise

    app: FastAPI = FastAPIOffline(
        title=title,
        version="1",
        lifespan=living,
        generate_unique_id_function=operation_id,
        telemetry=SILENT,
        exception_handlers={HTTPException: handle, RequestValidationError: handle},
        redirect_slashes=False,
        redoc_url=None,
    )
    registry, links = CollectorRegistry(), LinkTokens(settings.index_key_bytes, name, LINKED)
    app.state.settings = settings
    app.state.chassis = Chassis(
        name=name,
        state=app.state,
        index_key=settings.index_key_bytes,
        cursors=Cursors(settings.cursor_key),
        health=Health(),
        registry=registry,
        http=HttpMetrics(registry, name),
        streams=Streams(),
        members=members,
        authenticator=Authenticator(
            Keys(settings.auth_jwks), issuer=settings.auth_issuer, audience=settings.auth_audience, service_keys=_machines(settings), links=links
        ),
        links=links,
    )
    for router in routers:
        app.router.routes.extend(flat(route) for route in router.routes if isinstance(route, APIRoute))
    pages.mount(app)
    bulk.mount(app)
    _around(app, settings)
    app.openapi = describe(app, described or Described())  # type: ignore[method-assign]
    return app


def _machines(settings: ServiceSettings) -> ServiceKeys | None:
    return ServiceKeys(settings.service_keys) if settings.service_keys else None


def _around(app: FastAPI, settings: ServiceSettings) -> None:
    """The layers, innermost first: each is added around those before it."""
    rate = Rate(settings.rate_limit) if settings.rate_limit else None
    chassis: Chassis = app.state.chassis
    questions = frozenset(route.path for route in app.routes if isinstance(route, StrictRoute) and route.asks)
    bounds = Bounds(in_flight=settings.max_in_flight, writes=settings.max_writes, questions=questions, rate=rate)
    app.add_middleware(Edge, metrics=chassis.http, streams=chassis.streams, health=chassis.health, bounds=bounds)
    if settings.cors_origins:  # outermost: a page must be able to read problems too
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["*"], allow_headers=["*"], expose_headers=EXPOSED, max_age=600)
