"""What is the reporting service made of? Reads over the projection, its own small store of inputs, and the waiting for writes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from crm_chassis.audit import Audit
from crm_chassis.background import running
from crm_chassis.chassis import Chassis
from crm_chassis.writer import writer_app
from crm_events.language.privacy import ReportingErasureObeyed
from crm_events.metrics import measure_pool
from crm_events.obeying import Obeying
from crm_events.refusals import Unavailable
from crm_events.store.store import EventStore
from crm_events.tracing import connection_class
from fastapi import FastAPI

from crm_reporting import (
    access_api,
    builds,
    customers_api,
    events_api,
    inputs_api,
    kpis_api,
    listing_api,
    operations_api,
    parked_api,
    pausing_api,
    status_api,
    stream_api,
    trail_api,
)
from crm_reporting.ailing import Looker
from crm_reporting.applied import Applied
from crm_reporting.clusters import members, roots
from crm_reporting.connecting import PATIENCE, PLANNER
from crm_reporting.described import DESCRIBED
from crm_reporting.feed_schema import FEED_SCHEMA
from crm_reporting.inputs import AGGREGATES
from crm_reporting.metrics import AUDIT, WAITING
from crm_reporting.obeying import forgotten
from crm_reporting.overseeing import Overseer
from crm_reporting.own_process import OwnProcesses
from crm_reporting.projector_process import GROUP
from crm_reporting.reading import Reader
from crm_reporting.rfm import Scores
from crm_reporting.settings import ReportingSettings
from crm_reporting.webhooks import api as webhooks_api
from crm_reporting.webhooks import log_api
from crm_reporting.webhooks.secret import Secrets

VIEWERS, WIDE = 6, 4  # connections for reads of one customer, and for lists and figures: a slow figure never keeps a view waiting
WIDE_SECONDS = 30.0
# A figure's best plan depends on its period; and a drain, which runs here, must not hold a customer's lock in a frozen process.
WIDELY = {"jit": "off", "plan_cache_mode": "force_custom_plan", **PATIENCE}

READS = (listing_api, stream_api, customers_api, access_api, events_api, kpis_api)
OPERATING = (operations_api, parked_api, pausing_api, status_api, trail_api)
ROUTERS = tuple(each.router for each in (*READS, inputs_api, *OPERATING, webhooks_api, log_api))


def reporting_app(settings: ReportingSettings) -> FastAPI:
    """The service, ready to be served."""
    app = writer_app(
        name="reporting",
        title="Reporting: the unified customer view",
        settings=settings,
        described=DESCRIBED,
        aggregates=AGGREGATES,
        routers=ROUTERS,
        cluster=_cluster,
        audited=False,  # its routes note who is looked at, names in clear or not
        beside=_reads,
        connections=VIEWERS + WIDE + 1,
    )
    app.state.schemas = {"customer.changed/1": FEED_SCHEMA}  # of the feed, which is no log of events
    return app


@asynccontextmanager
async def _reads(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
    settings: ReportingSettings = app.state.settings
    chassis: Chassis = app.state.chassis
    kind = connection_class()
    quick: dict[str, Any] = {"reset": _as_it_is, "command_timeout": 10, "server_settings": dict(PLANNER), "connection_class": kind}
    slow: dict[str, Any] = {"command_timeout": WIDE_SECONDS, "server_settings": WIDELY, "connection_class": kind}
    async with (
        asyncpg.create_pool(settings.database_url, min_size=1, max_size=VIEWERS, **quick) as near,
        asyncpg.create_pool(settings.database_url, min_size=0, max_size=WIDE, **slow) as wide,
    ):
        scores, processes = Scores(wide), OwnProcesses(settings)
        reader, applied, audit = Reader(near, scores), Applied(settings.database_url, GROUP), Audit(near)
        chassis.health.add("view", lambda: _built(reader))
        chassis.health.add("applied", lambda: _listens(applied))
        Looker(reader).add_to(chassis.health)
        for name, pool in (("views", near), ("figures", wide)):
            measure_pool(chassis.registry, name, pool)
        AUDIT.on(chassis.registry).set_function(lambda: audit.waiting)
        WAITING.on(chassis.registry).set_function(lambda: applied.waiting)
        obeying = Obeying(app.state.store, ReportingErasureObeyed, forgotten)
        overseer = Overseer(wide, processes, chassis.registry, hours=settings.reconcile_hours)
        async with running({"applied": applied.run, "audit": audit.run, "overseer": overseer.run, "obeying": obeying.run}, chassis.registry):
            try:
                secrets = Secrets(settings.master_key_bytes)
                yield {"reader": reader, "applied": applied, "audit": audit, "wide": wide, "processes": processes, "webhook_secrets": secrets}
            finally:
                await processes.close()
                await scores.close()


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Nothing to undo at a connection's release: asyncpg's own reset is a query at each."""


async def _built(reader: Reader) -> str | None:
    try:
        await reader.build(again=True)
    except Unavailable:
        return "no build of this version can be read: reporting rebuild"
    return None


async def _listens(applied: Applied) -> str | None:
    return None if applied.alive else "does not hear of the projection"


async def _cluster(store: EventStore, customer_id: UUID) -> set[UUID]:
    async with store.pool.acquire() as connection:
        found = await builds.mine(connection, "active", "draining", "ready")
        if found is None:
            return set()
        root = (await roots(connection, found.name, [str(customer_id)]))[str(customer_id)]
        return {UUID(member) for member in (await members(connection, found.name, [root]))[root]}
