"""How does every event of the four sources become journal, documents and facts, exactly once?

`apply` and `reject` run inside the consumer's transaction, which moves the offsets by compare-and-set: all of it commits, or nothing.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from uuid import UUID

import orjson
from crm_events.consuming.offsets import Moved
from crm_events.consuming.record import Record
from crm_events.failpoints import reached
from crm_events.lease import Connection
from crm_events.obeying import ERASED, hear

from crm_reporting.copying import copy, line
from crm_reporting.documents import digest
from crm_reporting.entry import CUSTOMER_SOURCES, Entry
from crm_reporting.heard import Heard, heard_record
from crm_reporting.journal import Paused, Switched, append, journal_line
from crm_reporting.metrics import ProjectorMetrics
from crm_reporting.pausing import Pauses
from crm_reporting.projecting import mark, project

MARKS_A_MINUTE = 100  # more customers parked than this: it is the code, not the customers

NAMED = ("contact.registered", "contact.details_changed", "contact.identifier_added", "contact.identifier_removed")
_INPUT = ("source", "position", "event_id", "stream_id", "kind", "name", "version", "valid_from", "valid_to", "occurred_at", "recorded_at", "value")


class Projector:
    """Writes one build, the active one, and all that the builds share. Sets `ended` when it must not go on: another build is active, or `overwhelmed`."""

    def __init__(self, build: str, metrics: ProjectorMetrics, ended: asyncio.Event, pauses: Pauses | None = None) -> None:
        self.build, self._metrics, self._pauses = build, metrics, pauses
        self._marked: deque[float] = deque(maxlen=MARKS_A_MINUTE + 1)
        self.journalled = 0  # the last id written, also by a transaction that did not commit
        self.ended = ended
        self._heard: dict[tuple[str, int], Heard] = {}
        self.overwhelmed = False

    async def read(self, records: Sequence[Record]) -> None:
        """Read a batch ahead of its transaction, which would else wait for it, and the server ends one that waits for 3 s."""
        self._heard = {(record.source, record.position): heard_record(record) for record in records}

    async def apply(self, connection: Connection, records: Sequence[Record]) -> None:
        """One batch. Raises Moved when another build has become active, or a source was paused; else the consumer looks for the record at fault."""
        heard = [self._heard.get((record.source, record.position)) or heard_record(record) for record in records]
        change = await project(connection, self.build, heard)
        await _share(connection, heard)
        await self._journal(connection, records, heard)
        self._note(len(change.marks), change.fact_count)
        reached("projector.applied")

    async def reject(self, connection: Connection, record: Record, error: Exception) -> None:
        """The database refuses this one event's rows: journal it, mark its customer, go on."""
        heard = heard_record(record)
        await mark(connection, self.build, {(heard.source, heard.customer_id): (heard, f"{type(error).__name__}: {error}"[:500])})
        await self._journal(connection, [record], [heard])
        self._note(1, 0)

    async def _journal(self, connection: Connection, records: Sequence[Record], heard: Sequence[Heard]) -> None:
        lines = [journal_line(record, one) for record, one in zip(records, heard, strict=True)]
        try:
            self.journalled = await append(connection, lines, self.build, {record.source for record in records})
        except Switched as switched:
            self.ended.set()
            raise Moved(str(switched)) from switched
        except Paused as paused:
            if self._pauses is not None:
                self._pauses.met(paused.sources)
            raise Moved(str(paused)) from paused
        self._metrics.count(heard)

    def _note(self, marked: int, facts: int) -> None:
        self._marked.extend([time.monotonic()] * min(marked, MARKS_A_MINUTE + 1))
        self._metrics.facts.inc(facts)
        if len(self._marked) > MARKS_A_MINUTE and self._marked[-1] - self._marked[0] < 60:
            self.overwhelmed = True
            self.ended.set()


async def _share(connection: Connection, heard: Sequence[Heard]) -> None:
    """What all builds have in common, written once, by the projector alone."""
    entries = [one.entry for one in heard if one.entry is not None]
    await note_inputs(connection, [entry for entry in entries if entry.subject is None])
    contacts = [entry for entry in entries if entry.source == CUSTOMER_SOURCES[0]]
    named = [line((entry.source, entry.position, entry.customer_id)) for entry in contacts if entry.type in NAMED and _names(entry)]
    if named:
        await copy(connection, "to_index", ("source", "position", "customer_id"), named, schema="public")
    for entry in sorted(contacts, key=lambda entry: entry.customer_id):  # their locks in one order
        if entry.type == "privacy.erasure_requested":
            await note_erasure(connection, entry)
        elif entry.type == ERASED:
            await hear(connection, UUID(entry.customer_id), UUID(entry.payload["request_id"]), UUID(entry.event_id))


def _names(entry: Entry) -> bool:
    return entry.type.startswith("contact.identifier") or "name" in entry.payload


async def note_inputs(connection: Connection, entries: Sequence[Entry]) -> None:
    """Policies, calendars, programmes, rates and targets, each version a row. The name of an input's kind is its type's first word."""
    rows = [
        (
            entry.source,
            entry.position,
            entry.event_id,
            entry.stream_id,
            entry.type.partition(".")[0],
            entry.payload["name"],
            entry.payload["version"],
            entry.payload["valid_from"],
            entry.payload.get("valid_to"),
            entry.occurred_at,
            entry.recorded_at,
            orjson.dumps(entry.payload).decode(),
        )
        for entry in entries
        if "valid_from" in entry.payload
    ]
    if rows:
        await copy(connection, "reference_input", _INPUT, map(line, rows), schema="public")


async def note_erasure(connection: Connection, entry: Entry) -> None:
    """Whoever asked to be forgotten can be looked up no more. The index worker takes the same lock, so that nothing is entered behind our back."""
    await connection.execute("select pg_advisory_xact_lock($1)", erasure_lock(entry.customer_id))
    await connection.execute(
        "insert into erased (customer_id, event_id, requested_at) values ($1, $2, $3::text::timestamptz) on conflict do nothing",
        entry.customer_id,
        entry.event_id,
        entry.occurred_at,
    )
    await connection.execute("delete from terms where customer_id = $1", entry.customer_id)
    await connection.execute("delete from to_index where customer_id = $1", entry.customer_id)


def erasure_lock(customer_id: str) -> int:
    """The advisory lock under which a customer's entries in the blind index change."""
    return int.from_bytes(digest(customer_id.encode())[:8], "big", signed=True)
