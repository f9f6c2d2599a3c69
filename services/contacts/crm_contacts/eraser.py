"""Who destroys the keys of customers to be forgotten, and when is it true that they are gone?

Driven by the rows alone: whatever step a process died in, the next leader finds the row in the state it was left in, and each step may be done twice.

    erasing, no row in destroyed_key   →  vault.destroy, claims deleted, row written
    erasing, row older than the caches →  privacy.erased, and our own word that it is obeyed
    everybody has said so              →  privacy.certified
    erased, and the vault has the key  →  vault.destroy once more: the vault was restored from a backup that still had it
    an event is redacted               →  vault.redact once more, for the same reason
"""

import asyncio
import time
from datetime import timedelta
from uuid import UUID, uuid5

import asyncpg
import structlog
from crm_events import lease
from crm_events.command import Command
from crm_events.failpoints import reached
from crm_events.metrics import LEADER
from crm_events.store.store import EventStore
from crm_events.vault import TTL, Vault

from crm_contacts.certifying import Certifier
from crm_contacts.erasure import confirm_erasure
from crm_contacts.metrics import ASKED, WAITING
from crm_contacts.streams import CONTACTS, MERGE

POLL = 0.5  # seconds between looks; one query on a partial index that is nearly always empty
TAKE = 500
SETTLED = timedelta(seconds=2 * TTL)  # after this no process can have the key in its cache, even one that asked just before
LEASE = 10.0  # seconds
CERTIFY = 2.0  # seconds between two looks who has not yet obeyed
TELL = 5.0  # seconds between two looks how long the oldest has waited
AGAIN = 60.0  # seconds between two looks whether a restored vault has brought a key back; the first is made by whoever begins to lead

_TO_DESTROY = "select stream_id from streams s where erasing and not exists (select 1 from destroyed_key d where d.customer_id = s.stream_id) limit $1"
_SETTLED = """
select s.stream_id, s.erasure, d.key_id from streams s join destroyed_key d on d.customer_id = s.stream_id
where s.erasing and d.noted_at <= clock_timestamp() - $1::interval limit $2
"""
_ERASED = """
select s.stream_id, s.erasure, d.key_id from streams s left join destroyed_key d on d.customer_id = s.stream_id
where s.erasure is not null and (s.erasure, s.stream_id) > ($1, $2) and not s.erasing order by s.erasure, s.stream_id limit $3
"""
_REDACTED = """
select stream_id, state ->> 'event_id' as event_id, array(select jsonb_array_elements_text(state -> 'member_ids')) as member_ids
from streams where type = 'redaction' and stream_id > $1 order by stream_id limit $2
"""
_OLDEST = "select coalesce(extract(epoch from clock_timestamp() - min(recorded_at)), 0)::float8 from streams where erasing"
_ASKED = """
select coalesce(extract(epoch from clock_timestamp()) - min(waiting_since) / 1000.0, 0)::float8 from streams
where waiting_since is not null and state ->> 'asked_at' is not null
"""
_NOTE = "insert into destroyed_key (customer_id, key_id) select * from unnest($1::uuid[], $2::uuid[]) on conflict (customer_id) do nothing"

log = structlog.get_logger(__name__)


