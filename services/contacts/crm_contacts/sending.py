"""May this message go to this customer now, to which of their contact points, and if not, why not?

First what the customer allowed, then whether there is a way to them, whether they had this campaign already, and whether they were written to often enough.
A message that may not go is held back, and that is an event: nothing is dropped in silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_events.language.consent import ConsentPurpose
from crm_events.language.outreach import Group, Held, OutreachEvent, OutreachSent, OutreachSuppressed, Preferred
from crm_events.language.words import Channel, Day, Goal
from crm_events.refusals import AlreadyExists

from crm_contacts.consents import ANY
from crm_contacts.contact import Contact, Identifier, Preferences
from crm_contacts.outreach import Outreach
from crm_contacts.permission import Decision, decide

CONSENTS: Mapping[Channel, str] = {"email": "email", "sms": "sms", "phone": "phone", "post": "post", "app": "push"}  # the others: only who allowed any channel
ADDRESSES: Mapping[Channel, str] = {"email": "email", "sms": "phone", "phone": "phone", "fax": "phone", "app": "device", "social": "social"}
NEEDS_NO_ADDRESS: frozenset[Channel] = frozenset({"web", "in_person"})
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Sending:
    """What is to be sent. `identifier_id` None: to the first contact point that the customer allows."""

    campaign_id: UUID
    channel: Channel
    purpose: ConsentPurpose
    goal: Goal
    template: str
    group: Group = "treatment"
    segment: str | None = None
    offer_id: UUID | None = None
    conversation_id: UUID | None = None
    identifier_id: UUID | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """A message sent to the customer before."""

    campaign_id: UUID
    group: str
    at: datetime


def send(
    outreach: Outreach,
    cluster: Mapping[UUID, Contact],
    *,
    outreach_id: UUID,
    contact_id: UUID,
    canonical_id: UUID,
    sending: Sending,
    before: Sequence[Before],
    turn: int,
    question: Any,
    at: datetime,
) -> list[OutreachEvent]:
    """Sent or suppressed. `cluster`: every contact that is this customer; `question(identifier_id)`: the words of the question whose decision is named."""
    if outreach.at is not None:
        raise AlreadyExists("A message of this id is recorded already.", outreach_id)
    point, decision = _permitted(cluster, contact_id, sending, at)
    told = {name: value for name in sending.__slots__ if (value := getattr(sending, name)) is not None} | ({"identifier_id": point} if point else {})
    told |= {
        "outreach_id": outreach_id,
        "consent_decision": decision.answer,
        "decision_id": decision.id(question(point)),
        "decided_by": tuple(each.said.event_id for each in decision.because),
        "preference": preferred(_likings(cluster), sending, at),
    }
    reason = _held(cluster, contact_id, sending, point, decision, before, at)
    return [OutreachSuppressed(**told, reason=reason)] if reason else [OutreachSent(**told, canonical_id=canonical_id, turn=turn)]


def preferred(likings: Preferences, sending: Sending, at: datetime) -> Preferred:
    """Does it come over the channel, in the language and at the hour the customer likes? `none`: they told no liking."""
    asked = (
        (likings.channel, likings.channel == sending.channel),
        (likings.language, sending.language is None or likings.language == sending.language),
        (likings.time_windows, any(_within(each, at) for each in likings.time_windows)),
    )
    told = [kept for liking, kept in asked if liking]
    return "none" if not told else "followed" if all(told) else "not_followed"


def _permitted(cluster: Mapping[UUID, Contact], contact_id: UUID, sending: Sending, at: datetime) -> tuple[UUID | None, Decision]:
    """The contact point and the decision about it: the one asked for, else the first that is allowed, else the first."""
    points = _points(cluster, contact_id, sending)
    found = [decide(cluster, (sending.purpose, CONSENTS.get(sending.channel, ANY), point), at) for point in points]
    allowed = next((place for place, decision in enumerate(found) if decision.answer == "allow"), 0)
    return points[allowed], found[allowed]


def _points(cluster: Mapping[UUID, Contact], contact_id: UUID, sending: Sending) -> list[UUID | None]:
    """The contact points it could go to, the contact's own and the verified first; [None] where there is none."""
    if sending.identifier_id:
        return [sending.identifier_id]
    known = [(member != contact_id, not each.verified, each) for member, contact in cluster.items() for each in contact.identifiers]
    fitting = sorted((other, unverified, each.added_at, each.id) for other, unverified, each in known if _leads(each, sending.channel))
    return [each[3] for each in fitting] or [None]


def _held(
    cluster: Mapping[UUID, Contact], contact_id: UUID, sending: Sending, point: UUID | None, decision: Decision, before: Sequence[Before], at: datetime
) -> Held | None:
    if decision.answer == "deny":
        return "no_consent"
    if not _reached(cluster, contact_id, sending.channel, point):
        return "no_address"
    if any(each.campaign_id == sending.campaign_id for each in before):
        return "duplicate"
    if sending.group == "treatment" and _often_enough(cluster, before, at):
        return "frequency_cap"
    return None


def _reached(cluster: Mapping[UUID, Contact], contact_id: UUID, channel: Channel, point: UUID | None) -> bool:
    if channel == "post":
        return any(contact.address for contact in cluster.values())
    if channel in NEEDS_NO_ADDRESS:
        return True
    return any(each.id == point and _leads(each, channel) for contact in cluster.values() for each in contact.identifiers)


def _leads(point: Identifier, channel: Channel) -> bool:
    return point.kind == ADDRESSES.get(channel) and not point.blocked


def _often_enough(cluster: Mapping[UUID, Contact], before: Sequence[Before], at: datetime) -> bool:
    """Of several contacts that are one customer each may have said how often: the strictest holds."""
    for likings in (contact.preferences for contact in cluster.values()):
        if likings.count is not None and likings.per_days is not None:
            since = at - timedelta(days=likings.per_days)
            if sum(since < each.at <= at and each.group == "treatment" for each in before) >= likings.count:
                return True
    return False


def _likings(cluster: Mapping[UUID, Contact]) -> Preferences:
    """Each liking as the customer told it last, through whichever contact."""
    told: dict[str, Any] = {}
    for name in ("channel", "language", "time_windows"):
        said = [(contact.told[f"preferences.{name}"], str(member), contact) for member, contact in cluster.items() if f"preferences.{name}" in contact.told]
        if said:
            told[name] = getattr(max(said, key=lambda each: each[:2])[2].preferences, name)
    return Preferences(**told)


def _within(window: Any, at: datetime) -> bool:
    there = at.astimezone(ZoneInfo(window.time_zone))
    return DAYS[there.weekday()] in window.days and window.starts <= f"{there:%H:%M}" < window.ends
