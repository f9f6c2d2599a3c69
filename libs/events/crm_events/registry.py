"""Which events are there, and how is one that was written years ago read today?

A payload of an older `schema_version` is lifted one version at a time by pure functions on its JSON object, then read as the newest model.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias, get_args

import orjson
from pydantic import ValidationError

from crm_events.event import Event, personal_fields
from crm_events.language.contacts import ContactEvent, InteractionEvent, RedactionEvent, RelationshipEvent
from crm_events.language.entitlement import EntitlementEvent
from crm_events.language.improvement import FeedbackEvent, IdeaEvent
from crm_events.language.invoice import InvoiceEvent
from crm_events.language.loyalty import MemberEvent, TransactionEvent
from crm_events.language.matching import MatchEvent
from crm_events.language.offer import OfferEvent, OfferTargetEvent
from crm_events.language.outreach import OutreachEvent
from crm_events.language.price import PriceEvent
from crm_events.language.privacy import LoyaltyErasureObeyed, PrivacyRequestEvent, ReportingErasureObeyed, ReportingExportDelivered, TicketsErasureObeyed
from crm_events.language.procedure import MacroEvent, ProcedureEvent
from crm_events.language.programme import ProgrammeEvent
from crm_events.language.reference import CostRateEvent, TargetEvent
from crm_events.language.referral import ReferralEvent
from crm_events.language.reward import RewardEvent
from crm_events.language.selling import OpportunityEvent, SalesEffortEvent
from crm_events.language.service_work import FollowupEvent, WorkEvent
from crm_events.language.sla import CalendarEvent, SlaPolicyEvent
from crm_events.language.surveys import SurveyEvent
from crm_events.language.tickets import TicketEvent
from crm_events.topics import SOURCES

Upcaster: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]  # the payload at version n -> at version n + 1


class UnknownType(Exception):
    """This build does not know the type, or not yet this version of it; a newer build will."""


class Unreadable(Exception):
    """The payload does not fit its own schema: whoever wrote it broke the contract. The message names fields, never values."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of event: its newest model, the service that alone appends it, its topic, its sealed fields."""

    model: type[Event]
    owner: str
    upcasters: Mapping[int, Upcaster] = field(default_factory=dict)
    type: str = field(init=False)
    schema_version: int = field(init=False)
    topic: str = field(init=False)
    personal: frozenset[str] = field(init=False)
    keyed_by_stream: bool = field(init=False)

    def __post_init__(self) -> None:
        if set(self.upcasters) != set(range(1, self.model.schema_version)):
            raise ValueError(f"{self.model.type} is at version {self.model.schema_version}: it needs an upcaster from each version before it.")
        told = {name: getattr(self.model, name) for name in ("type", "schema_version", "keyed_by_stream")}
        for name, value in (told | {"topic": SOURCES[self.owner], "personal": personal_fields(self.model)}).items():
            object.__setattr__(self, name, value)


_OWNED: Mapping[str, tuple[Any, ...]] = {
    "contacts": (
        ContactEvent, InteractionEvent, RelationshipEvent, RedactionEvent, OutreachEvent, OpportunityEvent, SalesEffortEvent, MatchEvent, SurveyEvent,
        PrivacyRequestEvent,
    ),
    "tickets": (
        TicketEvent, WorkEvent, FollowupEvent, FeedbackEvent, IdeaEvent, SlaPolicyEvent, CalendarEvent, ProcedureEvent, MacroEvent, TicketsErasureObeyed,
    ),
    "loyalty": (
        MemberEvent, TransactionEvent, ProgrammeEvent, EntitlementEvent, InvoiceEvent, OfferEvent, OfferTargetEvent, RewardEvent, PriceEvent,
        ReferralEvent, LoyaltyErasureObeyed,
    ),
    "reporting": (CostRateEvent, TargetEvent, ReportingErasureObeyed, ReportingExportDelivered),
}  # fmt: skip
_UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}  # (type, from version); none yet: every type is at version 1


def _kinds() -> Iterator[Kind]:
    for owner, streams in _OWNED.items():
        for events in streams:
            for model in get_args(events) or (events,):
                yield Kind(model, owner, {version: lift for (type_, version), lift in _UPCASTERS.items() if type_ == model.type})


REGISTRY: Mapping[str, Kind] = MappingProxyType({kind.type: kind for kind in _kinds()})


def read(type_: str, schema_version: int, payload: bytes, registry: Mapping[str, Kind] = REGISTRY) -> Event:
    """The event in a stored payload, sealed text left sealed. Raises UnknownType, Unreadable."""
    kind = registry.get(type_)
    if kind is None or schema_version > kind.schema_version:
        raise UnknownType(f"{type_}/{schema_version}")
    if schema_version < kind.schema_version:
        payload = _lifted(kind, schema_version, payload)
    try:
        return kind.model.model_validate_json(payload)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, problem["loc"])) + " " + problem["type"] for problem in error.errors(include_url=False, include_input=False))
        raise Unreadable(f"{type_}/{schema_version}: {places}") from None


def _lifted(kind: Kind, version: int, payload: bytes) -> bytes:
    try:
        told = orjson.loads(payload)
        while version < kind.schema_version:
            told, version = kind.upcasters[version](told), version + 1
        return orjson.dumps(told)
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Unreadable(f"{kind.type}/{version}: {type(error).__name__} on the way to version {version + 1}") from None
