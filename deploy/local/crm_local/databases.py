"""Does each service have a database of its own, which no other service can open?"""

from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from crm_local.failures import CannotStart
from crm_local.parts import Reader, Service


async def provide(server_url: str, services: Sequence[Service], passwords: dict[str, str], reader: Reader | None = None) -> None:
    """Make the role and the database of each service, and the reader's role, or bring them up to date. Raises CannotStart if the server is away."""
    try:
        admin = await asyncpg.connect(server_url, timeout=10)
    except (OSError, asyncpg.PostgresError) as error:
        where = urlsplit(server_url)
        raise CannotStart(f"PostgreSQL at {where.hostname}:{where.port or 5432} cannot be used: {error}") from error
    try:
        for service in services:
            await _provide(admin, service, passwords[service.database])
        if reader:
            await _role(admin, reader.role, reader.connections, passwords[reader.role])
            await admin.execute(f'ALTER ROLE "{reader.role}" SET default_transaction_read_only = on')
            await admin.execute(f'GRANT pg_read_all_data TO "{reader.role}"')
            for service in reader.reads:
                await admin.execute(f'GRANT CONNECT ON DATABASE "{service.database}" TO "{reader.role}"')
    finally:
        await admin.close()


async def _provide(admin: asyncpg.Connection, service: Service, password: str) -> None:
    name = service.database  # from our own table of services: safe to write into a statement, where names cannot be parameters
    await _role(admin, name, service.connections, password)
    if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        await admin.execute(f'CREATE DATABASE "{name}" OWNER "{name}" TEMPLATE template0')
        await admin.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')


async def _role(admin: asyncpg.Connection, name: str, connections: int, password: str) -> None:
    verb = "ALTER" if await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name) else "CREATE"
    statement = "SELECT format('%s ROLE %I LOGIN CONNECTION LIMIT %s PASSWORD %L', $1::text, $2::text, $3::int, $4::text)"
    await admin.execute(await admin.fetchval(statement, verb, name, connections, password))


def url_of(server_url: str, database: str, role: str, password: str) -> str:
    """Return the address of `database` on the server at `server_url`, for `role`."""
    server = urlsplit(server_url)
    place = server.netloc.rpartition("@")[2]
    return urlunsplit((server.scheme, f"{role}:{password}@{place}", f"/{database}", server.query, ""))
