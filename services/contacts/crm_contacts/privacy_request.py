"""How far is a request of a customer about their own data? One stream a request: who has obeyed it, and the certificate once all have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from crm_events.deciding import Aggregate, Fact
from crm_events.language.privacy import (
    PrivacyAccessRequested,
    PrivacyAcknowledged,
    PrivacyCertified,
    PrivacyExported,
    PrivacyRefused,
    PrivacyRequestEvent,
)
from crm_events.refusals import AlreadyExists, NotFound, Rejected

SERVICES = ("contacts", "tickets", "loyalty", "reporting")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """`service` has obeyed for one id of the customer, and says what it looked through."""

    service: str
    member_id: UUID
    at: datetime
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was proved, and when. `signature` is over all of it, see certificate.py."""

    member_ids: tuple[UUID, ...]
    acknowledged_by: tuple[str, ...]
    counts: Mapping[str, int]
    scan: str
    signature: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class PrivacyRequest:
    """An erasure as its acknowledgements tell of it, empty until the first; or the wish to see what is known, from when it was told."""

    asked_at: datetime | None = None
    exported_at: datetime | None = None
    refused_at: datetime | None = None
    reason: str | None = None
    acknowledged: tuple[Acknowledgement, ...] = ()
    certificate: Certificate | None = None

    def lacks(self, members: Iterable[UUID], services: Iterable[str]) -> list[tuple[str, UUID]]:
        """Who has not obeyed yet, and for which id."""
        there = {(each.service, each.member_id) for each in self.acknowledged}
        return [(service, member) for service in services for member in members if (service, member) not in there]


def evolve(request: PrivacyRequest, fact: Fact[PrivacyRequestEvent]) -> PrivacyRequest:
    """The request after one more event."""
    event, at = fact.event, fact.occurred_at
    match event:
        case PrivacyAccessRequested():
            return replace(request, asked_at=at)
        case PrivacyExported():
            return replace(request, exported_at=at)
        case PrivacyRefused():
            return replace(request, refused_at=at, reason=event.reason)
        case PrivacyAcknowledged():
            return replace(request, acknowledged=(*request.acknowledged, Acknowledgement(event.service, event.member_id, at, event.counts)))
        case PrivacyCertified():
            return replace(request, certificate=Certificate(event.member_ids, event.acknowledged_by, event.counts, event.scan, event.signature, at))
        case _:
            assert_never(event)


def acknowledge(request: PrivacyRequest, *, request_id: UUID, service: str, members: Iterable[UUID], counts: Mapping[str, int]) -> list[PrivacyRequestEvent]:
    """One event for each id it was not said of yet."""
    lacking = [member for _, member in request.lacks(members, [service])]
    return [PrivacyAcknowledged(request_id=request_id, member_id=member, service=service, counts=dict(counts)) for member in lacking]


def ask(request: PrivacyRequest, *, request_id: UUID) -> list[PrivacyRequestEvent]:
    """They ask what is known of them. AlreadyExists, if the id given is another request's."""
    if request != PrivacyRequest():
        raise AlreadyExists("A request of this id is there already.", request_id)
    return [PrivacyAccessRequested(request_id=request_id)]


def answer(request: PrivacyRequest, *, request_id: UUID) -> list[PrivacyRequestEvent]:
    """They were given it. Nothing new where that was told, or the request was refused, or nobody asked."""
    open_ = request.asked_at and not (request.exported_at or request.refused_at)
    return [PrivacyExported(request_id=request_id)] if open_ else []


def refuse(request: PrivacyRequest, *, request_id: UUID, reason: str) -> list[PrivacyRequestEvent]:
    """They are not given it. Rejected where they were; said again for the same reason, it is nothing new."""
    if request.asked_at is None:
        raise NotFound("There is no export of this id.")
    if request.exported_at:
        raise Rejected("already-answered", "They were given what is known of them.")
    if request.refused_at and request.reason != reason:
        raise Rejected("already-refused", "It was refused for another reason.")
    return [] if request.refused_at else [PrivacyRefused(request_id=request_id, reason=reason)]


def _columns(request: PrivacyRequest) -> dict[str, int]:
    """Since when somebody waits: for the answer, or for those who have not obeyed yet."""
    done = request.certificate or request.exported_at or request.refused_at
    begun = request.asked_at or min((each.at for each in request.acknowledged), default=None)
    return {} if done or begun is None else {"waiting_since": int(begun.timestamp() * 1000)}


PRIVACY_REQUESTS: Aggregate[PrivacyRequest, PrivacyRequestEvent] = Aggregate("privacy_request", PrivacyRequest, evolve, columns=_columns)
