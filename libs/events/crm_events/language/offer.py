"""What do we offer to customers, and what do they make of it? A part of them, drawn by a keyed hash, is offered nothing: against them it is measured."""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant, Money, Value
from crm_events.language.words import Count, Maybe

Group: TypeAlias = Literal["treatment", "control"]


class Eligibility(Value):
    """Who may be offered it. Each list admits any of its values; an empty one admits all. `tiers`: held in `programme`, or in any."""

    programme: Maybe[Code] = None
    tiers: tuple[Code, ...] = ()
    segments: tuple[Code, ...] = ()


class OfferCreated(Event):
    """An offer, from `starts_at` until `ends_at`; of a hundred customers about `control_percent` are offered nothing."""

    type = "offer.created"
    keyed_by_stream = True
    offer_id: UUID
    name: Code
    channel: Code
    eligibility: Eligibility
    needs: tuple[Code, ...]
    starts_at: Instant
    ends_at: Instant
    cost: Maybe[Money] = None
    control_percent: Count


class OfferTold(Event):
    """What every event of one offer to one customer repeats."""

    offer_id: UUID
    target_id: UUID
    group: Group
    segment: Maybe[Code] = None
    need_id: Maybe[UUID] = None
    need: Maybe[Code] = None
    channel: Maybe[Code] = None


class OfferTargeted(OfferTold):
    """The customer is meant, or (group `control`) only watched. Its own stream."""

    type = "offer.targeted"
    starts_at: Instant
    ends_at: Instant


class OfferPresented(OfferTold):
    """The customer saw it; never one of the control group."""

    type = "offer.presented"


class OfferAccepted(OfferTold):
    """The customer took it, with this purchase."""

    type = "offer.accepted"
    presented_at: Instant
    transaction_id: Maybe[UUID] = None


class OfferDeclined(OfferTold):
    """The customer does not want it."""

    type = "offer.declined"
    presented_at: Instant
    reason: Maybe[Code] = None


class OfferExpired(OfferTold):
    """It ended and the customer had neither taken nor declined it."""

    type = "offer.expired"
    presented_at: Maybe[Instant] = None


OfferEvent: TypeAlias = OfferCreated
OfferTargetEvent: TypeAlias = OfferTargeted | OfferPresented | OfferAccepted | OfferDeclined | OfferExpired
