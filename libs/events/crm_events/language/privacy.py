"""What happens when a customer makes use of their rights over what is kept of them? Told without a word about the person: it is read when they are gone."""

from typing import ClassVar, TypeAlias
from uuid import UUID

from crm_events.event import Code, Event
from crm_events.language.words import Count


class PrivacyRestricted(Event):
    """From now on what is known of the contact is kept and not used; or, `restricted` false, it may be used again. The contact's stream."""

    type = "privacy.restricted"
    request_id: UUID
    restricted: bool


class PrivacyAccessRequested(Event):
    """The customer asks what is known of them. The request's stream."""

    type = "privacy.access_requested"
    request_id: UUID


class PrivacyExported(Event):
    """They were given everything that is known of them. The request's stream."""

    type = "privacy.exported"
    request_id: UUID


class PrivacyRefused(Event):
    """They were not, and why. The request's stream."""

    type = "privacy.refused"
    request_id: UUID
    reason: Code


class PrivacyAcknowledged(Event):
    """`service` has obeyed an erasure for one id of the customer, and says what it looked through; none of it can be opened. The request's stream."""

    type = "privacy.acknowledged"
    request_id: UUID
    member_id: UUID
    service: Code
    counts: dict[Code, Count]


class PrivacyCertified(Event):
    """Everybody who had to has obeyed: the certificate. `signature`: Ed25519 over the text shown in docs/erasure.md. The request's stream."""

    type = "privacy.certified"
    request_id: UUID
    member_ids: tuple[UUID, ...]
    acknowledged_by: tuple[Code, ...]
    counts: dict[Code, Count]  # of all services together
    scan: Code
    signature: str


class _Obeyed(Event):
    """What `privacy.erased` asks for is done in one service, for one id of the customer."""

    request_id: UUID
    member_id: UUID
    counts: dict[Code, Count]


class TicketsErasureObeyed(_Obeyed):
    """Tickets has forgotten this id of a customer: nothing of it can be opened, nothing finds them. A stream of its own."""

    type = "tickets_erasure.obeyed"


class LoyaltyErasureObeyed(_Obeyed):
    """Loyalty has forgotten this id of a customer: nothing of it can be opened, nothing finds them. A stream of its own."""

    type = "loyalty_erasure.obeyed"


class ReportingErasureObeyed(_Obeyed):
    """Reporting has forgotten this id of a customer: journal, view, index and feed tell nothing of them. About no customer by its key: `member_id` says who."""

    type = "reporting_erasure.obeyed"
    keyed_by_stream: ClassVar[bool] = True


class ReportingExportDelivered(Event):
    """All that is known of the customer `member_id` was handed out, to its end, for this request. About no customer by its key. A stream of its own."""

    type = "reporting_export.delivered"
    keyed_by_stream: ClassVar[bool] = True
    request_id: UUID
    member_id: UUID


PrivacyRequestEvent: TypeAlias = PrivacyAccessRequested | PrivacyExported | PrivacyRefused | PrivacyAcknowledged | PrivacyCertified
