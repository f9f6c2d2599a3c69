"""Was this operation asked for before, under this key? Operations write no events, so the store does not remember them: a row of their own does."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import orjson
from crm_events.command import Command
from crm_events.refusals import KeyReused

_LOCK = "select pg_advisory_xact_lock(hashtextextended($1::text, 7003))"
_KNOWN = "select fingerprint, outcome from operation where command_id = $1"
_KEEP = "insert into operation (command_id, fingerprint, outcome) values ($1, $2, $3)"
_FORGET = "delete from operation where asked_at < clock_timestamp() - interval '30 days'"

Outcome = dict[str, Any]


async def once(connection: asyncpg.Connection, command: Command, work: Callable[[], Awaitable[Outcome]]) -> tuple[Outcome, bool]:
    """What `work` answered, done once for a command id, in one transaction with its row; the second part: it was done before.

    Two at once: the second waits for the first. What raises is undone and not remembered. Raises KeyReused for another request under the same key.
    """
    async with connection.transaction():
        await connection.execute(_LOCK, str(command.id))
        known = await connection.fetchrow(_KNOWN, command.id)
        if known is not None:
            if known["fingerprint"] != command.fingerprint:
                raise KeyReused
            return orjson.loads(known["outcome"]), True
        outcome = await work()
        await connection.execute(_FORGET)
        await connection.execute(_KEEP, command.id, command.fingerprint, orjson.dumps(outcome).decode())
        return outcome, False
