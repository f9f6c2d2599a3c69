"""Is the language what was agreed: every type, its stream, its personal fields, its JSON?"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from crm_events.event import Event, Personal
from crm_events.language.consent import ConsentGranted, PreferenceTimeWindowSet, TimeWindow
from crm_events.language.contacts import (
    ContactDetailsChanged,
    ContactEvent,
    ContactRegistered,
    InteractionEvent,
    NeedRecorded,
    RedactionEvent,
    RelationshipEvent,
)
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
from crm_events.language.tickets import TicketAssigned, TicketCategorised, TicketEvent
from crm_events.registry import REGISTRY, read
from pydantic import BaseModel, ValidationError

STREAMS: dict[str, Any] = {
    "contact": ContactEvent,
    "interaction": InteractionEvent,
    "relationship": RelationshipEvent,
    "redaction": RedactionEvent,
    "outreach": OutreachEvent,
    "privacy_request": PrivacyRequestEvent,
    "erasure": TicketsErasureObeyed | LoyaltyErasureObeyed | ReportingErasureObeyed,
    "export": ReportingExportDelivered,
    "opportunity": OpportunityEvent,
    "effort": SalesEffortEvent,
    "match": MatchEvent,
    "survey": SurveyEvent,
    "ticket": TicketEvent,
    "work": WorkEvent,
    "followup": FollowupEvent,
    "feedback": FeedbackEvent,
    "idea": IdeaEvent,
    "sla_policy": SlaPolicyEvent,
    "calendar": CalendarEvent,
    "procedure": ProcedureEvent,
    "macro": MacroEvent,
    "programme": ProgrammeEvent,
    "member": MemberEvent,
    "transaction": TransactionEvent,
    "entitlement": EntitlementEvent,
    "invoice": InvoiceEvent,
    "offer": OfferEvent,
    "offer_target": OfferTargetEvent,
    "reward": RewardEvent,
    "referral": ReferralEvent,
    "price_list": PriceEvent,
    "cost_rate": CostRateEvent,
    "target": TargetEvent,
}
ID = "0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d11"
SEALED = f"s1.{ID}.{ID}.text.AAAA"
AT = "2026-03-01T12:00:00.000Z"
# As the wire format shows them, with each … written out.
SHOWN = {
    "contact.registered": {
        "kind": "person", "name": SEALED, "type": "external_potential", "roles": ["buyer"],
        "language": "fa", "time_zone": "Asia/Tehran", "source": {"system": "web", "reference": "f-81"},
    },
    "interaction.recorded": {
        "interaction_id": ID, "channel": "phone", "direction": "inbound", "duration_seconds": 340,
        "agent_id": "agent-7", "outcome": "informed", "subject": SEALED, "conversation_id": ID,
    },
    "ticket.resolved": {
        "agent_id": "agent-7", "resolution": SEALED, "root_cause": "delivery_late", "kind": "complaint", "priority": "high", "attempt": 1, "opened_at": AT,
        "agent_replies": 2, "resolution_seconds": 93600, "resolution_business_seconds": 28800, "requester_wait_seconds": 61200,
        "requester_wait_business_seconds": 18000, "agent_work_seconds": 57600, "agent_work_business_seconds": 14400, "revision": 1,
    },
    "transaction.recorded": {
        "transaction_id": ID, "member_id": ID, "document": "A-1009", "channel": "web", "currency": "EUR",
        "lines": [{"line": 1, "sku": "CD", "category": "music", "quantity": 2, "list_price": 1499, "paid_price": 1399, "unit_cost": 900}],
    },
    "points.earned": {
        "lot_id": ID, "points": 28, "rule": {"programme": "club", "version": 3, "id": "base"}, "lines": [{"line": 1, "points": 28}],
        "trace": [{"rule": "base", "fired": True, "points": 28, "why": "matched"}], "activates_at": AT, "expires_at": AT,
        "debt_repaid": 0, "transaction_id": ID,
    },
}  # fmt: skip
PERSONAL = {
    "survey.answered": {"comment"},
    "contact.registered": {"name"},
    "contact.details_changed": {"name", "address", "birthday", "organisation_name"},
    "contact.identifier_added": {"value", "normalised"},
    "contact.merged": {"reason"},
    "contact.unmerged": {"reason"},
    "consent.granted": {"evidence"},
    "consent.denied": {"evidence"},
    "consent.withdrawn": {"evidence"},
    "interaction.recorded": {"subject", "text"},
    "note.added": {"text"},
    "ticket.opened": {"subject", "text"},
    "ticket.message_added": {"text"},
    "ticket.priority_set": {"reason"},
    "ticket.status_changed": {"reason"},
    "ticket.resolved": {"resolution"},
    "ticket.reopened": {"reason"},
    "ticket.csat_given": {"comment"},
    "feedback.captured": {"text"},
    "idea.proposed": {"title", "text"},
    "member.enrolled": {"card_number"},
    "entitlement.revoked": {"exception"},
    "tier.overridden": {"exception"},
    "referral.invited": {"invitee"},
}


def members(stream: str) -> tuple[type[Event], ...]:
    return get_args(STREAMS[stream]) or (STREAMS[stream],)


@pytest.mark.parametrize("type_", sorted(REGISTRY))
def test_a_class_is_named_after_its_type(type_: str) -> None:
    assert REGISTRY[type_].model.__name__ == "".join(word.capitalize() for word in type_.replace(".", "_").split("_"))


def written(model: type[Event] = Event) -> Iterator[type[Event]]:
    """Every class of the language that names a type."""
    for part in model.__subclasses__():
        if part.__module__.startswith("crm_events.language") and "type" in vars(part):
            yield part
        yield from written(part)


def test_every_event_belongs_to_exactly_one_stream_and_is_registered() -> None:
    told = [model for stream in STREAMS for model in members(stream)]
    assert sorted(model.__name__ for model in told) == sorted(model.__name__ for model in written())
    assert {kind.model for kind in REGISTRY.values()} == set(told)


def test_only_things_about_no_customer_are_keyed_by_their_stream() -> None:
    assert {kind.type for kind in REGISTRY.values() if kind.keyed_by_stream} == {
        "sla_policy.defined", "calendar.defined", "procedure.defined", "macro.defined", "programme.published", "cost_rate.set", "target.set",
        "offer.created", "price_change.announced", "reporting_erasure.obeyed", "reporting_export.delivered",
    }  # fmt: skip


def test_work_feedback_and_ideas_alone_may_be_about_nobody() -> None:
    told = {kind.type for kind in REGISTRY.values() if kind.model.may_be_about_nobody}
    assert told == {"work.logged", "feedback.captured", "feedback.acted_on", "idea.proposed", "idea.status_changed"}
    assert not any(REGISTRY[type_].keyed_by_stream for type_ in told)


def test_exactly_these_fields_are_sealed() -> None:
    assert {kind.type: set(kind.personal) for kind in REGISTRY.values() if kind.personal} == PERSONAL


def test_no_nested_value_is_personal_because_sealing_is_flat() -> None:
    def marks(thing: Any) -> bool:
        if isinstance(thing, type) and issubclass(thing, BaseModel):
            return any(isinstance(mark, Personal) or marks(mark) for field in thing.model_fields.values() for mark in (*field.metadata, field.annotation))
        inner = (*getattr(thing, "__metadata__", ()), *get_args(thing))
        return any(isinstance(part, Personal) or marks(part) for part in inner)

    for kind in REGISTRY.values():
        nested = [kind.model.model_fields[name].annotation for name in kind.model.model_fields.keys() - kind.personal]
        assert not any(marks(part) for part in nested), kind.type


@pytest.mark.parametrize("type_", SHOWN)
def test_what_the_wire_format_shows_is_read_and_written_alike(type_: str) -> None:
    told = json.dumps(SHOWN[type_])
    event = read(type_, 1, told.encode())
    assert event.type == type_
    assert json.loads(event.payload()) == SHOWN[type_]


def test_what_was_not_told_is_not_written() -> None:
    assert json.loads(TicketCategorised(category="delivery", previous=None).payload()) == {"category": "delivery"}
    assert json.loads(ContactRegistered(kind="person", contact_type="internal", roles=(), source=None).payload()) == {
        "kind": "person",
        "type": "internal",
        "roles": [],
    }


def test_what_was_cleared_is_written_as_null() -> None:
    assert json.loads(ContactDetailsChanged(language=None).payload()) == {"language": None}
    assert json.loads(TicketAssigned(agent_id=None, cause="manual").payload()) == {"agent_id": None, "cause": "manual"}


def test_a_time_window_is_written_with_from_and_to() -> None:
    event = PreferenceTimeWindowSet(time_windows=(TimeWindow(days=("sat",), starts="09:00", ends="24:00", time_zone="Asia/Tehran"),))
    assert json.loads(event.payload()) == {"time_windows": [{"days": ["sat"], "from": "09:00", "to": "24:00", "time_zone": "Asia/Tehran"}]}
    assert read("preference.time_window_set", 1, event.payload()) == event


def test_a_time_is_written_in_utc_to_the_millisecond() -> None:
    event = ConsentGranted.model_validate({"purpose": "service", "channel": "any", "text_version": "1", "effective_from": "2026-03-01T15:30:00.1239+03:30"})
    assert json.loads(event.payload())["effective_from"] == "2026-03-01T12:00:00.123Z"


def test_a_newer_writers_field_does_not_stop_an_older_reader() -> None:
    assert read("need.recorded", 1, json.dumps({"need_id": ID, "need": "speed", "mood": "hurried"}).encode()) == NeedRecorded.model_validate(
        {"need_id": ID, "need": "speed"}
    )


@pytest.mark.parametrize("code", ["", "x" * 121, "a\x00b", "s1.looks.like.sealed.text"])
def test_a_code_is_short_and_plain(code: str) -> None:
    with pytest.raises(ValidationError):
        TicketCategorised(category=code)


def test_an_event_cannot_be_changed() -> None:
    event = TicketCategorised(category="delivery")
    with pytest.raises(ValidationError):
        event.category = "billing"  # type: ignore[misc]


def test_the_documents_list_every_event_under_its_owner_and_stream() -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith(("| contacts", "| tickets", "| loyalty", "| reporting"))
    ]
    told = [(owner, *stream.partition(" ")[::2], type_) for owner, stream, types in rows for type_ in types.split(", ")]
    kinds = [(stream, REGISTRY[model.type]) for stream in STREAMS for model in members(stream)]
    marks = {kind.type: "⊘" if kind.keyed_by_stream else "(⊘)" if kind.model.may_be_about_nobody else "" for _, kind in kinds}
    assert sorted(told) == sorted((kind.owner, stream, marks[kind.type], kind.type) for stream, kind in kinds), "each once"
