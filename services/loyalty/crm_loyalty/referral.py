"""How far is a referral, and is it one? Somebody invites, the invited registers, buys and keeps what was bought; then the first has a reward, once.

Who invites themselves, or somebody of the own household, or who was brought by those they bring, has brought nobody: that is rejected whenever it shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias, assert_never
from uuid import UUID, uuid5

from crm_events.deciding import Aggregate, Claim, Fact
from crm_events.identifiers import recognise
from crm_events.language.programme import ProgrammePublished
from crm_events.language.referral import (
    ReferralConverted,
    ReferralEvent,
    ReferralInvited,
    ReferralRegistered,
    ReferralRejected,
    ReferralRewarded,
)
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

from crm_loyalty.member import Member
from crm_loyalty.transaction import Transaction

Rule: TypeAlias = Literal["self", "shared_identifier", "circular", "household"]


@dataclass(frozen=True, slots=True)
class Referral:
    """What became of it so far. `invitee`: sealed as stored, opened where it is decided on; `invitation`: the event that says it."""

    programme: str | None = None
    invitee: str | None = None
    channel: str | None = None
    invitation: UUID | None = None
    invited_at: datetime | None = None
    other_id: UUID | None = None
    registered_at: datetime | None = None
    transaction_id: UUID | None = None
    converted_at: datetime | None = None
    reward_id: UUID | None = None
    rewarded_at: datetime | None = None
    rule: str | None = None
    rejected_at: datetime | None = None

    @property
    def state(self) -> str:
        """`invited`, `registered`, `converted`, `rewarded` or `rejected`."""
        steps = {"rejected": self.rejected_at, "rewarded": self.rewarded_at, "converted": self.converted_at, "registered": self.registered_at}
        return next((name for name, at in steps.items() if at), "invited")


@dataclass(frozen=True, slots=True)
class Kinship:
    """What is known of the two by now. `rule`: why it is none; `rivals`: other referrals of the same customer; `bought_at`: their first purchase of all."""

    rule: Rule | None = None
    rivals: tuple[UUID, ...] = ()
    bought_at: datetime | None = None


def evolve(referral: Referral, fact: Fact[ReferralEvent]) -> Referral:
    """The referral after this event."""
    event, at = fact.event, fact.occurred_at
    match event:
        case ReferralInvited():
            return Referral(event.programme, event.invitee, event.channel, fact.event_id, at)
        case ReferralRegistered():
            return replace(referral, other_id=event.other_id, registered_at=at)
        case ReferralConverted():
            return replace(referral, transaction_id=event.transaction_id, converted_at=at)
        case ReferralRewarded():
            return replace(referral, reward_id=event.reward_id, rewarded_at=at)
        case ReferralRejected():
            return replace(referral, other_id=event.other_id, rule=event.rule, rejected_at=at)
        case _:
            assert_never(event)


def invitee_key(invitee: str) -> str:
    """An address or a number without what people write differently. Blocked for one that is nobody's, Invalid for what is neither."""
    kind: Literal["email", "phone"] = "email" if "@" in invitee else "phone"
    try:
        return recognise(kind, invitee).normalised
    except Invalid as refused:
        raise Invalid("/invitee", refused.code, refused.detail) from None


def invitation(programme: str) -> str:
    """The scope in which an address is invited once."""
    return f"referral:{programme}"


def _claims(before: Referral, event: ReferralEvent) -> list[Claim]:
    """An address is invited, and a customer is referred, once a programme; who was no referral may still become one."""
    match event:
        case ReferralInvited():
            return [Claim(invitation(event.programme), invitee_key(event.invitee))] if event.invitee else []
        case ReferralRegistered():
            return [Claim(f"referred:{event.programme}", str(event.other_id))]
        case ReferralRejected():
            freed = [Claim(invitation(event.programme), invitee_key(before.invitee), take=False)] if before.invitee else []
            return freed + ([Claim(f"referred:{event.programme}", str(before.other_id), take=False)] if before.other_id else [])
        case _:
            return []


def _columns(referral: Referral) -> Mapping[str, Any]:
    """By which it is found from the referred customer. `live`: a referral still, so that it says who brought whom."""
    if referral.other_id is None:
        return {}
    return {"other": str(referral.other_id), "programme": referral.programme, "live": referral.rejected_at is None}


REFERRALS: Aggregate[Referral, ReferralEvent] = Aggregate("referral", Referral, evolve, claims=_claims, columns=_columns, opened=True)


