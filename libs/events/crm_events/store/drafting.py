"""What will a stream look like after this command? The advanced and decided events, sealed first and only then evolved."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from crm_events.command import Command
from crm_events.deciding import At, Claim, Fact, Happened
from crm_events.envelope import Envelope
from crm_events.event import MAX_PAYLOAD_BYTES, Event
from crm_events.refusals import AlreadyExists, TooLarge
from crm_events.registry import REGISTRY
from crm_events.sealing import seal
from crm_events.store.append import NewEvent
from crm_events.store.loading import Fold, Loaded, moments
from crm_events.topics import partition_of
from crm_events.vault import Key


@dataclass(frozen=True, slots=True)
class Draft:
    """One stream during a command: as loaded, its new facts, and the state after them."""

    fold: Fold[Any]
    before: Loaded[Any]
    state: Any
    facts: tuple[Fact[Any], ...]
    claims: tuple[Claim, ...] = ()

    @property
    def version(self) -> int:
        """The stream's version after this command."""
        return self.before.version + len(self.facts)

    @property
    def partition(self) -> int:
        """Where the stream's events go in its topic."""
        return partition_of(self.before.customer_id)

    def unmoved(self) -> "Draft":
        """Check-only: what time alone would have written is left to the timer."""
        return Draft(self.fold, self.before, self.before.state, ())

    def sealed(self, decided: Iterable[Happened[Any]], keys: Mapping[UUID, Key], shown: Any, at: datetime) -> "Draft":
        """The same with what the rule decided, sealed and folded; its claims, asked with the plain event and the state before it."""
        aggregate, facts, state, claims = self.fold.aggregate, list(self.facts), self.state, list[Claim]()
        for event, moment in moments(decided, at):
            event_id = uuid7()
            claims += [self._placed(claim) for claim in aggregate.claims(shown, event)]
            fact = Fact(_seal(event, event_id, keys.get(self.before.customer_id)), event_id, moment)
            state = aggregate.evolve(state, fact)
            facts.append(fact)
        return Draft(self.fold, self.before, state, tuple(facts), tuple(claims))

    def _placed(self, claim: Claim) -> Claim:
        match claim.within:
            case "service":
                return claim
            case "customer":
                return replace(claim, scope=f"{claim.scope}:{self.before.customer_id}")
            case "stream":
                return replace(claim, scope=f"{claim.scope}:{self.before.stream_id}")

    def shown(self, now: datetime, recorded_at: datetime | None = None, position: int = 0) -> Loaded[Any]:
        """The stream for an answer, as of now; when and where its last event was stored, if this command stored any."""
        before, version = self.before, self.version
        state = self.fold.advanced(self.state, now) if version else self.state
        if not self.facts:
            recorded_at, position = before.recorded_at, before.position
        return Loaded(before.stream_id, state, version, before.customer_id, recorded_at, position, before.occupied)


def holds_personal(decided: Iterable[Happened[Any]]) -> bool:
    """Does any of these events carry personal text?"""
    return any(_personal(item.event if isinstance(item, At) else item) for item in decided)


def draft(fold: Fold[Any], part: Loaded[Any], at: datetime) -> Draft:
    """The stream advanced to `at`: what time alone has made true by then comes before what the rule decides."""
    if not part.version:
        return Draft(fold, part, part.state, ())
    facts = tuple(Fact(event, uuid7(), moment) for event, moment in moments(fold.aggregate.advance(part.state, at), at))
    return Draft(fold, part, fold.evolve(part.state, facts), facts)


def _personal(event: Event) -> list[str]:
    return [name for name in REGISTRY[event.type].personal if isinstance(getattr(event, name), str)]


def _seal(event: Event, event_id: UUID, key: Key | None) -> Event:
    names = _personal(event)
    if not names:
        return event
    if key is None:
        raise AssertionError("personal text without its customer's key")
    return event.model_copy(update={name: seal(getattr(event, name), key_id=key.id, key=key.cipher, event_id=event_id, field=name) for name in names})


def metadata(command_id: UUID, told: Command | Envelope) -> str:
    """The JSON text of an event's column `metadata`: who did it by which command, and what led to it."""
    found = {"command_id": str(command_id), "actor": told.actor}
    if told.correlation_id:
        found["correlation_id"] = told.correlation_id
    if told.causation_id:
        found["causation_id"] = str(told.causation_id)
    if told.traceparent:
        found["traceparent"] = told.traceparent
    return orjson.dumps(found).decode()


def stored_events(each: Draft, command: Command) -> list[NewEvent]:
    """The draft's facts as rows. TooLarge if one exceeds 256 KiB."""
    text, rows = metadata(command.id, command), []
    for version, fact in enumerate(each.facts, each.before.version + 1):
        payload = fact.event.payload()
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise TooLarge("One event holds at most 256 KiB. Send a shorter text.")
        rows.append(
            NewEvent(
                each.before.stream_id, version, fact.event_id, fact.event.type, fact.event.schema_version, each.before.customer_id,
                each.partition, fact.occurred_at, payload.decode(), text,
            )
        )  # fmt: skip
    return rows


def refuse_shared(streams: Collection[tuple[str, UUID]]) -> None:
    """Raise AlreadyExists where one command would have one id for two kinds of thing. `streams`: kind and id of each."""
    for stream_id, kinds in Counter(stream_id for _, stream_id in streams).items():
        if kinds > 1:
            raise AlreadyExists("This id is in use for something else. Choose another.", stream_id)
