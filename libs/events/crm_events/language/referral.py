"""Who told whom of us, did they come, did they buy, and was it rewarded?"""

from typing import TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, PersonalText
from crm_events.language.words import Maybe


class ReferralTold(Event):
    """What every event of one referral repeats."""

    referral_id: UUID
    programme: Code


class ReferralInvited(ReferralTold):
    """The customer invites somebody. Its own stream, the customer's who invites. `invitee`: the address or number it was sent to."""

    type = "referral.invited"
    invitee: Maybe[PersonalText] = None
    channel: Maybe[Code] = None


class ReferralRegistered(ReferralTold):
    """Who was invited is a customer now: `other_id`."""

    type = "referral.registered"
    other_id: UUID


class ReferralConverted(ReferralTold):
    """The referred customer bought for the first time; told again with the next purchase, if that one was brought back."""

    type = "referral.converted"
    other_id: UUID
    transaction_id: UUID


class ReferralRewarded(ReferralTold):
    """What they bought was kept, and who invited them has the reward."""

    type = "referral.rewarded"
    other_id: UUID
    transaction_id: UUID
    lot_id: Maybe[UUID] = None
    reward_id: Maybe[UUID] = None


class ReferralRejected(ReferralTold):
    """It is none. `rule`: self, shared_identifier, circular or household."""

    type = "referral.rejected"
    other_id: UUID
    rule: Code


ReferralEvent: TypeAlias = ReferralInvited | ReferralRegistered | ReferralConverted | ReferralRewarded | ReferralRejected
