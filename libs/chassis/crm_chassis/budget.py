"""May this process open as many connections as it wants to? Asked once at the start: later it would be one request in a hundred that fails."""

from collections.abc import Mapping

import asyncpg
import structlog

_log = structlog.get_logger(__name__)

_LIMITS = """
select current_user as role, rolconnlimit as role_limit,
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int as server_limit
from pg_roles where rolname = current_user
"""


class CannotStart(Exception):
    """The process cannot do its work as it is set up. The message says what to change; it holds no secrets."""


async def check_budget(connection: asyncpg.Connection, wants: Mapping[str, int]) -> None:
    """CannotStart when the pools together exceed what the role or the server allows. `wants`: connections by what they are for."""
    (row,) = await connection.fetch(_LIMITS)
    total = sum(wants.values())
    allowed = row["server_limit"] if row["role_limit"] < 0 else min(row["role_limit"], row["server_limit"])
    _log.info("connection_budget", total=total, allowed=allowed, **wants)
    if total > allowed:
        shares = ", ".join(f"{name} {count}" for name, count in wants.items())
        raise CannotStart(
            f"This process opens up to {total} database connections ({shares}), but role {row['role']} may have {allowed}. "
            "Raise its CONNECTION LIMIT or the server's max_connections, or run relay, timer and followers in other processes."
        )
