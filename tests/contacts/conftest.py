"""Where do the contacts tests get the real service from? Its app over a database and a vault of its own, once a session, without relay
and eraser: a test that needs the eraser makes it work. Tests share the database, so each makes customers, addresses and names of its own."""

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


@pytest.fixture(scope="session")
async def app(databases: Any, issuer: Issuer) -> AsyncIterator[FastAPI]:
    url, vault = await databases.create(), await databases.create()
    await upgrade("crm_contacts", url)
    await upgrade_vault(vault)
    settings = ContactsSettings(
        database_url=url, vault_database_url=vault, master_key=KEY, index_key=KEY, auth_jwks=str(issuer.jwks), relay=False, timer=False, follow=False
    )
    app = contacts_app(settings)
    async with app.router.lifespan_context(app):
        yield app
    await databases.drop(url)
    await databases.drop(vault)


@pytest.fixture(scope="session")
def store(app: FastAPI) -> EventStore:
    return app.state.store


@pytest.fixture(scope="session")
async def api(app: FastAPI, issuer: Issuer) -> AsyncIterator[Api]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://contacts") as http:
        yield Api(http, issuer, issuer.token(EVERYTHING))
