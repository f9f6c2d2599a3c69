"""Will the same statement work if it is simply tried again? Then nothing is parked and nobody is woken."""

import asyncpg

from crm_events.refusals import KeptMoving, Unavailable

_CLASSES = frozenset({"08", "40", "53", "57", "58"})  # connection, rollback (deadlock, serialisation), resources, operator (restart, cancel), system
_CODES = frozenset({"25006", "25P02", "25P03", "25P04", "55P03"})  # read-only (failed over), aborted, the timeouts of a frozen process, lock timeout


def transient(error: BaseException, *, connected: bool) -> bool:
    """True for a database that is away, restarting, deadlocked or full; False for anything that data or code has caused.

    `connected`: the connection is still good, so that a complaint of asyncpg itself is about how it was used.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _CLASSES or state in _CODES
    if isinstance(error, asyncpg.InterfaceError):
        return not connected
    return isinstance(error, OSError | asyncpg.InternalClientError | Unavailable | KeptMoving)
