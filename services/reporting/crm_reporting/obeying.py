"""Has reporting forgotten a customer? The journal cannot be opened, no index finds them, the view is empty, and the feed has told that they are gone."""

from collections.abc import Mapping
from uuid import UUID

from crm_events.lease import Connection
from crm_events.obeying import KEY_OF_SEALED
from crm_events.store.store import EventStore

from crm_reporting import builds

# Parked lines are the journal's own, webhooks are sent from it, and inputs are about no customer: nothing else of a person is kept here.
_SEALED = f"""
select m[1]::uuid as key_id, count(*) as n from journal j, regexp_matches(j.payload::text, {KEY_OF_SEALED}, 'g') m where j.customer_id = $1 group by 1
"""
_EVENTS = "select count(*) from journal where customer_id = $1"
_FOUND = """
select exists (select from terms where customer_id = $1) or exists (select from to_index where customer_id = $1)
  or exists (select from feed where customer_id = $1 and (digest is not null or pending)) or not exists (select from erased where customer_id = $1)
"""
_SHOWN = "select exists (select from {build}.summary where customer_id = $1 and not erased)"


async def forgotten(store: EventStore, customer_id: UUID) -> Mapping[str, int] | None:
    """What was looked through; None while anything of them could be opened, found, read or heard."""
    async with store.pool.acquire() as connection:
        build = await builds.active(connection)
        if build is None or await connection.fetchval(_FOUND, customer_id) or await _shown(connection, build.name, customer_id):
            return None
        rows = await connection.fetch(_SEALED, customer_id)
        events = await connection.fetchval(_EVENTS, customer_id)
    if await store.vault.keys_for_reading([row["key_id"] for row in rows]):
        return None
    return {"journal_events": events, "journal_sealed_values": sum(row["n"] for row in rows)}


async def _shown(connection: Connection, build: str, customer_id: UUID) -> bool:
    return bool(await connection.fetchval(_SHOWN.format(build=build), customer_id))
