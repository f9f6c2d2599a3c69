"""How does an event that a service stored reach a follower in a test, without a broker between them?"""

import json
import uuid
from typing import Any

from crm_events.consuming.record import Record
from crm_events.store.store import EventStore

_OF = "select event_id, payload from events where stream_id = $1 and type = $2 order by version"


def record(type_: str, *, stream: str, customer: str, data: Any = None, event_id: uuid.UUID | None = None) -> Record:
    """An event as it would come, with the headers a handler asks for."""
    head = {"ce_type": type_, "ce_streamid": stream, "ce_partitionkey": customer, "ce_id": str(event_id or uuid.uuid4())}
    return Record("s", "t", 0, 1, 0, 1, 0, {name: value.encode() for name, value in head.items()}, json.dumps(data or {}).encode())


async def stored(store: EventStore, type_: str, *, stream: str, customer: str) -> list[Record]:
    """The stream's events of this type, as they would come."""
    rows = await store.pool.fetch(_OF, uuid.UUID(stream), type_)
    return [record(type_, stream=stream, customer=customer, data=json.loads(row["payload"]), event_id=row["event_id"]) for row in rows]