def invite(
    referral: Referral, *, event: ReferralInvited, version: ProgrammePublished | None, members: Sequence[Member]
) -> list[ReferralEvent]:  # fmt: skip
    """`version`: in force now; `members`: of the whole customer. Rejected `no-referrals`, `not-a-member`; AlreadyExists for an id of another."""
    if referral.programme is not None:
        raise AlreadyExists("There is a referral of this id. Choose another, or use that one.", event.referral_id)
    if version is None or version.referral is None:
        raise Rejected("no-referrals", "The programme rewards no referrals. Publish a version that does.")
    if not takes_part(event.programme, members):
        raise Rejected("not-a-member", "Who invites is a member of the programme. Enrol or resume the customer first.")
    return [event]


def takes_part(programme: str | None, members: Sequence[Member]) -> bool:
    """Is one of these a member of the programme that is neither suspended nor closed?"""
    return any(member.programme == programme and member.state == "active" for member in members)


def register(referral: Referral, *, referral_id: UUID, other_id: UUID, kin: Kinship, at: datetime) -> list[ReferralEvent]:
    """Who was invited is this customer. Told again alike: nothing new.

    Rejected `referral-closed`, `already-registered`, `already-referred`, `already-customer`; where it shows that it is no referral, that is the fact.
    """
    if referral.invited_at is None:
        raise NotFound("There is no referral of this id.")
    if referral.rejected_at is not None:
        raise Rejected("referral-closed", "This referral was rejected. Invite again.", reason=referral.rule)
    if referral.registered_at is not None:
        if referral.other_id == other_id:
            return []
        raise Rejected("already-registered", "Somebody has registered with this invitation. Each needs one of their own.")
    if at < referral.invited_at:
        raise Invalid("/occurred_at", "before-invitation", "Who is invited registers afterwards. Tell when it happened.")
    if kin.rule is not None:
        return [ReferralRejected(**_head(referral, referral_id), other_id=other_id, rule=kin.rule)]
    if kin.rivals:
        raise Rejected("already-referred", "This customer was referred before. The first referral stands.")
    if kin.bought_at is not None and kin.bought_at < at:
        raise Rejected("already-customer", "This customer had bought before. Only new customers are referred.")
    return [ReferralRegistered(**_head(referral, referral_id), other_id=other_id)]


def keeps(sale: Transaction, *, return_days: int) -> bool:
    """Was nothing of it brought back while that was possible?"""
    end = window_end(sale, return_days=return_days)
    return sale.back_at is None or end is None or sale.back_at >= end


def window_end(sale: Transaction, *, return_days: int) -> datetime | None:
    """Until when goods of it can be brought back."""
    return sale.sold_at + timedelta(days=return_days) if sale.sold_at else None


def convert(referral: Referral, *, referral_id: UUID, transaction_id: UUID) -> list[ReferralEvent]:
    """Their first purchase, or the next one if that was brought back. Open referrals only; told alike: nothing new."""
    if referral.state not in ("registered", "converted") or referral.other_id is None or referral.transaction_id == transaction_id:
        return []
    return [ReferralConverted(**_head(referral, referral_id), other_id=referral.other_id, transaction_id=transaction_id)]


def reward(referral: Referral, sale: Transaction, *, referral_id: UUID, return_days: int, at: datetime) -> list[ReferralEvent]:
    """What was bought was kept until the window closed. Rejected `moved` where that is not, or no longer, so: to be looked at again."""
    sold, end = sale.sale, window_end(sale, return_days=return_days)
    bought = sold is not None and referral.transaction_id == sold.transaction_id
    if referral.state != "converted" or not bought or end is None or end > at or not keeps(sale, return_days=return_days):
        raise Rejected("moved", "The referral or the purchase has changed. Look again.")
    told = {"other_id": referral.other_id, "transaction_id": referral.transaction_id, "reward_id": reward_id(referral_id)}
    return [ReferralRewarded(**_head(referral, referral_id), **told)]


def reject(referral: Referral, *, referral_id: UUID, rule: Rule) -> list[ReferralEvent]:
    """It turned out to be none; what was rewarded stays."""
    if referral.state not in ("registered", "converted") or referral.other_id is None:
        return []
    return [ReferralRejected(**_head(referral, referral_id), other_id=referral.other_id, rule=rule)]


def reward_id(referral_id: UUID) -> UUID:
    """Of a referral there is one."""
    return uuid5(referral_id, "reward")


def yields_to(referral: Referral, referral_id: UUID, rivals: Mapping[UUID, Referral]) -> bool:
    """Of two referrals of one customer, known by two ids until they were merged, the one registered first counts, and one rewarded already."""
    own = (referral.registered_at, referral_id)
    return any(other.rewarded_at or (other.registered_at and (other.registered_at, each) < own) for each, other in rivals.items())


def _head(referral: Referral, referral_id: UUID) -> dict[str, Any]:
    return {"referral_id": referral_id, "programme": referral.programme}
