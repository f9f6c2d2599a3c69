"""What was sold, and what of it has come back? A transaction and its member's points move together, in one command."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from crm_events.deciding import Aggregate, Claim, Fact, Happened
from crm_events.language.loyalty import DiscountGranted, MemberEvent, PointsEarned, ReturnRecorded, TierSpendCounted, TransactionEvent, TransactionRecorded
from crm_events.language.programme import ProgrammePublished
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

from crm_loyalty import earning, points
from crm_loyalty.member import Member, open_account, required
from crm_loyalty.programme import Programme

MOST_PAID = 10**15  # of one transaction, in minor units: sums of many stay inside 64 bits

Events = tuple[list[Happened[MemberEvent]], list[Happened[TransactionEvent]]]


@dataclass(frozen=True, slots=True)
class Transaction:
    """The sale as told, when it happened, the offer its discount was for; how much of each line has come back, and when the first of it did."""

    sale: TransactionRecorded | None = None
    sold_at: datetime | None = None
    returned: Mapping[int, int] = field(default_factory=dict)
    back_at: datetime | None = None
    offer_id: UUID | None = None


def evolve(transaction: Transaction, fact: Fact[TransactionEvent]) -> Transaction:
    """The transaction after this event."""
    match fact.event:
        case TransactionRecorded():
            return Transaction(fact.event, fact.occurred_at)
        case DiscountGranted():
            return replace(transaction, offer_id=fact.event.offer_id)
        case ReturnRecorded():
            back = {line.line: transaction.returned.get(line.line, 0) + line.quantity for line in fact.event.lines}
            first = min(transaction.back_at or fact.occurred_at, fact.occurred_at)
            return replace(transaction, returned={**transaction.returned, **back}, back_at=first)
        case _:
            assert_never(fact.event)


def _claims(_: Transaction, event: TransactionEvent) -> list[Claim]:
    """A document is counted once: an outlet gives a number once, and without outlets the company does."""
    return [Claim(f"document:{event.outlet or ''}", event.document)] if isinstance(event, TransactionRecorded) else []


def _columns(transaction: Transaction) -> dict[str, Any]:
    if transaction.sale is None or transaction.sold_at is None:
        return {}
    return {"member_id": str(transaction.sale.member_id), "sold_at": int(transaction.sold_at.timestamp() * 1_000_000)}


TRANSACTIONS: Aggregate[Transaction, TransactionEvent] = Aggregate("transaction", Transaction, evolve, revision=3, claims=_claims, columns=_columns)


def record_sale(member: Member, transaction: Transaction, *, sale: Mapping[str, Any], programme: Programme | None, at: datetime, offer_id: UUID | None = None
) -> Events:  # fmt: skip
    """A purchase, what it earns by the rules in force then, and the discount it was given. `sale`: the fields told of transaction.recorded.

    Members and transactions are one command: the first list is for the member's stream, the second for the transaction's.
    """
    required(member)
    if member.closed_at is not None and member.closed_at <= at:
        open_account(member)
    if transaction.sale is not None:
        raise AlreadyExists("There is a transaction of this id already.", transaction.sale.transaction_id)
    version = programme.in_force(at) if programme else None
    event = TransactionRecorded(**{**sale, "currency": _currency(sale.get("currency"), version)})
    listed, paid = sum(line.list_price * line.quantity for line in event.lines), earning.amount(event.lines)
    cost = sum((line.unit_cost or 0) * line.quantity for line in event.lines)
    if max(listed, paid, cost) > MOST_PAID:
        raise Invalid("/lines", "too-large", f"A transaction is at most {MOST_PAID} minor units. Is the price per unit?")
    told: list[Happened[TransactionEvent]] = [event]
    if listed > paid:
        about = {"reason": event.discount_reason, "seller_id": event.seller_id, "offer_id": offer_id}
        given = {name: value for name, value in about.items() if value is not None}
        told.append(DiscountGranted(transaction_id=event.transaction_id, list_amount=listed, paid_amount=paid, currency=event.currency, **given))
    elif offer_id is not None:
        raise Invalid("/offer_id", "no-discount", "Nothing was taken off the list price. Send both prices, or leave the offer out.")
    if version is None or member.closed_at is not None or (member.suspended_at is not None and member.suspended_at <= at):
        return [], told
    gained = earning.evaluate(version, event.lines, channel=event.channel, outlet=event.outlet, tier=member.standing.tier)
    return points.earn(member, earning=gained, version=version, transaction_id=event.transaction_id, paid=paid, at=at), told


def _currency(told: str | None, version: ProgrammePublished | None) -> str:
    if told is None and version is None:
        raise Invalid("/currency", "missing", "No programme says the currency; name it.")
    if told is not None and version is not None and told != version.currency:
        raise Invalid("/currency", "currency", f"The programme counts in {version.currency}.")
    return told or (version.currency if version else "")


@dataclass(frozen=True, slots=True)
class Back:
    """So many of a line come back."""

    line: int
    quantity: int


def record_return(
    member: Member, transaction: Transaction, *, member_id: UUID, back: Sequence[Back], earned: Sequence[PointsEarned],
    counted: TierSpendCounted | None = None, return_id: UUID, reason: str | None, at: datetime,
) -> Events:  # fmt: skip
    """Goods come back, and so do the points that their lines had earned. `earned`: the lots of this transaction, which never change.

    `counted`: the purchase as it counted for a tier by spend, if it did.
    """
    required(member)
    sale, sold_at = transaction.sale, transaction.sold_at
    if sale is None or sold_at is None or sale.member_id != member_id:
        raise NotFound("This member has no transaction of this id.")
    if at < sold_at:
        raise Invalid("/occurred_at", "before-sale", "Goods come back after they were sold.")
    lines = {line.line: line for line in sale.lines}
    for place, each in enumerate(back):
        left = lines[each.line].quantity - transaction.returned.get(each.line, 0) if each.line in lines else None
        if left is None:
            raise Invalid(f"/lines/{place}/line", "unknown", "The transaction has no such line.")
        if each.quantity > left:
            raise Rejected("nothing-to-return", f"Of line {each.line}, {left} are left to return. Ask for no more.", line=each.line, left=left)
    about = {"seller_id": sale.seller_id, "outlet": sale.outlet, "reason": reason}
    event = ReturnRecorded(
        return_id=return_id, transaction_id=sale.transaction_id, member_id=member_id, sold_at=sold_at, currency=sale.currency, channel=sale.channel,
        lines=tuple(lines[each.line].model_copy(update={"quantity": each.quantity}) for each in back),
        **{name: value for name, value in about.items() if value is not None},
    )  # fmt: skip
    before = {number: (line.quantity, transaction.returned.get(number, 0)) for number, line in lines.items()}
    now = {each.line: before[each.line][1] + each.quantity for each in back}
    reversed_ = points.reverse(
        member, earned=earned, counted=counted, before=before, now=now, refunded=earning.amount(event.lines),
        transaction_id=sale.transaction_id, return_id=return_id, sold_at=sold_at, at=at,
    )  # fmt: skip
    return list(reversed_), [event]
