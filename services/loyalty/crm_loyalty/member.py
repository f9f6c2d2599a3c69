"""What does a member hold, and what has time done to it? The points ledger, open redemptions and the tier of one member of one programme."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from crm_events.deciding import Aggregate, At, Claim, Fact
from crm_events.event import Event
from crm_events.language.by_hand import MemberClosed, MemberResumed, MemberSuspended, TierOverridden
from crm_events.language.lots import Lot as MovedLot
from crm_events.language.lots import OfProgramme
from crm_events.language.loyalty import (
    MemberEnrolled,
    MemberEvent,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReserved,
    PointsReversed,
    RedemptionCancelled,
    RedemptionReversed,
    TierDowngraded,
    TierQualified,
    TierRetained,
    TierSpendCounted,
)
from crm_events.language.notices import NoticeMissed, NoticePointsExpiring, NoticeTierEnding
from crm_events.language.programme import ProgrammePublished
from crm_events.refusals import AlreadyExists, NotFound, Rejected

from crm_loyalty import notices, tiers
from crm_loyalty.ledger import NEVER, Ledger, Lot, moved
from crm_loyalty.movements import booked
from crm_loyalty.programme import terms
from crm_loyalty.tiers import Standing

SETTLED = 50  # redemptions no longer open that are kept, so that a confirmed one can be taken back without reading the stream's history in a race
RECOVERY = "recovery"  # the claim of a payment for a complaint
_UNNAMED = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Redemption:
    """This member's part of a redemption: the lots it holds, or held. Over a merged customer each member has a part under one id."""

    redemption_id: UUID
    lots: tuple[MovedLot, ...]
    reward: str | None
    expires_at: datetime
    state: Literal["reserved", "confirmed", "cancelled", "reversed"] = "reserved"

    @property
    def points(self) -> int:
        """Of this member's own lots."""
        return sum(lot.points for lot in self.lots)


@dataclass(frozen=True, slots=True)
class Member:
    """Only what a decision asks for. Bounded by the open lots, the open redemptions, a page of closed ones, and two longest windows of months."""

    programme: str | None = None
    programme_version: int = 1  # the last one told: what time does is done under it
    card_number: str | None = None
    channel: str | None = None
    ledger: Ledger = field(default_factory=Ledger)
    redemptions: tuple[Redemption, ...] = ()
    standing: Standing = field(default_factory=Standing)
    suspended_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def state(self) -> str:
        """`active`, `suspended` or `closed`."""
        return "closed" if self.closed_at else "suspended" if self.suspended_at else "active"

    def redemption(self, redemption_id: UUID) -> Redemption | None:
        """The part in this redemption, if it is open or among those settled last."""
        return next((each for each in self.redemptions if each.redemption_id == redemption_id), None)


def evolve(member: Member, fact: Fact[MemberEvent]) -> Member:
    """The member after this event."""
    event, at = fact.event, fact.occurred_at
    member = replace(member, ledger=booked(member.ledger, fact), programme_version=max(member.programme_version, _version(event)))
    match event:
        case MemberEnrolled():
            standing = Standing(enrolled_at=at, terms=event.terms, enrolment=fact.event_id)
            return replace(member, programme=event.programme, card_number=event.card_number, channel=event.channel, standing=standing)
        case MemberSuspended():
            return replace(member, suspended_at=at)
        case MemberResumed():
            return replace(member, suspended_at=None)
        case MemberClosed():
            return replace(member, closed_at=at)
        case PointsEarned():
            standing = replace(member.standing, terms=event.terms) if event.terms else member.standing
            return replace(member, standing=tiers.count(standing, event.points, at))
        case PointsReversed():
            lots = (*member.ledger.lots, *member.ledger.closed)
            earned_at = event.sold_at or next((lot.earned_at for lot in lots if lot.transaction_id == event.transaction_id), None)
            return replace(member, standing=tiers.count(member.standing, -event.points, earned_at)) if earned_at else member
        case TierSpendCounted():
            standing = replace(member.standing, terms=event.terms) if event.terms else member.standing
            return replace(member, standing=tiers.count_spend(standing, event.amount, event.sold_at))
        case PointsReserved():
            part = Redemption(event.redemption_id, event.lots, event.reward, event.expires_at)
            return replace(member, redemptions=(*member.redemptions, part))
        case PointsRedeemed():
            return _settled(member, event.redemption_id, "confirmed")
        case RedemptionCancelled():
            return _settled(member, event.redemption_id, "cancelled")
        case RedemptionReversed():
            return _settled(member, event.redemption_id, "reversed")
        case TierQualified() | TierRetained() | TierDowngraded() | TierOverridden():
            return replace(member, standing=tiers.hold(member.standing, event, at))
        case NoticePointsExpiring() | NoticeTierEnding() | NoticeMissed():
            ledger, standing = notices.noted(member.ledger, member.standing, event)
            return replace(member, ledger=ledger, standing=standing)
        case _:  # activated, expired, adjusted, blocked, transferred: the ledger alone knows, and there every event is named
            return member


def _version(event: Event) -> int:
    if isinstance(event, OfProgramme):
        return event.programme_version
    return event.rule.version if isinstance(event, PointsEarned) else 1


def _settled(member: Member, redemption_id: UUID, state: Literal["confirmed", "cancelled", "reversed"]) -> Member:
    """Open ones stay, of the others the newest: each goes to the end when it is settled."""
    rest = [each for each in member.redemptions if each.redemption_id != redemption_id]
    closing = [replace(each, state=state) for each in member.redemptions if each.redemption_id == redemption_id]
    open_ones = [each for each in rest if each.state == "reserved"]
    closed = [each for each in rest if each.state != "reserved"] + closing
    return replace(member, redemptions=(*closed[-SETTLED:], *open_ones))


