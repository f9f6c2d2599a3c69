"""What can happen to one message of ours to a customer: sent or held back, and what came of it?"""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant
from crm_events.language.consent import ConsentPurpose
from crm_events.language.words import Channel, Goal, Maybe, Ordinal

Group: TypeAlias = Literal["treatment", "control"]
Preferred: TypeAlias = Literal["none", "followed", "not_followed"]
Held: TypeAlias = Literal["no_consent", "frequency_cap", "no_address", "duplicate"]


class OutreachTold(Event):
    """What every event of one message repeats, so that it can be counted by itself."""

    outreach_id: UUID
    campaign_id: UUID
    channel: Channel
    segment: Maybe[Code] = None


class OutreachDecided(OutreachTold):
    """Why it was sent or not: the decision of `consents/check` with its id, the events that decided it, and the contact point it was asked for."""

    purpose: ConsentPurpose
    goal: Goal
    template: Code
    group: Group
    offer_id: Maybe[UUID] = None
    conversation_id: Maybe[UUID] = None
    identifier_id: Maybe[UUID] = None
    language: Maybe[Code] = None
    consent_decision: Literal["allow", "deny"]
    decision_id: UUID
    decided_by: tuple[UUID, ...]
    preference: Preferred


class OutreachSent(OutreachDecided):
    """A message went to the customer, or, in the control group, would have gone. Its own stream.

    `turn`: which of all messages to the customer `canonical_id` this is; no number is given twice, so two sent at once cannot both be the last a cap allows.
    """

    type = "outreach.sent"
    canonical_id: UUID
    turn: Ordinal


class OutreachSuppressed(OutreachDecided):
    """A message was held back. Its own stream."""

    type = "outreach.suppressed"
    reason: Held


class OutreachResult(OutreachTold):
    """What came of a message that was sent at `sent_at`."""

    sent_at: Instant
    reason: Maybe[Code] = None


class OutreachDelivered(OutreachResult):
    """It reached the customer."""

    type = "outreach.delivered"


class OutreachOpened(OutreachResult):
    """The customer opened it."""

    type = "outreach.opened"


class OutreachClicked(OutreachResult):
    """The customer followed a link of it."""

    type = "outreach.clicked"


class OutreachBounced(OutreachResult):
    """It came back."""

    type = "outreach.bounced"


class OutreachResponded(OutreachResult):
    """The customer answered it, in the company's own `kind` (a call, a visit, a purchase)."""

    type = "outreach.responded"
    kind: Code
    interaction_id: Maybe[UUID] = None


OutreachEvent: TypeAlias = OutreachSent | OutreachSuppressed | OutreachDelivered | OutreachOpened | OutreachClicked | OutreachBounced | OutreachResponded
