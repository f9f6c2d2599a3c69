"""How do tests of reporting tell events? As records of the four topics, chained as a relay would chain them."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from crm_events.codec import headers
from crm_events.consuming.record import Record, recognise
from crm_events.envelope import Envelope
from crm_events.event import Event
from crm_events.registry import REGISTRY
from crm_events.topics import SOURCES, partition_of
from crm_reporting.entry import Entry
from crm_reporting.heard import heard_record

START = datetime(2026, 1, 1, 9, tzinfo=UTC)


@dataclass
class Fetched:
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


@dataclass
class Teller:
    """The four stores' and relays' part: positions, chains, offsets. Every event is recorded a second after the one before."""

    positions: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    previous: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    offsets: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    versions: dict[uuid.UUID, int] = field(default_factory=lambda: defaultdict(int))
    told: list[Record] = field(default_factory=list)

    def tell(self, event: Event, customer: uuid.UUID | None = None, *, stream: uuid.UUID | None = None, at: datetime | None = None) -> Record:
        """One event of a customer (or, without one, of its stream), told by the service that owns its type."""
        return self.record(event.type, event.payload(), customer, stream=stream, at=at, source=REGISTRY[event.type].owner, schema_version=event.schema_version)

    def record(
        self,
        type_: str,
        payload: bytes,
        customer: uuid.UUID | None,
        *,
        source: str,
        stream: uuid.UUID | None = None,
        at: datetime | None = None,
        schema_version: int = 1,
    ) -> Record:
        """The same from raw bytes: events that no model would let through."""
        stream = stream or customer or uuid.uuid4()
        key = customer or stream
        partition = partition_of(key)
        where = (source, partition)
        self.positions[source] += 1
        self.versions[stream] += 1
        position = self.positions[source]
        recorded_at = START + timedelta(seconds=position)
        envelope = Envelope(
            source=source,
            position=position,
            partition=partition,
            stream_id=stream,
            version=self.versions[stream],
            event_id=uuid.uuid4(),
            type=type_,
            schema_version=schema_version,
            key=key,
            subject=customer,
            occurred_at=at or recorded_at,
            recorded_at=recorded_at,
            payload=payload,
            command_id=uuid.uuid4(),
            actor="agent:7",
            previous=self.previous[where],
        )
        fetched = Fetched(SOURCES[source], partition, self.offsets[where], 0, str(key).encode(), payload, headers(envelope, "http://reporting.test"))
        self.previous[where], self.offsets[where] = position, self.offsets[where] + 1
        record = recognise(fetched, source)
        assert isinstance(record, Record)
        self.told.append(record)
        return record


def entries(records: Iterable[Record]) -> list[Entry]:
    """What folds and facts see of them."""
    found = [heard_record(record).entry for record in records]
    assert all(found)
    return [entry for entry in found if entry]


def told(event: Event, customer: uuid.UUID | None = None, **fields: Any) -> Entry:
    """One event alone."""
    return entries([Teller().tell(event, customer, **fields)])[0]
