"""Does each service have a database of its own, which no other service can open?"""

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from crm_local.failures import CannotStart
from crm_local.parts import Service


async def provide(server_url: str, services: Sequence[Service], passwords: dict[str, str]) -> None:
    """Make the role and the database of each service, or bring them up to date. Raises CannotStart if the server cannot be reached."""
    try:
        admin = await asyncpg.connect(server_url, timeout=10)
    except (OSError, asyncpg.PostgresError) as error:
        where = urlsplit(server_url)
        raise CannotStart(f"PostgreSQL at {where.hostname}:{where.port or 5432} cannot be used: {error}") from error
    try:
        for service in services:
            await _provide(admin, service, passwords[service.database])
    finally:
        await admin.close()


async def _provide(admin: asyncpg.Connection, service: Service, password: str) -> None:
    name = service.database  # from our own table of services: safe to write into a statement, where names cannot be parameters
    exists = await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name)
    statement = await admin.fetchval(
        "SELECT format('%s ROLE %I LOGIN CONNECTION LIMIT %s PASSWORD %L', $1::text, $2::text, $3::int, $4::text)",
        "ALTER" if exists else "CREATE",
        name,
        service.connections,
        password,
    )
    await admin.execute(statement)
    if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        await admin.execute(f'CREATE DATABASE "{name}" OWNER "{name}" TEMPLATE template0')
        await admin.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')


def url_of(server_url: str, service: Service, password: str) -> str:
    """Return the address of the service's database on the server at `server_url`, as its own role."""
    server = urlsplit(server_url)
    place = server.netloc.rpartition("@")[2]
    return urlunsplit((server.scheme, f"{service.database}:{password}@{place}", f"/{service.database}", server.query, ""))
