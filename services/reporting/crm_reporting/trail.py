"""Who did what to the read model, why, and what came of it? Every operation leaves a row; an effect and its row are one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import asyncpg
from crm_chassis.call import Call
from crm_chassis.problems import Asked, Problem, problem_of
from crm_events.lease import Connection
from crm_events.refusals import Refusal

Operation = Literal["look", "retry", "drop", "pause", "resume", "rebuild", "reconcile", "webhook"]

_ADD = "insert into operation_trail (actor, request_id, operation, outcome, source, customer_id, subject, reason) values ($1, $2, $3, $4, $5, $6, $7, $8)"
_PAGE = """
select id, at, actor, operation, outcome, source, customer_id, subject, reason, request_id from operation_trail
where id < $1 and ($2::text is null or operation = $2) and ($3::text is null or actor = $3) and ($4::uuid is null or customer_id = $4)
order by id desc limit $5
"""
_NEWEST = 2**62


@dataclass(frozen=True, slots=True)
class Deed:
    """What an operator asks for. `subject`: the event or the build it is about; `reason`: in their words."""

    operation: Operation
    actor: str
    request_id: str
    source: str | None = None
    customer_id: UUID | None = None
    subject: str | None = None
    reason: str | None = None

    async def came_to(self, outcome: str, connection: "Connection | asyncpg.Pool", *, subject: str | None = None) -> None:
        """Add the row: inside the effect's own transaction, where it has one."""
        about = (self.source and self.source[:100], self.customer_id, subject or self.subject, self.reason)
        await connection.execute(_ADD, self.actor, self.request_id or None, self.operation, outcome, *about)


def deed_of(call: Call, operation: Operation, **about: Any) -> Deed:
    """This caller's deed."""
    return Deed(operation, call.actor, call.request_id, **about)


@asynccontextmanager
async def refusals_kept(deed: Deed, pool: asyncpg.Pool) -> AsyncIterator[None]:
    """What is refused inside the block is in the trail too, as `refused: not-found`; its effects were undone with their transaction."""
    try:
        yield
    except (Refusal, Problem) as refusal:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):  # the refusal is what the caller must hear
            await deed.came_to(f"refused: {problem_of(refusal, Asked()).kind}", pool)
        raise


async def trail(
    pool: asyncpg.Pool, *, before: int | None, operation: str | None, actor: str | None, customer_id: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """The rows, newest first, from before that id."""
    return await pool.fetch(_PAGE, before or _NEWEST, operation, actor, customer_id, limit)