def due(member: Member) -> datetime | None:
    """When time next changes something: an activation, an expiry, a notice before an end, the end of a reservation or of a tier."""
    return min(_moments(member), default=None)


def _moments(member: Member) -> Iterator[datetime]:
    for lot in member.ledger.lots:
        if lot.pending:
            yield min(lot.activates_at, lot.expires_at or NEVER)
        elif lot.available and lot.expires_at:
            yield lot.expires_at
    yield from (each.expires_at for each in member.redemptions if each.state == "reserved")
    if member.closed_at is None:
        yield from notices.moments(member.ledger, member.standing)
        if member.standing.held and member.standing.held.until:
            yield member.standing.held.until


def advance(member: Member, now: datetime) -> list[At[MemberEvent]]:
    """What has become true by `now`, each at the moment it was due, in the order of those moments."""
    happened = list[At[MemberEvent]]()
    while (moment := due(member)) is not None and moment <= now:
        events = _due_at(member, moment, now)
        for event in events:
            at = max(moment, event.due_at) if isinstance(event, NoticeMissed) else moment
            happened.append(At(event, at))
            member = evolve(member, Fact(event, _UNNAMED, at))
        if not events:
            raise AssertionError("what is due is done, or it would be due for ever")
    return happened


def _due_at(member: Member, moment: datetime, now: datetime) -> list[MemberEvent]:
    """One kind of thing that is due at this moment; asked again until nothing is."""
    head: dict[str, Any] = {"programme": member.programme or "", "programme_version": member.programme_version}
    lots = member.ledger.lots
    if activating := [moved(lot, lot.pending, "pending") for lot in lots if lot.pending and lot.activates_at <= moment]:
        return [PointsActivated(**head, lots=tuple(activating))]
    if expiring := [*expired(lots, moment), *(moved(lot, lot.pending, "pending") for lot in lots if lot.pending and lot.expired_by(moment))]:
        return [PointsExpired(**head, lots=tuple(expiring))]
    timed_out = next((each for each in member.redemptions if each.state == "reserved" and each.expires_at <= moment), None)
    if timed_out is not None:
        cancelled = RedemptionCancelled(**head, redemption_id=timed_out.redemption_id, points=timed_out.points, lots=timed_out.lots, cause="timed_out")
        return [cancelled, *freed(member, timed_out.lots, moment)]
    if member.closed_at is None and (told := notices.told(member.ledger, member.standing, head, moment=moment, now=now)):
        return list(told)
    judged = tiers.judge(member.standing, member.programme or "")
    return [judged] if judged else []


def expired(lots: tuple[Lot, ...], at: datetime) -> list[MovedLot]:
    """What is available although its time has come."""
    return [moved(lot, lot.available) for lot in lots if lot.available and lot.expired_by(at)]


def freed(member: Member, lots: tuple[MovedLot, ...], at: datetime) -> list[PointsExpired]:
    """Of the points that are given back, those whose lot has expired meanwhile, or all once the account is closed: they expire in the same command."""
    gone = tuple(lot for lot in lots if member.closed_at is not None or _ended(member, lot, at))
    return [PointsExpired(programme=member.programme or "", programme_version=member.programme_version, lots=gone)] if gone else []


def _ended(member: Member, lot: MovedLot, at: datetime) -> bool:
    """By what the event says, unless the lot was given more time since."""
    known = member.ledger.lot(lot.lot_id)
    ends = [end for end in (lot.expires_at, known.expires_at if known else None) if end is not None]
    return bool(ends) and max(ends) <= at


def _claims(member: Member, event: MemberEvent) -> list[Claim]:
    if isinstance(event, PointsAdjusted) and event.reason == "recovery":  # kept for ever: it is paid once
        return [Claim(RECOVERY, str(event.adjustment_id))]
    if isinstance(event, MemberClosed):  # the customer may join again
        return [Claim("membership", member.programme or "", take=False, within="customer")]
    if not isinstance(event, MemberEnrolled):
        return []
    membership = Claim("membership", event.programme or "", within="customer")
    return [membership, Claim("card", card_key(event.card_number))] if event.card_number else [membership]


def card_key(number: str) -> str:
    """A card's number without what people write differently: case, blanks, dashes, the script of the digits."""
    plain = unicodedata.normalize("NFKC", number).casefold()
    return "".join(str(unicodedata.digit(sign, sign)) for sign in plain if sign.isalnum())


MEMBERS: Aggregate[Member, MemberEvent] = Aggregate("member", Member, evolve, revision=6, advance=advance, claims=_claims, due=due)


def enrol(member: Member, *, member_id: UUID, event: MemberEnrolled, version: ProgrammePublished | None, at: datetime) -> list[MemberEvent]:
    """A customer becomes a member, in the tier that needs no points if there is one."""
    if member.standing.enrolled_at is not None:
        raise AlreadyExists("There is a member of this id. Choose another, or use that one.", member_id)
    if version is None:
        return [event]
    event = event.model_copy(update={"terms": terms(version)})
    enrolled = evolve(member, Fact(event, _UNNAMED, at))
    return [event, *(step.event for step in tiers.rise(enrolled.standing, version.name, at))]


def required(member: Member) -> Member:
    """The member, or NotFound."""
    if member.standing.enrolled_at is None:
        raise NotFound("There is no member of this id.")
    return member


def open_account(member: Member) -> Member:
    """The member, unless the account is closed."""
    if required(member).closed_at is not None:
        raise Rejected("closed", "The account is closed. Enrol the customer again.")
    return member


def active(member: Member) -> Member:
    """The member, unless it may not spend."""
    if open_account(member).suspended_at is not None:
        raise Rejected("suspended", "The member is suspended. Resume it first.")
    return member
