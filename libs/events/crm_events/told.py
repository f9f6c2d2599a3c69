"""What does a subscriber get to see of one event? Typed where this release knows its type, and as it came in any case."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import orjson

from crm_events.consuming.record import Record
from crm_events.event import Event
from crm_events.registry import REGISTRY, UnknownType, Unreadable, read


@dataclass(frozen=True, slots=True)
class Told:
    """One event. `event` is None where this release cannot read it, `trouble` says why; sealed fields are strings `s1.…`. `live`: it is no replay any more."""

    record: Record
    event: Event | None
    trouble: str | None
    live: bool

    @classmethod
    def of(cls, record: Record, *, live: bool) -> Self:
        """The record, read as far as this release can."""
        try:
            return cls(record, read(record.type, record.schema_version, record.value), None, live)
        except (UnknownType, Unreadable, KeyError, ValueError) as error:
            return cls(record, None, f"{type(error).__name__}: {error}", live)

    @property
    def id(self) -> UUID:
        return self.record.event_id

    @property
    def type(self) -> str:
        return self.record.type

    @property
    def customer_id(self) -> UUID | None:
        """None where the event is about no customer."""
        return self.record.subject

    @property
    def occurred_at(self) -> datetime:
        return self.record.occurred_at

    @property
    def data(self) -> Mapping[str, Any]:
        """The payload as it was written, whatever this release knows of it. ValueError where it is no JSON."""
        told: Mapping[str, Any] = orjson.loads(self.record.value)
        return told

    @property
    def sealed(self) -> frozenset[str]:
        """The fields that are personal: they open for nobody but reporting's `GET /v1/events`."""
        kind = REGISTRY.get(self.type)
        return kind.personal if kind else frozenset()
