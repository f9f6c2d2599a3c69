"""How does a customer whose fold failed come back? The journal has waited: the document is folded again from the start, as if nothing had failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from crm_events.lease import Connection
from crm_events.registry import REGISTRY

from crm_reporting.entry import JOURNAL_COLUMNS
from crm_reporting.folding import Change, fold
from crm_reporting.heard import LEFT_OUT, heard_row
from crm_reporting.projecting import mark, write, write_facts_once
from crm_reporting.projector import note_inputs

_HISTORY = f"select {JOURNAL_COLUMNS}, {LEFT_OUT} from journal j where customer_id = $1 and source = $2 order by position"
_PARKED = "select source, customer_id::text as customer_id, reason, event_id::text as event_id, type, position, since, attempts from {build}.parked"
_START = ("", "00000000-0000-0000-0000-000000000000")
_PAGE = " where (source, customer_id) > ($1, $2::uuid) order by source, parked.customer_id limit $3"
_HELD = "select true from {build}.parked where source = $1 and customer_id = $2 for update"
_FORGET = "delete from {build}.document where source = $1 and customer_id = $2"
_UNMARK = "delete from {build}.parked where source = $1 and customer_id = $2"
_DROP = """
insert into dropped (source, position, event_id, customer_id, reason, dropped_by)
select source, position, event_id, customer_id, $4, $5 from journal where customer_id = $2 and source = $1 and event_id = $3 on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Parked:
    """One mark: the event the fold failed at, why, and how often it was tried."""

    source: str
    customer_id: str
    reason: str
    event_id: str
    type: str
    position: int
    since: datetime
    attempts: int


async def parked(
    connection: Connection, build: str, *, after: tuple[str, str] = ("", "00000000-0000-0000-0000-000000000000"), limit: int = 200
) -> list[Parked]:
    """The marks of a build, by (source, customer id), from behind `after`."""
    rows = await connection.fetch(
        _PARKED.format(build=build) + " where (source, customer_id) > ($1, $2::uuid) order by 1, parked.customer_id limit $3", *after, limit
    )
    return [Parked(**row) for row in rows]


async def drain(connection: Connection, build: str, source: str, customer_id: str) -> bool | None:
    """Fold a parked customer again. True: it is back; False: it failed again, the mark says where; None: it was not parked. One transaction."""
    async with connection.transaction():
        # The projector locks the same row before it reads documents: what it is writing is waited for, what it reads later is what we wrote.
        held = await connection.fetchval(_HELD.format(build=build), source, customer_id)
        if not held:
            return None
        heard = [heard_row(row) for row in await connection.fetch(_HISTORY, customer_id, source)]
        change = fold(heard, {})
        if change.marks:
            await mark(connection, build, change.marks)
            return False
        await connection.execute(_FORGET.format(build=build), source, customer_id)
        await write_facts_once(connection, build, change.facts)
        await write(connection, build, Change(documents=change.documents))
        await connection.execute(_UNMARK.format(build=build), source, customer_id)
        known = {row["position"] for row in await connection.fetch("select position from reference_input where source = $1", source)}
        await note_inputs(connection, [one.entry for one in heard if one.entry and one.subject is None and one.position not in known])
        await connection.execute("insert into requests (customer_id, cause) values ($1, 'drained')", customer_id)
        return True


async def drop_event(connection: Connection, build: str, source: str, customer_id: str, event_id: str, *, reason: str, by: str) -> bool | None:
    """Take one event of a parked customer out of every fold, for ever and with a reason, then drain. Its row in the journal stays. As `drain`; None too
    where the customer has no such event."""
    async with connection.transaction():
        found = await connection.execute(_DROP, source, customer_id, event_id, reason, by)
        if found == "INSERT 0 0":
            return None
        return await drain(connection, build, source, customer_id)


async def retry_unknown(connection: Connection, build: str) -> int:
    """Drain the customers parked for a type this process now knows; how many came back. Asked at start: a newer release has a larger catalogue."""
    rows = await connection.fetch(_PARKED.format(build=build) + " where type = any($1::text[]) and reason like 'UnknownType%'", list(REGISTRY))
    back: Sequence[bool | None] = [await drain(connection, build, row["source"], row["customer_id"]) for row in rows]
    return sum(one is True for one in back)
