"""Where do the contacts tests get the real service from? Its app over a fresh database and a vault of its own, without relay and eraser: a test calls those."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from contacts_client import Api
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_chassis.migrating import upgrade, upgrade_vault
from crm_contacts.app import contacts_app
from crm_contacts.settings import ContactsSettings
from crm_events.store.store import EventStore
from fastapi import FastAPI

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(Path(tmp_path_factory.mktemp("issuer")))


@pytest.fixture
async def app(databases: Any, issuer: Issuer) -> AsyncIterator[FastAPI]:
    async def migrated(url: str) -> None:
        await upgrade("crm_contacts", url)

    url = await databases.create(await databases.template("contacts", migrated))
    vault = await databases.create(await databases.template("vault", upgrade_vault))
    settings = ContactsSettings(
        database_url=url, vault_database_url=vault, master_key=KEY, index_key=KEY, auth_jwks=str(issuer.jwks), relay=False, timer=False, follow=False
    )
    app = contacts_app(settings)
    async with app.router.lifespan_context(app):
        yield app
    await databases.drop(url)
    await databases.drop(vault)


@pytest.fixture
def store(app: FastAPI) -> EventStore:
    return app.state.store


@pytest.fixture
async def api(app: FastAPI, issuer: Issuer) -> AsyncIterator[Api]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://contacts") as http:
        yield Api(http, issuer, issuer.token(EVERYTHING))
