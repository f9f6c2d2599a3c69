"""What does the projection know of one event?"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import asyncpg
import orjson
from crm_events.envelope import Envelope
from crm_events.event import utc_text
from crm_events.registry import REGISTRY, read

CUSTOMER_SOURCES = ("contacts", "tickets", "loyalty")


class Entry(NamedTuple):
    """One readable event of one source. Ids are lower-case text; times are RFC 3339 text in UTC with milliseconds, so they compare as text.

    `payload` is the newest schema version of the event's JSON, personal fields sealed; `subject` None = about no customer.
    """

    source: str
    partition: int
    position: int
    event_id: str
    type: str
    customer_id: str
    subject: str | None
    stream_id: str
    occurred_at: str
    recorded_at: str
    payload: Mapping[str, Any]


def payload_of(event_type: str, schema_version: int, payload: bytes) -> Mapping[str, Any]:
    """The validated payload in its newest schema version. Raises `registry.UnknownType` or `registry.Unreadable`."""
    event = read(event_type, schema_version, payload)
    if schema_version != REGISTRY[event_type].schema_version:
        payload = event.payload()
    told: dict[str, Any] = orjson.loads(payload)
    return told


def entry_of(envelope: Envelope) -> Entry:
    """An envelope from Kafka, read. Raises as `payload_of`."""
    return Entry(
        envelope.source,
        envelope.partition,
        envelope.position,
        str(envelope.event_id),
        envelope.type,
        str(envelope.key),
        str(envelope.subject) if envelope.subject else None,
        str(envelope.stream_id),
        utc_text(envelope.occurred_at),
        utc_text(envelope.recorded_at),
        payload_of(envelope.type, envelope.schema_version, envelope.payload),
    )


# The journal's columns as `entry_of_row` wants them; text straight from the server spares parsing.
JOURNAL_COLUMNS = """source, partition, position, event_id::text, type, schema_version, customer_id::text, subject::text, stream_id::text,
    to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as occurred_at,
    to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as recorded_at, payload"""


def entry_of_row(row: asyncpg.Record) -> Entry:
    """A row of the journal, selected by `JOURNAL_COLUMNS`, read. Raises as `payload_of`."""
    return Entry(
        row["source"],
        row["partition"],
        row["position"],
        row["event_id"],
        row["type"],
        row["customer_id"],
        row["subject"],
        row["stream_id"],
        row["occurred_at"],
        row["recorded_at"],
        payload_of(row["type"], row["schema_version"], row["payload"].encode()),
    )
