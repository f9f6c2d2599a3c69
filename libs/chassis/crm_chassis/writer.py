"""What does a service that writes run on? The chassis, and in its lifespan: vault, store, relay, timer, followers, with a reason for readiness each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
from crm_events.deciding import Aggregate
from crm_events.metrics import measure_pool
from crm_events.recovery import Recovery
from crm_events.relay import Relay
from crm_events.store.store import EventStore, open_store
from crm_events.store.timer import Timer
from crm_events.topics import SOURCES
from crm_events.tracing import connection_class
from crm_events.vault import SESSION, LocalVault, Vault
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.datastructures import State

from crm_chassis.app import service_app
from crm_chassis.audit import Audit
from crm_chassis.background import Work, running
from crm_chassis.budget import CannotStart, check_budget
from crm_chassis.chassis import Chassis
from crm_chassis.described import Described
from crm_chassis.metrics import AUDIT
from crm_chassis.settings import ServiceSettings

READERS, APPENDER, RELAY, FOLLOWERS, VAULT = 8, 1, 1, 2, 4
LATE = 30.0  # seconds the oldest event may wait for Kafka before readiness tells

Background = Callable[[State, asyncio.Event], Awaitable[None]]
"""A follower or another loop of the service: `run(state, stop)`, with `state.store`, `state.vault`, `state.settings`. Restarted when it fails."""
Cluster = Callable[[EventStore, UUID], Awaitable[set[UUID]]]


def writer_app(
    *,
    name: str,
    title: str,
    settings: ServiceSettings,
    aggregates: Iterable[Aggregate[Any, Any]],
    routers: Sequence[APIRouter],
    cluster: Cluster | None = None,
    extra_background: Mapping[str, Background] | None = None,
    prepare: Callable[[EventStore], Awaitable[None]] | None = None,
    beside: Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]] | None = None,
    connections: int = 0,
    audited: bool = True,
    described: Described | None = None,
) -> FastAPI:
    """A writing service's app; its store is at `app.state.store`.

    `cluster(store, customer_id)`: the ids merged with a customer's, which her own token may touch. `extra_background` runs where FOLLOW is on.
    `prepare(store)`: awaited before the first request is answered and before time passes.
    `audited`: whose personal text is told in clear is noted in the table `access`.
    `beside(app)`: what else the service opens; what it yields is put on `app.state`; `connections`: to its database, in all, for the budget.
    """
    kinds = list(aggregates)

    async def members(state: State, customer_id: UUID) -> set[UUID]:
        return await cluster(state.store, customer_id) if cluster else set()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        chassis: Chassis = app.state.chassis
        relay = relay_of(name, settings, chassis.registry, busy=lambda: chassis.http.now > 0) if settings.relay else None
        async with opened(name, settings, kinds, chassis.registry, on_commit=relay.wake if relay else None, beside=connections) as store:
            app.state.store, app.state.vault = store, store.vault
            chassis.health.add("database", partial(_answers, store.pool))
            if prepare is not None:
                await prepare(store)
            works: dict[str, Work] = {}
            if audited:
                audit = app.state.told_in_clear = Audit(store.pool)
                works["audit"] = audit.run
                AUDIT.on(chassis.registry).set_function(lambda: audit.waiting)
            if settings.relay or settings.timer:
                recovery = Recovery(store, topic=SOURCES[name], bootstrap_servers=settings.kafka_bootstrap_servers, on_open=relay.wake if relay else None)
                await recovery.before_serving()
                works["recovery"] = recovery.run
                chassis.health.add("writes", partial(_trouble, recovery), required=False)
            if relay is not None:
                works["relay"] = relay.run
                chassis.health.add("relay", partial(late, relay), required=False)
            if settings.timer:
                works["timer"] = Timer(store).run
            if settings.follow:
                works |= {each: partial(work, app.state) for each, work in (extra_background or {}).items()}
            async with running(works, chassis.registry), beside(app) if beside else nullcontext({}) as made:
                yield made

    return service_app(name=name, title=title, settings=settings, routers=routers, lifespan=lifespan, members=members, described=described)


@asynccontextmanager
async def opened(
    name: str,
    settings: ServiceSettings,
    aggregates: Sequence[Aggregate[Any, Any]],
    registry: CollectorRegistry,
    *,
    on_commit: Callable[[], None] | None = None,
    beside: int = 0,
) -> AsyncIterator[EventStore]:
    """The service's store with its vault. CannotStart when the tables are missing or the connections would not suffice."""
    async with AsyncExitStack() as stack:
        connection = await asyncpg.connect(settings.database_url, timeout=5)
        try:
            if await connection.fetchval("select to_regclass('streams')") is None:
                raise CannotStart(f"The database has no event store yet. Run: {name} migrate")
            wants = {"read": READERS, "append": APPENDER, "relay": RELAY * settings.relay, "follow": FOLLOWERS * settings.follow, "beside": beside}
            await check_budget(connection, wants)
        finally:
            await connection.close()
        vault = await stack.enter_async_context(vault_of(settings, registry))
        yield await stack.enter_async_context(
            open_store(
                source=name,
                database_url=settings.database_url,
                vault=vault,
                index_key=settings.index_key_bytes,
                aggregates=aggregates,
                registry=registry,
                on_commit=on_commit,
                readers=READERS,
            )
        )


@asynccontextmanager
async def vault_of(settings: ServiceSettings, registry: CollectorRegistry) -> AsyncIterator[Vault]:
    """The vault the settings name."""
    if settings.vault_database_url is None or settings.master_key is None:
        raise CannotStart("Personal data is sealed here: set VAULT_DATABASE_URL and MASTER_KEY.")
    usual: dict[str, Any] = {"timeout": 5, "command_timeout": 5, "reset": _unchanged, "connection_class": connection_class(), "server_settings": SESSION}
    async with asyncpg.create_pool(settings.vault_database_url, min_size=1, max_size=VAULT, **usual) as pool:
        measure_pool(registry, "vault", pool)
        yield LocalVault(pool, settings.master_key_bytes, registry)


async def _unchanged(_: asyncpg.Connection) -> None:
    """Nothing here leaves a connection changed, and asyncpg's own reset would be one more question at each release."""


def relay_of(name: str, settings: ServiceSettings, registry: CollectorRegistry, busy: Callable[[], bool] | None = None) -> Relay:
    """The relay of this service's store."""
    told: dict[str, Any] = {"busy": busy} if busy else {}
    return Relay(
        name,
        topic=SOURCES[name],
        database_url=settings.database_url,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        schema_base_url=settings.url,
        registry=registry,
        **told,
    )


async def late(relay: Relay) -> str | None:
    """Why events do not reach Kafka, None if they do. Writes go on meanwhile: the relay catches up."""
    status = relay.status()
    if status.trouble:
        return f"events wait: {status.trouble.partition(':')[0]}"
    return f"the oldest event has waited {status.age_seconds:.0f} s" if status.age_seconds > LATE else None


async def _trouble(recovery: Recovery) -> str | None:
    return recovery.trouble


async def _answers(pool: asyncpg.Pool) -> str | None:
    await pool.fetchval("select 1")
    return None
