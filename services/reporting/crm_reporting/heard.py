"""What arrived, and could it be read? From Kafka and from the journal alike; what cannot be read is kept with the reason."""

from datetime import datetime
from typing import NamedTuple

import asyncpg
from crm_events.consuming.record import Record
from crm_events.event import utc_text
from crm_events.registry import UnknownType, Unreadable

from crm_reporting.entry import Entry, entry_of_row, payload_of


class Heard(NamedTuple):
    """One event. `entry` is None where it cannot be read, `error` says why; `left_out` marks an event an operator took out of every fold."""

    source: str
    position: int
    customer_id: str
    subject: str | None
    event_id: str
    type: str
    entry: Entry | None
    error: str | None = None
    left_out: bool = False


# Rows for `heard_row`: the journal's, with whether an operator dropped the event.
LEFT_OUT = "exists (select from dropped x where x.source = j.source and x.position = j.position) as left_out"


def _canonical(moment: str) -> str:
    return moment if len(moment) == 24 and moment[-1] == "Z" else utc_text(datetime.fromisoformat(moment))


def heard_record(record: Record) -> Heard:
    """A record from the broker. Raises KeyError, ValueError for headers that are not ours: such a record cannot even be journalled."""
    headers = record.headers
    customer_id, event_id, event_type = headers["ce_partitionkey"].decode(), headers["ce_id"].decode(), headers["ce_type"].decode()
    subject = headers["ce_subject"].decode() if "ce_subject" in headers else None
    occurred_at, recorded_at = _canonical(headers["ce_time"].decode()), _canonical(headers["ce_recordedtime"].decode())
    try:
        payload = payload_of(event_type, record.schema_version, record.value)
    except (UnknownType, Unreadable) as error:
        return Heard(record.source, record.position, customer_id, subject, event_id, event_type, None, f"{type(error).__name__}: {error}")
    stream_id = headers["ce_streamid"].decode()
    entry = Entry(record.source, record.partition, record.position, event_id, event_type, customer_id, subject, stream_id, occurred_at, recorded_at, payload)
    return Heard(record.source, record.position, customer_id, subject, event_id, event_type, entry)


def heard_row(row: asyncpg.Record) -> Heard:
    """A row of the journal, selected by `entry.JOURNAL_COLUMNS` and `LEFT_OUT`."""
    told = (row["source"], row["position"], row["customer_id"], row["subject"], row["event_id"], row["type"])
    try:
        return Heard(*told, entry_of_row(row), None, row["left_out"])
    except (UnknownType, Unreadable) as error:
        return Heard(*told, None, f"{type(error).__name__}: {error}", row["left_out"])
