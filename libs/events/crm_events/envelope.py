"""What travels with an event? The same facts in the store's columns and in Kafka's headers."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Envelope:
    """One stored event. `payload` is the JSON text exactly as stored and sent; personal fields in it are sealed.

    `key` is the customer id, or the stream id where the event is about no customer (then `subject` is None).
    `position` is gapless within `source`; `previous` is the position of this source's event before it on the same partition, 0 = none (None before relaying).
    """

    source: str
    position: int
    partition: int
    stream_id: UUID
    version: int
    event_id: UUID
    type: str
    schema_version: int
    key: UUID
    subject: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    payload: bytes
    command_id: UUID
    actor: str
    correlation_id: str | None = None
    causation_id: UUID | None = None
    traceparent: str | None = None
    previous: int | None = None
