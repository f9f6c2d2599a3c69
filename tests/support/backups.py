"""How are databases backed up and put back, as by an operator? Copies beside the running ones; whoever uses them is stopped first."""

import asyncio
from collections.abc import Collection

import asyncpg
from crm_local.parts import PARTS
from crm_local.stack import Stack


def take(stack: Stack, *databases: str) -> None:
    """A copy of each database as it is now; earlier ones are thrown away. The stack's processes are started again."""
    _stopped(stack, databases)
    _administer(stack, *(line for name in databases for line in (f"drop database if exists backup_{name}", f"create database backup_{name} template {name}")))
    stack.up()


def put_back(stack: Stack, *databases: str) -> None:
    """Each database is its copy; what was written since is gone. The stack's processes are started again."""
    _stopped(stack, databases)
    for name in databases:
        _administer(stack, f"drop database {name}", f"alter database backup_{name} rename to {name}", f"alter database {name} owner to {name}")
    stack.up()


def _stopped(stack: Stack, databases: Collection[str]) -> None:
    for part in PARTS:
        if len(databases) > 1 or f"crm_{part.service}" in databases:
            stack.running(part).process.stop()


def _administer(stack: Stack, *statements: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(stack.postgres().url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())
