"""What may a client say of a referral, and what is it shown?"""

from typing import Annotated
from uuid import UUID

from crm_chassis.body import Instant, Resource, Told
from crm_events.event import Code
from crm_events.store.loading import Loaded
from pydantic import Field

from crm_loyalty.referral import Referral


class InvitationBody(Told):
    """A customer invites somebody. `invitee`: an e-mail address or a telephone number; without one, the referral's id is handed on by other means."""

    id: UUID | None = None
    customer_id: UUID
    programme: Code
    invitee: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    channel: Code | None = None


class RegistrationBody(Told):
    """Who was invited is this customer."""

    customer_id: UUID


class ReferralAnswer(Resource):
    """A referral. `customer_id`: who invited; `state`: invited, registered, converted, rewarded or rejected; `rule`: why it was rejected."""

    id: UUID
    version: int
    customer_id: UUID
    programme: str | None
    invitee: str | None
    channel: str | None
    state: str
    other_id: UUID | None
    registered_at: Instant | None
    transaction_id: UUID | None
    converted_at: Instant | None
    reward_id: UUID | None
    rewarded_at: Instant | None
    rule: str | None
    rejected_at: Instant | None
    occurred_at: Instant | None
    recorded_at: Instant | None
    redacted: list[str]


def referral_answer(part: Loaded[Referral]) -> ReferralAnswer:
    """A referral that is there."""
    names = ("programme", "invitee", "channel", "state", "other_id", "registered_at", "transaction_id", "converted_at", "reward_id", "rewarded_at")
    told = {name: getattr(part.state, name) for name in (*names, "rule", "rejected_at")}
    heads = {"id": part.stream_id, "version": part.version, "customer_id": part.customer_id}
    return ReferralAnswer.model_validate(heads | told | {"occurred_at": part.state.invited_at, "recorded_at": part.recorded_at, "redacted": []})
