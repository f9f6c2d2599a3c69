"""How far is a request of a customer about their own data? One stream a request: who has obeyed it, and the certificate once all have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from crm_events.deciding import Aggregate, Fact
from crm_events.language.privacy import PrivacyAcknowledged, PrivacyCertified, PrivacyRequestEvent

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
    """An erasure as its acknowledgements tell of it; empty until the first."""

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


def _columns(request: PrivacyRequest) -> dict[str, str]:
    return {} if request.certificate else {"uncertified": "true"}


PRIVACY_REQUESTS: Aggregate[PrivacyRequest, PrivacyRequestEvent] = Aggregate("privacy_request", PrivacyRequest, evolve, columns=_columns)