class Eraser:
    """One works at a time, by lease. `settled`: how long after the destruction a key can still be in some process's memory."""

    def __init__(self, store: EventStore, vault: Vault, certifier: Certifier, *, settled: timedelta = SETTLED) -> None:
        self._store, self._vault, self._certifier, self._settled = store, vault, certifier, settled
        self._owner = lease.owner_name()
        self._lease: lease.Lease | None = None
        self._looked_at = self._told_at = self._certified_at = float("-inf")
        self._leader = LEADER.on(store.metrics.registry).labels("eraser")
        self._oldest, self._asked = WAITING.on(store.metrics.registry), ASKED.on(store.metrics.registry)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A database or vault that is away is waited for; the rows keep what is to be done."""
        while not stop.is_set():
            try:
                if await self._leads():
                    await self.tick()
                    if time.monotonic() - self._certified_at > CERTIFY:
                        await self._certifier.tick()
                        self._certified_at = time.monotonic()
                    await self._tell()
                    if time.monotonic() - self._looked_at > AGAIN:
                        await self.again()
                        await self.redact_again()
                        self._looked_at = time.monotonic()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._leader.set(0)
                log.warning("erasures wait", error=type(error).__name__)
            await _wait(stop, POLL)

    async def tick(self) -> int:
        """Destroy what is to be destroyed, confirm what is settled; how many contacts were confirmed."""
        await self._destroy()
        rows = await self._store.pool.fetch(_SETTLED, self._settled, TAKE)
        for row in rows:
            await self._confirm(row["stream_id"], row["erasure"], row["key_id"])
            await self._certifier.obeyed(row["erasure"], row["stream_id"])
            reached("eraser.confirmed")
        return len(rows)

    async def again(self) -> int:
        """Destroy what a restored vault has brought back, of everybody who was erased; how many keys that were."""
        place, back = (UUID(int=0), UUID(int=0)), 0
        while rows := await self._store.pool.fetch(_ERASED, *place, TAKE):
            alive = await self._vault.keys_for_reading([row["key_id"] for row in rows if row["key_id"]])
            # Without a note the store was restored too; the vault alone knows by which key it knew them.
            left = [row["stream_id"] for row in rows if row["key_id"] is None or row["key_id"] in alive]
            await self._destroy_keys(left)
            if left:
                log.warning("erased customers' keys were back, or not known to be gone, and are destroyed", keys=len(left))
            place, back = (rows[-1]["erasure"], rows[-1]["stream_id"]), back + len(left)
        return back

    async def redact_again(self) -> None:
        """Tell the vault of every redacted event: restored from a backup, it knows fewer."""
        place = UUID(int=0)
        while rows := await self._store.pool.fetch(_REDACTED, place, TAKE):
            await self._vault.redact((UUID(member), UUID(row["event_id"])) for row in rows for member in row["member_ids"])
            place = rows[-1]["stream_id"]

    async def _confirm(self, member: UUID, request_id: UUID, key_id: UUID) -> None:
        command = Command(uuid5(request_id, str(member)), b"erased", "timer")
        await self._store.handle(CONTACTS, member, command, lambda contact, _: confirm_erasure(contact, request_id=request_id, key_ids=[key_id]))

    async def _destroy(self) -> None:
        members = [row["stream_id"] for row in await self._store.pool.fetch(_TO_DESTROY, TAKE)]
        if not members:
            return
        # The command released what the contact claims today; this also drops words of former names, and what an older release normalised otherwise.
        await self._store.pool.execute("delete from claims where holder = any($1::uuid[]) and scope <> $2", members, MERGE)
        reached("eraser.claims_deleted")
        await self._destroy_keys(members)

    async def _destroy_keys(self, members: list[UUID]) -> None:
        destroyed = await self._vault.destroy(members) if members else []
        reached("eraser.destroyed")
        await self._store.pool.execute(_NOTE, [each.subject for each in destroyed], [each.key_id for each in destroyed])
        reached("eraser.noted")

    async def _tell(self) -> None:
        if time.monotonic() - self._told_at > TELL:
            self._oldest.set(await self._store.pool.fetchval(_OLDEST))
            self._asked.set(await self._store.pool.fetchval(_ASKED))
            self._told_at = time.monotonic()

    async def _leads(self) -> bool:
        async with self._store.pool.acquire() as connection:
            if self._lease is None or not await lease.renew(connection, self._lease, seconds=LEASE):
                self._lease = await lease.acquire(connection, "eraser", self._owner, seconds=LEASE)
        self._leader.set(self._lease is not None)
        if self._lease is None:
            self._oldest.set(0)
        return self._lease is not None


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
