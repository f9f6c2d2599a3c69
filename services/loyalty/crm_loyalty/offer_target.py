"""What became of an offer to one customer? A stream for each offer and customer id: nobody is meant twice, whichever id is named.

Of a merged customer all ids are looked at together. Each may have been meant before the merge; then the first that was decides the group of all, and the
offer is taken once. Parted, each is as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, assert_never
from uuid import UUID, uuid5

from crm_events.deciding import Aggregate, At, Fact
from crm_events.language.offer import Group, OfferAccepted, OfferDeclined, OfferExpired, OfferPresented, OfferTargeted, OfferTargetEvent
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected


@dataclass(frozen=True, slots=True)
class OfferTarget:
    """How far it is. What was told late stays true: an acceptance of before the end counts, even if it was told after it."""

    targeted: OfferTargeted | None = None
    targeted_at: datetime | None = None
    presented_at: datetime | None = None
    channel: str | None = None
    answer: Literal["accepted", "declined"] | None = None
    answered_at: datetime | None = None
    transaction_id: UUID | None = None
    reason: str | None = None
    expired_at: datetime | None = None

    @property
    def state(self) -> str:
        """`targeted`, `presented`, `accepted`, `declined` or `expired`."""
        return self.answer or ("expired" if self.expired_at else "presented" if self.presented_at else "targeted")


def target_id(offer_id: UUID, customer_id: UUID) -> UUID:
    """The stream of this offer to this customer."""
    return uuid5(offer_id, str(customer_id))


def evolve(target: OfferTarget, fact: Fact[OfferTargetEvent]) -> OfferTarget:
    """The target after this event."""
    event, at = fact.event, fact.occurred_at
    match event:
        case OfferTargeted():
            return OfferTarget(event, at, channel=event.channel)
        case OfferPresented():
            return replace(target, presented_at=at, channel=event.channel)
        case OfferAccepted():
            return replace(target, answer="accepted", answered_at=target.answered_at or at, transaction_id=event.transaction_id)
        case OfferDeclined():
            return replace(target, answer="declined", answered_at=at, reason=event.reason)
        case OfferExpired():
            return replace(target, expired_at=at)
        case _:
            assert_never(event)


def due(target: OfferTarget) -> datetime | None:
    """When it ends by itself; what was never offered does not."""
    waits = target.targeted and target.targeted.group == "treatment" and not target.answer and not target.expired_at
    return target.targeted.ends_at if target.targeted and waits else None


def advance(target: OfferTarget, now: datetime) -> list[At[OfferTargetEvent]]:
    """Its end, at the moment it was due."""
    end = due(target)
    if end is None or end > now:
        return []
    shown = {"presented_at": target.presented_at} if target.presented_at else {}
    return [At(OfferExpired(**_head(target), **shown), end)]


def _columns(target: OfferTarget) -> dict[str, Any]:
    return {"offer": str(target.targeted.offer_id)} if target.targeted else {}


OFFER_TARGETS: Aggregate[OfferTarget, OfferTargetEvent] = Aggregate("offer_target", OfferTarget, evolve, revision=2, advance=advance, due=due, columns=_columns)


def aim(target: OfferTarget, others: Sequence[OfferTarget], *, event: OfferTargeted) -> list[OfferTargetEvent]:
    """AlreadyExists, if the customer is meant already, by whichever of its ids."""
    for known in (target, *others):
        if known.targeted is not None:
            raise AlreadyExists("The customer is a target of this offer already.", known.targeted.target_id)
    return [event]


def present(target: OfferTarget, others: Sequence[OfferTarget], *, channel: str | None, at: datetime) -> list[OfferTargetEvent]:
    """The customer saw it. Saw it before: nothing new. Rejected `control-group`, `offer-not-begun`, `offer-ended`."""
    _within(target, others, at)
    if target.presented_at is not None:
        return []
    told = {"channel": channel} if channel else {}
    return [OfferPresented(**_head(target) | told)]


def accept(target: OfferTarget, others: Sequence[OfferTarget], *, transaction_id: UUID | None, at: datetime) -> list[OfferTargetEvent]:
    """The customer took it. Rejected as above, `not-presented`, `offer-answered`. Told again alike: nothing new; with which purchase may be told later."""
    shown_at = _answerable(target, others, at)
    if target.answer == "accepted" and transaction_id in (None, target.transaction_id):
        return []
    bought_now = target.answer == "accepted" and target.transaction_id is None
    if (target.answer and not bought_now) or any(each.answer == "accepted" for each in others):
        raise Rejected("offer-answered", "The customer has answered this offer. It is taken once.", answer=target.answer or "accepted")
    told = {"transaction_id": transaction_id} if transaction_id else {}
    return [OfferAccepted(**_head(target), presented_at=shown_at, **told)]


def taken_by(targets: Sequence[OfferTarget], *, transaction_id: UUID, at: datetime) -> list[list[OfferTargetEvent]]:
    """Which of the customer's ids took it with this purchase: one that has answered, or seen it. Invalid, if meant for none; else as `accept`."""
    meant = [place for place, each in enumerate(targets) if each.targeted is not None]
    if not meant:
        raise Invalid("/offer_id", "unknown", "This offer is not meant for this customer. Leave it out.")
    place = max(meant, key=lambda each: (targets[each].answer == "accepted", targets[each].presented_at is not None, -each))
    others = [each for other, each in enumerate(targets) if other != place]
    accepted = accept(targets[place], others, transaction_id=transaction_id, at=at)
    return [accepted if other == place else [] for other in range(len(targets))]


