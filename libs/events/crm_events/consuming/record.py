"""What did the broker hand over? A record of one of our stores, its chain read at once and the rest on demand, or something foreign."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


class Fetched(Protocol):
    """The part of aiokafka's ConsumerRecord that is read."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """One event as it came. Position and previous are its place in its source's chain on this partition.

    The properties parse when asked (a projector copies most header bytes as they are) and raise ValueError or KeyError when a header is malformed.
    """

    source: str
    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds, the broker's clock: when it was appended to the log
    position: int
    previous: int
    headers: dict[str, bytes]
    value: bytes

    @property
    def type(self) -> str:
        return self.headers["ce_type"].decode()

    @property
    def schema_version(self) -> int:
        return int(self.headers["ce_dataschema"].rpartition(b"/")[2])

    @property
    def key(self) -> UUID:
        """The customer id; the stream id where the event is about no customer."""
        return UUID(self.headers["ce_partitionkey"].decode())

    @property
    def subject(self) -> UUID | None:
        """The customer id, None where the event is about no customer."""
        text = self.headers.get("ce_subject")
        return None if text is None else UUID(text.decode())

    @property
    def stream_id(self) -> UUID:
        return UUID(self.headers["ce_streamid"].decode())

    @property
    def version(self) -> int:
        return int(self.headers["ce_sequence"])

    @property
    def event_id(self) -> UUID:
        return UUID(self.headers["ce_id"].decode())

    @property
    def occurred_at(self) -> datetime:
        return datetime.fromisoformat(self.headers["ce_time"].decode())

    @property
    def recorded_at(self) -> datetime:
        return datetime.fromisoformat(self.headers["ce_recordedtime"].decode())


@dataclass(frozen=True, slots=True)
class Alien:
    """A record without our chain, or of another source than the topic's. It is put aside and does not move the chain."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def recognise(fetched: Fetched | Any, source: str) -> Record | Alien:
    """A Record if it names its place in the chain of `source`, else an Alien."""
    headers = dict(fetched.headers)
    try:
        position, previous = int(headers["ce_position"]), int(headers["ce_previous"])
        if fetched.value is None or headers["ce_source"] != b"/" + source.encode() or not 0 <= previous < position:
            raise ValueError("not of this chain")
    except (KeyError, ValueError, TypeError):
        return Alien(fetched.topic, fetched.partition, fetched.offset, fetched.timestamp, fetched.key, fetched.value, tuple(fetched.headers))
    return Record(source, fetched.topic, fetched.partition, fetched.offset, fetched.timestamp, position, previous, headers, fetched.value)
