"""What is the tickets service made of? Its streams, its routes, the desk that knows the promises, and what it hears from contacts and loyalty."""

import asyncio
from uuid import UUID

import asyncpg
from crm_chassis.writer import writer_app
from crm_events.follower import CustomerEdges, cluster
from crm_events.language.privacy import TicketsErasureObeyed
from crm_events.obeying import ERASED, OBEDIENCES, Obeying, on_erased
from crm_events.store.store import EventStore
from crm_events.topics import SOURCES
from fastapi import FastAPI
from starlette.datastructures import State

from crm_tickets import (
    asking_api,
    care_api,
    handling_api,
    improving_api,
    joining_api,
    judging_api,
    messages_api,
    procedures_api,
    promises_api,
    recoveries_api,
    splitting_api,
    tickets_api,
)
from crm_tickets.described import DESCRIBED
from crm_tickets.desk import Desk
from crm_tickets.entitled import by_right
from crm_tickets.feedback import FEEDBACK
from crm_tickets.followup import FOLLOWUPS
from crm_tickets.idea import IDEAS
from crm_tickets.on_breach import by_rule
from crm_tickets.policy import CALENDARS, POLICIES
from crm_tickets.procedures import MACROS, PROCEDURES
from crm_tickets.settings import TicketsSettings
from crm_tickets.worklog import WORK

BESIDE = (WORK, FOLLOWUPS, FEEDBACK, IDEAS, POLICIES, CALENDARS, PROCEDURES, MACROS, OBEDIENCES[TicketsErasureObeyed])
ROUTERS = tuple(
    each.router
    for each in (
        asking_api,
        tickets_api,
        messages_api,
        handling_api,
        joining_api,
        splitting_api,
        judging_api,
        recoveries_api,
        care_api,
        improving_api,
        promises_api,
        procedures_api,
    )
)
AGGREGATES = (Desk().tickets, *BESIDE)  # for folding rows, which needs no promises


def tickets_app(settings: TicketsSettings) -> FastAPI:
    """The service, ready to be served."""
    desk = Desk()
    app = writer_app(
        name="tickets",
        title="Tickets: what customers ask and complain of, and whether they were answered in time",
        settings=settings,
        described=DESCRIBED,
        aggregates=(desk.tickets, *BESIDE),
        routers=ROUTERS,
        cluster=_members,
        prepare=desk.refresh,
        extra_background={"edges": _follow, "promises": _keep_current, "obeying": _obey},
    )
    app.state.desk = desk
    return app


async def _members(store: EventStore, customer_id: UUID) -> set[UUID]:
    return set(await cluster(store.pool, customer_id))


async def _follow(state: State, stop: asyncio.Event) -> None:
    """Hear from contacts which customers were merged, and who is to be forgotten; from loyalty, whose tickets come first."""
    settings: TicketsSettings = state.settings
    await CustomerEdges(
        tuple(SOURCES[source] for source in ("contacts", "loyalty", "tickets")),
        group="tickets-edges",
        bootstrap_servers=settings.kafka_bootstrap_servers,
        connect=lambda: asyncpg.connect(settings.database_url),
        registry=state.chassis.registry,
        more=by_right(state.store, state.desk) | by_rule(state.store, state.desk) | {ERASED: on_erased},
    ).run(stop)


async def _obey(state: State, stop: asyncio.Event) -> None:
    await Obeying(state.store, TicketsErasureObeyed).run(stop)


async def _keep_current(state: State, stop: asyncio.Event) -> None:
    desk: Desk = state.desk
    await desk.follow(state.store, stop)
