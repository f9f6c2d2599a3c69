"""Who pays the points out that were offered for a complaint? Loyalty, once for each recovery, as soon as the customer is a member of a programme.

recovery.completed ─ follower ─▶ recovery_owed ─ payer ─▶ points.adjusted, reason recovery
              in the transaction           the recovery's id is the command's, and claimed for ever:
              that moves the offset        whoever pays a second time finds it paid
"""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid5

import asyncpg
import orjson
import structlog
from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.follower import erased
from crm_events.lease import Connection
from crm_events.refusals import Refusal
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore

from crm_loyalty import points
from crm_loyalty.member import MEMBERS, RECOVERY, Member
from crm_loyalty.reads import members_of, programme_of

POLL = 1.0  # seconds between two looks; one query on a partial index that is nearly always empty
TAKE = 200
COMPLETED = "recovery.completed"

_OWE = """
insert into recovery_owed (recovery_id, customer_id, points, event_id, occurred_at, correlation_id, traceparent)
values ($1, $2, $3, $4, $5, $6, $7) on conflict (recovery_id) do nothing
"""
_OWED = "select * from recovery_owed where settled_at is null and (occurred_at, recovery_id) > ($1, $2) order by occurred_at, recovery_id limit $3"
_SETTLE = "update recovery_owed set settled_at = clock_timestamp(), member_id = $2 where recovery_id = $1 and settled_at is null"

log = structlog.get_logger(__name__)


async def owe(connection: Connection, record: Record) -> None:
    """The handler of `recovery.completed`: an apology or a replacement owes no points."""
    told = orjson.loads(record.value)
    if told["kind"] == "points":
        headers = [record.headers.get(name) for name in ("ce_correlationid", "traceparent")]
        about = [value.decode() if value else None for value in headers]
        await connection.execute(_OWE, UUID(told["recovery_id"]), record.key, told["points"], record.event_id, record.occurred_at, *about)


class Payer:
    """Several may run at once: each payment is one command with one id, whoever sends it."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A database that is away is waited for; the rows keep what is to be done."""
        while not stop.is_set():
            try:
                await self.tick()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Refusal) as error:
                log.warning("recoveries wait", error=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), POLL)
            except TimeoutError:
                continue

    async def tick(self) -> int:
        """Pay what can be paid; how many were settled."""
        place, settled = (datetime.min.replace(tzinfo=UTC), UUID(int=0)), 0
        while rows := await self._store.pool.fetch(_OWED, *place, TAKE):
            for row in rows:
                settled += await self._settle(row)
            place = rows[-1]["occurred_at"], rows[-1]["recovery_id"]
        return settled

    async def _settle(self, row: asyncpg.Record) -> bool:
        if await erased(self._store.pool, [row["customer_id"]]):
            await self._store.pool.execute(_SETTLE, row["recovery_id"], None)
            return True
        if not (holders := await self._store.holders(RECOVERY, str(row["recovery_id"]))):
            try:
                holders = await self._pay(row)
            except Refusal as refused:  # this one waits; the others do not wait for it
                log.warning("a recovery waits", recovery=str(row["recovery_id"]), error=type(refused).__name__)
        if holders:
            await self._store.pool.execute(_SETTLE, row["recovery_id"], holders[0])
        return bool(holders)

    async def _member(self, customer_id: UUID) -> Loaded[Member] | None:
        """The oldest membership of a programme that is not closed, of all ids that are this customer."""
        known = await members_of(self._store, customer_id, after=None, limit=200)
        found = [each for each in known if each.state.programme is not None and each.state.state != "closed" and each.state.standing.enrolled_at is not None]
        return min(found, key=lambda each: (each.state.standing.enrolled_at, each.stream_id), default=None)

    async def _pay(self, row: asyncpg.Record) -> list[UUID]:
        """To whom; nobody, while there is no member."""
        member = await self._member(row["customer_id"])
        programme = await programme_of(self._store, member.state.programme) if member else None
        if member is None or programme is None or (enrolled_at := member.state.standing.enrolled_at) is None:
            return []
        recovery_id, at = row["recovery_id"], max(row["occurred_at"], enrolled_at)
        command = Command(
            uuid5(recovery_id, "recovery"), b"recovery", "service:loyalty", occurred_at=at,
            correlation_id=row["correlation_id"], causation_id=row["event_id"], traceparent=row["traceparent"],
        )  # fmt: skip
        await self._store.handle(
            MEMBERS,
            member.stream_id,
            command,
            lambda state, now: points.adjust(
                state, adjustment_id=recovery_id, points=row["points"], reason="recovery", cause_event_id=row["event_id"],
                version=programme.in_force(now), at=now,
            ),
        )  # fmt: skip
        return [member.stream_id]
