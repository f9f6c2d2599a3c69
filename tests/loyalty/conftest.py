"""Where do the loyalty tests get the real service from? Its app over a database and a vault of its own, made once; each test brings its own customers."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_chassis.migrating import upgrade, upgrade_vault
from crm_events.store.store import EventStore
from crm_loyalty.app import loyalty_app
from crm_loyalty.settings import LoyaltySettings
from fastapi import FastAPI
from loyalty_client import Till

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="session")
async def loyalty_settings(databases: Any, issuer: Issuer) -> AsyncIterator[LoyaltySettings]:
    url, vault = await databases.create(), await databases.create()
    await upgrade("crm_loyalty", url)
    await upgrade_vault(vault)
    yield LoyaltySettings(
        database_url=url, vault_database_url=vault, master_key=KEY, index_key=KEY, auth_jwks=str(issuer.jwks), relay=False, timer=False, follow=False
    )
    await databases.drop(url)
    await databases.drop(vault)


@pytest.fixture(scope="session")
async def app(loyalty_settings: LoyaltySettings) -> AsyncIterator[FastAPI]:
    app = loyalty_app(loyalty_settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
async def second_process(loyalty_settings: LoyaltySettings, issuer: Issuer) -> AsyncIterator[Till]:
    """Another replica: its own locks and appender on the same database."""
    app = loyalty_app(loyalty_settings)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://loyalty-2") as http:
        yield Till(http, issuer, issuer.token(EVERYTHING))


@pytest.fixture
def store(app: FastAPI) -> EventStore:
    return app.state.store


@pytest.fixture
async def till(app: FastAPI, issuer: Issuer) -> AsyncIterator[Till]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://loyalty") as http:
        yield Till(http, issuer, issuer.token(EVERYTHING))
