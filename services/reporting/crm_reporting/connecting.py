"""How does a process of reporting connect to its database?"""

from collections.abc import Mapping

import asyncpg
from crm_events.keepalive import keep_alive

# Plans prepared while tables are nearly empty stay for the connection's life: a read then takes 148 ms instead of 0.3. Reads by key want nested loops, always.
PLANNER: Mapping[str, str] = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}
# A frozen process that holds the journal's lock would stop all of reporting, for the kernel answers for it: the server ends its transaction.
PATIENCE: Mapping[str, str] = {"idle_in_transaction_session_timeout": "3s"}
# A rebuild folds thousands of events between two statements of one transaction; it holds no lock that others wait for, but at the switch.
UNHURRIED: Mapping[str, str] = {"idle_in_transaction_session_timeout": "60s", "jit": "off"}
BATCH: Mapping[str, str] = {"transaction_timeout": "30s"}


async def connect(url: str, *options: Mapping[str, str]) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection with these settings; OSError or asyncpg's errors when the database is away."""
    connection = await asyncpg.connect(url, timeout=10, server_settings={name: value for option in options for name, value in option.items()})
    keep_alive(connection)
    return connection
