"""How does every event get an id in commit order? Drawn under a lock that is held through commit: whoever follows by id misses nothing."""

from collections.abc import Collection, Sequence

import orjson
from crm_events.consuming.record import Record
from crm_events.lease import Connection

from crm_reporting.builds import JOURNAL_LOCK
from crm_reporting.copying import copy, line
from crm_reporting.heard import Heard

COLUMNS = (
    "id",
    "source",
    "partition",
    "position",
    "event_id",
    "type",
    "schema_version",
    "customer_id",
    "subject",
    "stream_id",
    "version",
    "occurred_at",
    "recorded_at",
    "command_id",
    "actor",
    "correlation_id",
    "causation_id",
    "traceparent",
    "payload",
)


_STANDS = """
select (select build from builds where state = 'active') as active, array(select source from paused where source = any($1::text[])) as paused
"""


class Gap(Exception):
    """Rows of the journal are not the next ids: the invariant everything that follows it rests on is broken. Stop, and look."""


def journal_line(record: Record, heard: Heard) -> str:
    """The row without its id, in COPY's text form: most header bytes pass as they are."""
    headers = record.headers

    def text(name: str) -> str | None:
        raw = headers.get(name)
        return None if raw is None else raw.decode()

    return line(
        (
            record.source,
            record.partition,
            record.position,
            heard.event_id,
            heard.type,
            record.schema_version,
            heard.customer_id,
            heard.subject,
            text("ce_streamid"),
            text("ce_sequence"),
            text("ce_time"),
            text("ce_recordedtime"),
            text("ce_commandid"),
            text("ce_actor") or "unknown",
            text("ce_correlationid"),
            text("ce_causationid"),
            text("traceparent"),
            record.value.decode() if heard.entry else _kept(record.value),
        )
    )


def _kept(value: bytes) -> str:
    """A payload no event could be read from. What is no JSON either is kept as a JSON text, which is no event's payload: its customer waits, nobody else."""
    try:
        orjson.loads(value)
        return value.decode()
    except ValueError:
        return orjson.dumps(value.decode(errors="replace")).decode()


async def append(connection: Connection, lines: Sequence[str], build: str | None, sources: Collection[str] = ()) -> int:
    """Append lines of `journal_line`; the last id. The transaction's last statements: the lock stops every other projector.

    Raises Gap when a row is missing, Switched when another build than `build` has become active meanwhile (its switch folded the journal to its end, so
    what is appended now belongs to it), and Paused when an operator has paused one of `sources`, those of the lines.
    """
    await connection.execute("select pg_advisory_xact_lock($1)", JOURNAL_LOCK)
    active, paused = await connection.fetchrow(_STANDS, list(sources)) or (None, [])
    if build is not None and active != build:
        raise Switched(f"{build} is no longer the active build; {active} is")
    if paused:
        raise Paused(paused)
    last: int = await connection.fetchval("select coalesce(max(id), 0) from journal")
    written = await copy(connection, "journal", COLUMNS, [f"{last + n}\t{text}" for n, text in enumerate(lines, 1)], schema="public")
    if written != len(lines):
        raise Gap(f"{written} rows of {len(lines)} were journalled")
    return last + written


class Switched(Exception):
    """Another build has become active: read which, and begin again."""


class Paused(Exception):
    """An operator paused these sources: leave them alone, and begin again with the others."""

    def __init__(self, sources: Sequence[str]) -> None:
        super().__init__(f"paused: {', '.join(sources)}")
        self.sources = frozenset(sources)
