"""How does an event look when it is sent over HTTP? The CloudEvent that is on the topic, in structured mode: sealed fields stay sealed."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson
from crm_events.registry import REGISTRY, UnknownType, Unreadable
from crm_events.sealing import is_sealed

from crm_reporting.entry import JOURNAL_COLUMNS, payload_of

MEDIA_TYPE = "application/cloudevents+json"
COLUMNS = f"id, version, command_id::text, actor, correlation_id, causation_id::text, traceparent, {JOURNAL_COLUMNS}"  # of the journal: what `body` needs
_ROWS = f"select {COLUMNS} from journal where id = any($1::bigint[])"


async def events(connection: "asyncpg.Pool", ids: list[int]) -> Mapping[int, asyncpg.Record]:
    """Rows of the journal, by id; one that is not there is left out."""
    return {row["id"]: row for row in await connection.fetch(_ROWS, ids)}


def withheld(row: asyncpg.Record | None) -> str | None:
    """Why this event must not leave the house: what cannot be read may hold anything in clear. None = it may."""
    if row is None:
        return "it is not in the journal any more"
    try:
        payload = payload_of(row["type"], row["schema_version"], row["payload"].encode())
    except UnknownType:
        return "this release does not know its type"
    except Unreadable:
        return "its payload does not fit its schema"
    told = (payload.get(name) for name in REGISTRY[row["type"]].personal)
    return None if all(_closed(value) for value in told) else "a personal field is not sealed"


def _closed(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_closed, value))
    return value is None or (isinstance(value, str) and is_sealed(value))


def body(row: asyncpg.Record, schema_base_url: str) -> bytes:
    """The CloudEvent: attributes named as the topic's headers without `ce_`, those an event does not have left out, `data` byte for byte the topic's value."""
    return orjson.dumps(cloud_event(row, schema_base_url))


def cloud_event(row: asyncpg.Record, schema_base_url: str) -> dict[str, Any]:
    """The same, not yet JSON; `data` is."""
    told = {
        "specversion": "1.0",
        "id": row["event_id"],
        "source": f"/{row['source']}",
        "type": row["type"],
        "time": row["occurred_at"],
        "subject": row["subject"],
        "datacontenttype": "application/json",
        "dataschema": f"{schema_base_url}/schemas/{row['type']}/{row['schema_version']}",
        "recordedtime": row["recorded_at"],
        "partitionkey": row["customer_id"],
        "streamid": row["stream_id"],
        "sequence": str(row["version"]),
        "position": str(row["position"]),
        "commandid": row["command_id"],
        "actor": row["actor"],
        "correlationid": row["correlation_id"],
        "causationid": row["causation_id"],
        "traceparent": row["traceparent"],
        "data": orjson.Fragment(row["payload"]),
    }
    return {name: value for name, value in told.items() if value is not None}
