"""How do a service's tables come to be as its code expects them? Alembic, one transaction, one process at a time."""

import zlib

from alembic import command
from alembic.config import Config
from crm_events.vault import SCHEMA as VAULT_SCHEMA
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", "crm_chassis:alembic_env")
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{package}:migrations/versions")
    return config


async def upgrade(package: str, database_url: str, *, revision: str = "head") -> None:
    """Bring a database to the newest revision in `<package>/migrations/versions`. All or nothing; a second process waits for the first.

    Raises OSError or asyncpg errors when the database is away.
    """

    def run(connection: Connection) -> None:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(f"migrate {package}".encode())})
        config = _config(package)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = create_async_engine(make_url(database_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def upgrade_vault(vault_database_url: str) -> None:
    """The vault's one table. Every service asks for it: whoever comes first makes it."""
    engine = create_async_engine(make_url(vault_database_url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(b"migrate vault")})
            for statement in filter(str.strip, VAULT_SCHEMA.split(";")):
                await connection.execute(text(statement))
    finally:
        await engine.dispose()
