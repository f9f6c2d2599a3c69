"""Where do the tickets tests get a story to tell, and the real service? Its app over a database and a vault of its own,
once a session, without relay and timer. Tests share the database, so each makes customers, categories and policies of its own.
"""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_chassis.migrating import upgrade, upgrade_vault
from crm_events.language.sla import SlaPolicyDefined
from crm_events.store.store import EventStore
from crm_tickets.app import tickets_app
from crm_tickets.settings import TicketsSettings
from fastapi import FastAPI
from ticket_story import Story, policy, promises
from tickets_client import Desk

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def story() -> Callable[..., Story]:
    """`story(policy, …)`: a ticket under these policies; without any, under one that promises a first reply within 60 business minutes."""

    def make(*policies: SlaPolicyDefined) -> Story:
        return Story(promises(*(policies or (policy(),))))

    return make


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="session")
async def tickets_settings(databases: Any, issuer: Issuer) -> AsyncIterator[TicketsSettings]:
    url, vault = await databases.create(), await databases.create()
    await upgrade("crm_tickets", url)
    await upgrade_vault(vault)
    yield TicketsSettings(
        database_url=url, vault_database_url=vault, master_key=KEY, index_key=KEY, auth_jwks=str(issuer.jwks), relay=False, timer=False, follow=False
    )
    await databases.drop(url)
    await databases.drop(vault)


@pytest.fixture(scope="session")
async def app(tickets_settings: TicketsSettings) -> AsyncIterator[FastAPI]:
    app = tickets_app(tickets_settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
async def second_process(tickets_settings: TicketsSettings, issuer: Issuer) -> AsyncIterator[Desk]:
    """Another replica: its own locks, appender and knowledge of policies on the same database."""
    app = tickets_app(tickets_settings)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://tickets-2") as http:
        yield Desk(http, issuer, issuer.token(EVERYTHING))


@pytest.fixture
def store(app: FastAPI) -> EventStore:
    return app.state.store


@pytest.fixture
async def desk(app: FastAPI, issuer: Issuer) -> AsyncIterator[Desk]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://tickets") as http:
        yield Desk(http, issuer, issuer.token(EVERYTHING))
