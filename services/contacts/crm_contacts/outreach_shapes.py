"""What may a client say of a message to a customer, and what is it shown?"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal
from uuid import UUID

from crm_chassis.body import Instant, Resource, Told
from crm_events.event import Code
from crm_events.language.consent import ConsentPurpose
from crm_events.language.outreach import Group
from crm_events.language.words import Channel, Goal
from crm_events.store.loading import Loaded
from pydantic import model_validator

from crm_contacts.bodies import ConsentQuestion, Language
from crm_contacts.consents import ANY
from crm_contacts.outreach import COPIED, Outreach
from crm_contacts.sending import CONSENTS, Sending


class OutreachBody(Told):
    """One message of a campaign. `identifier_id`: the contact point, else the first the customer allows. `group` control: held back on purpose, to compare."""

    campaign_id: UUID
    channel: Channel
    purpose: ConsentPurpose
    goal: Goal
    template: Code
    group: Group = "treatment"
    id: UUID | None = None
    segment: Code | None = None
    offer_id: UUID | None = None
    conversation_id: UUID | None = None
    identifier_id: UUID | None = None
    language: Language | None = None


class ResultBody(Told):
    """What came of it. `responded` says in which `kind`, and may name the interaction; `bounced` may say a `reason`."""

    result: Literal["delivered", "opened", "clicked", "responded", "bounced"]
    kind: Code | None = None
    interaction_id: UUID | None = None
    reason: Code | None = None

    @model_validator(mode="after")
    def _fits(self) -> "ResultBody":
        if (self.kind is not None) != (self.result == "responded") or (self.interaction_id and self.result != "responded"):
            raise ValueError("An answer of the customer, and nothing else, has a kind and may name its interaction.")
        return self


class ResultAnswer(Resource):
    """One thing that came of it."""

    result: str
    occurred_at: Instant
    kind: str | None
    interaction_id: UUID | None
    reason: str | None


class OutreachAnswer(Resource):
    """`suppressed`: why it must not be sent, null where it was. The decision is that of `consents/check`, asked at `occurred_at`."""

    id: UUID
    version: int
    customer_id: UUID
    campaign_id: UUID
    channel: str
    segment: str | None
    purpose: str
    goal: str
    template: str
    group: str
    offer_id: UUID | None
    conversation_id: UUID | None
    identifier_id: UUID | None
    language: str | None
    consent_decision: str
    decision_id: UUID
    decided_by: list[UUID]
    preference: str
    suppressed: str | None
    results: list[ResultAnswer]
    occurred_at: Instant
    recorded_at: Instant


class OutreachPage(Resource):
    """Newest first."""

    items: list[OutreachAnswer]
    next: str | None


def outreach_answer(loaded: Loaded[Outreach]) -> OutreachAnswer:
    """The message and what came of it."""
    state = loaded.state
    results = [
        ResultAnswer(result=each.result, occurred_at=each.at, kind=each.kind, interaction_id=each.interaction_id, reason=each.reason) for each in state.results
    ]
    return OutreachAnswer.model_validate(
        {
            "id": loaded.stream_id,
            "version": loaded.version,
            "customer_id": loaded.customer_id,
            "suppressed": state.suppressed,
            "results": results,
            "occurred_at": state.at,
            "recorded_at": loaded.recorded_at,
        }
        | {name: getattr(state, name) for name in COPIED}
    )


def question(contact_id: UUID, sending: Sending, at: datetime) -> Callable[[UUID | None], str]:
    """The question as `consents/check` would be asked it, by contact point: asked again, it is answered with the same decision id."""

    def words(identifier_id: UUID | None) -> str:
        asked = {"customer_id": contact_id, "purpose": sending.purpose, "channel": CONSENTS.get(sending.channel, ANY), "identifier_id": identifier_id, "at": at}
        return ConsentQuestion.model_validate(asked).model_dump_json()

    return words
