"""What is offered, until when, and to whom? An offer is made once and does not change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm_events.deciding import Aggregate, Fact
from crm_events.language.offer import Eligibility, Group, OfferCreated, OfferEvent
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

from crm_loyalty.member import Member


@dataclass(frozen=True, slots=True)
class Offer:
    """The offer as it was made."""

    created: OfferCreated | None = None
    created_at: datetime | None = None


def evolve(_: Offer, fact: Fact[OfferEvent]) -> Offer:
    """There is one event, and it says everything."""
    return Offer(fact.event, fact.occurred_at)


OFFERS: Aggregate[Offer, OfferEvent] = Aggregate("offer", Offer, evolve)


def create(offer: Offer, *, event: OfferCreated) -> list[OfferEvent]:
    """AlreadyExists, if the id given is another's; Invalid, if it would end before it begins."""
    if offer.created is not None:
        raise AlreadyExists("There is an offer of this id. Choose another, or use that one.", event.offer_id)
    if event.ends_at <= event.starts_at:
        raise Invalid("/ends_at", "order", "An offer ends after it begins.")
    return [event]


def required(offer: Offer) -> OfferCreated:
    """The offer, or NotFound."""
    if offer.created is None:
        raise NotFound("There is no offer of this id.")
    return offer.created


def admit(offer: OfferCreated, *, members: Sequence[Member], segment: str | None, need: str | None, at: datetime) -> None:
    """Rejected `not-eligible` (`missing` says what) or `offer-ended`; Invalid for a need that the offer does not answer. `members`: of the whole customer."""
    if at >= offer.ends_at:
        raise Rejected("offer-ended", "The offer has ended. Make another.", ends_at=offer.ends_at)
    if need is not None and offer.needs and need not in offer.needs:
        raise Invalid("/need", "unknown", "The offer answers no such need. Name one of its needs, or none.")
    if (missing := _missing(offer.eligibility, members, segment)) is not None:
        raise Rejected("not-eligible", f"The offer is not for this customer: {missing} does not fit.", missing=missing)


def _missing(asked: Eligibility, members: Sequence[Member], segment: str | None) -> str | None:
    if asked.segments and segment not in asked.segments:
        return "segment"
    held = [member for member in members if member.state == "active" and asked.programme in (None, member.programme)]
    if asked.programme is not None and not held:
        return "programme"
    return "tier" if asked.tiers and not any(member.standing.tier in asked.tiers for member in held) else None


def drawn(offer: OfferCreated, lot: bytes) -> Group:
    """In which group is a customer of this offer? `lot`: a keyed hash of both, which nobody can foretell and which is never drawn anew."""
    return "control" if int.from_bytes(lot[:8]) % 100 < offer.control_percent else "treatment"


def lot_of(offer_id: UUID, customer_ids: Sequence[UUID]) -> str:
    """What is hashed: of a merged customer always the same id, whichever is named and whoever survived."""
    return f"offer:{offer_id}:{min(customer_ids)}"
