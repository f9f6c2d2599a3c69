"""Does each service get a database that is its own, and are the secrets kept from others?"""

import stat
import uuid
from pathlib import Path

import asyncpg
import pytest
from crm_local.databases import provide, url_of
from crm_local.failures import CannotStart
from crm_local.keyring import keyring
from crm_local.parts import PARTS, RECONCILER, SERVICES, VAULT, Reader, Service
from crm_local.postgres import STACK


@pytest.fixture
async def pair(postgres: str):
    """Two services of this test alone, removed at the end: roles belong to the whole server."""
    services = [Service(f"test_{uuid.uuid4().hex[:8]}", connections=2) for _ in range(2)]
    yield services
    admin = await asyncpg.connect(postgres)
    for service in services:
        await admin.execute(f"DROP DATABASE IF EXISTS {service.database} WITH (FORCE)")
        await admin.execute(f"DROP ROLE IF EXISTS {service.database}")
    await admin.close()


async def test_a_service_owns_its_database_within_its_limit(postgres: str, pair: list[Service]) -> None:
    passwords = {service.database: "first" for service in pair}
    await provide(postgres, pair, passwords)
    await provide(postgres, pair, dict.fromkeys(passwords, "second"))  # again: brought up to date
    admin = await asyncpg.connect(postgres)
    role = await admin.fetchrow("SELECT rolconnlimit, rolsuper, rolcreatedb, rolpassword FROM pg_authid WHERE rolname = $1", pair[0].database)
    await admin.close()
    assert role and (role["rolconnlimit"], role["rolsuper"], role["rolcreatedb"]) == (2, False, False)
    own = await asyncpg.connect(url_of(postgres, pair[0].database, pair[0].database, "second"))
    await own.execute("CREATE TABLE mine (id int)")
    await own.execute("CREATE EXTENSION pg_trgm")
    await own.close()


async def test_a_service_cannot_open_the_database_of_another(postgres: str, pair: list[Service]) -> None:
    await provide(postgres, pair, {service.database: "secret" for service in pair})
    mine, other = pair
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(url_of(postgres, other.database, mine.database, "secret"))


async def test_the_reconciler_reads_what_it_compares_and_writes_nothing(postgres: str, pair: list[Service]) -> None:
    compared, private = pair
    reader = Reader(f"{compared.database}_reader", 1, (compared,))
    await provide(postgres, pair, {service.database: "secret" for service in pair} | {reader.role: "secret"}, reader)
    owner = await asyncpg.connect(url_of(postgres, compared.database, compared.database, "secret"))
    await owner.execute("CREATE TABLE events AS SELECT 1 AS position")
    reading = await asyncpg.connect(url_of(postgres, compared.database, reader.role, "secret"))
    assert await reading.fetchval("SELECT position FROM events") == 1
    with pytest.raises(asyncpg.PostgresError):
        await reading.execute("BEGIN READ WRITE; DELETE FROM events")
    await reading.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(url_of(postgres, private.database, reader.role, "secret"))
    await owner.execute(f"REVOKE ALL ON DATABASE {compared.database} FROM {reader.role}")
    await owner.close()
    admin = await asyncpg.connect(postgres)
    await admin.execute(f"DROP ROLE {reader.role}")
    await admin.close()


async def test_a_server_that_is_away_is_told_without_its_password() -> None:
    with pytest.raises(CannotStart, match=r"127\.0\.0\.1:1 cannot be used") as told:
        await provide("postgresql://postgres:hidden@127.0.0.1:1/postgres", [], {})
    assert "hidden" not in str(told.value)


def test_all_services_together_stay_within_the_connections_there_are() -> None:
    reserved = 3  # for the superuser, so that somebody can still look
    assert sum(owner.connections for owner in (*SERVICES, VAULT, RECONCILER)) <= int(STACK["max_connections"]) - reserved
    assert {part.service for part in PARTS} == {service.name for service in SERVICES}


def test_secrets_are_made_once_and_read_by_their_owner_only(tmp_path: Path) -> None:
    first = keyring(tmp_path, ["crm_a"])
    second = keyring(tmp_path, ["crm_a", "crm_b"])
    assert (second.master_key, second.index_key, second.passwords["crm_a"]) == (first.master_key, first.index_key, first.passwords["crm_a"])
    assert len({first.master_key, first.index_key, second.passwords["crm_a"], second.passwords["crm_b"]}) == 4
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
