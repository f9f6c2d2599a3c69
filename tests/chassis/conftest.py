"""On what are the chassis's tests run? A toy service with a real store, over HTTP, and an issuer of tokens."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_chassis.migrating import upgrade, upgrade_vault
from desk.living import KEY, alive
from desk.service import DeskSettings, desk
from fastapi import FastAPI


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="session")
def desk_settings(issuer: Issuer) -> Callable[..., DeskSettings]:
    def make(url: str, **told: Any) -> DeskSettings:
        return DeskSettings(database_url=url, vault_database_url=url, index_key=KEY, master_key=KEY, auth_jwks=str(issuer.jwks), **({"relay": False} | told))

    return make


async def _migrated(url: str) -> None:
    await upgrade("desk", url)
    await upgrade_vault(url)


@pytest.fixture(scope="session")
async def desk_url(databases) -> AsyncIterator[str]:
    made = await databases.create(await databases.template("desk", _migrated))
    yield made
    await databases.drop(made)


@pytest.fixture
async def fresh_desk(databases) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    made = await databases.create(await databases.template("desk", _migrated))
    yield made
    await databases.drop(made)


@pytest.fixture(scope="session")
async def desk_app(desk_url: str, desk_settings) -> AsyncIterator[FastAPI]:
    async with alive(desk(desk_settings(desk_url))) as app:
        yield app


@pytest.fixture
async def http(desk_app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(desk_app), base_url="http://desk") as client:
        yield client


@pytest.fixture(scope="session")
def staff(issuer: Issuer) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer.token(EVERYTHING)}"}


@pytest.fixture(scope="session")
def as_(issuer: Issuer) -> Callable[..., dict[str, str]]:
    """Headers of a caller with these scopes."""
    return lambda *scopes, **told: {"Authorization": f"Bearer {issuer.token(scopes, **told)}"}