def decline(target: OfferTarget, others: Sequence[OfferTarget], *, reason: str | None, at: datetime) -> list[OfferTargetEvent]:
    """The customer does not want it. As above."""
    shown_at = _answerable(target, others, at)
    if target.answer == "declined":
        return []
    if target.answer:
        raise Rejected("offer-answered", "The customer has taken this offer.", answer=target.answer)
    told = {"reason": reason} if reason else {}
    return [OfferDeclined(**_head(target), presented_at=shown_at, **told)]


def group_of(target: OfferTarget, others: Sequence[OfferTarget]) -> Group:
    """Of the whole customer: that of the target aimed at first; and never more than its own."""
    meant = [each for each in (target, *others) if each.targeted and each.targeted_at]
    first = min(meant, key=lambda each: (each.targeted_at, each.targeted.target_id if each.targeted else None))
    groups = {each.targeted.group for each in (first, target) if each.targeted}
    return "control" if "control" in groups else "treatment"


def _within(target: OfferTarget, others: Sequence[OfferTarget], at: datetime) -> OfferTargeted:
    told, since = target.targeted, target.targeted_at
    if told is None or since is None:
        raise NotFound("There is no target of this id.")
    if group_of(target, others) == "control":
        raise Rejected("control-group", "This customer is of the control group: nothing is offered to them, so that the offer can be measured against them.")
    if at < since:
        raise Invalid("/occurred_at", "before-targeting", "This happened before the customer was a target. Tell when it happened.")
    if at < told.starts_at:
        raise Rejected("offer-not-begun", "The offer has not begun.", starts_at=told.starts_at)
    if at >= told.ends_at:
        raise Rejected("offer-ended", "The offer had ended by then.", ends_at=told.ends_at)
    return told


def _answerable(target: OfferTarget, others: Sequence[OfferTarget], at: datetime) -> datetime:
    _within(target, others, at)
    if target.presented_at is None:
        raise Rejected("not-presented", "The customer has not seen this offer. Tell first when they did.")
    if at < target.presented_at:
        raise Invalid("/occurred_at", "before-presented", "The customer answers after they saw it. Tell when it happened.")
    return target.presented_at


def _head(target: OfferTarget) -> dict[str, Any]:
    if target.targeted is None:
        raise AssertionError("only a target is told of")
    names = ("offer_id", "target_id", "group", "segment", "need_id", "need")
    told = {name: getattr(target.targeted, name) for name in names} | {"channel": target.channel}
    return {name: value for name, value in told.items() if value is not None}
