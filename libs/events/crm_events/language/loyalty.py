"""What can a member buy, give back, earn and spend?

A lot is the points that one rule gave for one transaction, or one adjustment. Prices are per unit, in minor units of the currency beside them.
"""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from crm_events.event import Code, Currency, Event, Instant, Money, PersonalText, Value, Whole
from crm_events.language.by_hand import MemberClosed, MemberResumed, MemberSuspended, PointsBlocked, PointsTransferred, PointsUnblocked, TierOverridden
from crm_events.language.lots import Lot, OfProgramme
from crm_events.language.notices import NoticeMissed, NoticePointsExpiring, NoticeTierEnding
from crm_events.language.programme import TierTerms
from crm_events.language.words import Count, Maybe, MinorUnits, Ordinal, Points

AdjustmentReason: TypeAlias = Literal["goodwill", "recovery", "correction"]
TierBasis: TypeAlias = Literal["points", "spend"]


class MemberEnrolled(Event):
    """A customer has an account; without a programme purchases are kept and nothing is earned. `terms`: by which his tier is judged from now on."""

    type = "member.enrolled"
    programme: Maybe[Code] = None
    card_number: Maybe[PersonalText] = None
    channel: Maybe[Code] = None
    terms: Maybe[TierTerms] = None


class Line(Value):
    """One line of a document: prices and cost per unit."""

    line: Ordinal
    sku: Code
    category: Code
    brand: Maybe[Code] = None
    quantity: Ordinal
    list_price: MinorUnits
    paid_price: MinorUnits
    unit_cost: Maybe[MinorUnits] = None


class TransactionRecorded(Event):
    """A sale."""

    type = "transaction.recorded"
    transaction_id: UUID
    member_id: UUID
    document: Code
    channel: Code
    currency: Currency
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]
    seller_id: Maybe[Code] = None
    outlet: Maybe[Code] = None
    discount_reason: Maybe[Code] = None
    delivery: Maybe[Code] = None


class DiscountGranted(Event):
    """Less was paid than the list says: Σ over the lines, in both amounts."""

    type = "discount.granted"
    transaction_id: UUID
    reason: Maybe[Code] = None
    list_amount: MinorUnits
    paid_amount: MinorUnits
    currency: Currency
    seller_id: Maybe[Code] = None
    offer_id: Maybe[UUID] = None


class ReturnRecorded(Event):
    """Goods came back: the lines as they were sold, `quantity` = returned now."""

    type = "return.recorded"
    return_id: UUID
    transaction_id: UUID
    member_id: UUID
    sold_at: Instant
    currency: Currency
    channel: Code
    seller_id: Maybe[Code] = None
    outlet: Maybe[Code] = None
    reason: Maybe[Code] = None
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]


class RuleUsed(Value):
    """The rule that gave the points, in the version then in force."""

    programme: Code
    version: Ordinal
    id: Code


class LinePoints(Value):
    """What one line earned."""

    line: Ordinal
    points: Count


class TraceEntry(Value):
    """What one rule did with the transaction, and why; rules that did not fire are told too."""

    rule: Code
    fired: bool
    points: Count
    why: Code


class PointsEarned(Event):
    """A rule gave a lot of points; they are pending until `activates_at`. `debt_repaid` of them went to what the member owed.

    `terms`: told where they are newer than those by which the member's tier was judged so far.
    """

    type = "points.earned"
    lot_id: UUID
    points: Points
    rule: RuleUsed
    lines: tuple[LinePoints, ...]
    trace: tuple[TraceEntry, ...]
    activates_at: Instant
    expires_at: Maybe[Instant] = None
    transaction_id: UUID
    debt_repaid: Count
    terms: Maybe[TierTerms] = None


class PointsActivated(OfProgramme):
    """Pending points can be spent."""

    type = "points.activated"
    lots: tuple[Lot, ...]


class PointsReserved(OfProgramme):
    """Points are held for a redemption until it is confirmed, cancelled, or `expires_at` has come."""

    type = "points.reserved"
    redemption_id: UUID
    points: Points
    lots: tuple[Lot, ...]
    reward: Maybe[Code] = None
    expires_at: Instant


class PointsRedeemed(OfProgramme):
    """Reserved points are spent; `value` by the programme's point value then."""

    type = "points.redeemed"
    redemption_id: UUID
    points: Points
    lots: tuple[Lot, ...]
    reward: Maybe[Code] = None
    value: Maybe[Money] = None


class RedemptionCancelled(OfProgramme):
    """A reservation was given up; its points are back in their lots."""

    type = "redemption.cancelled"
    redemption_id: UUID
    points: Points
    lots: tuple[Lot, ...]
    cause: Literal["cancelled", "timed_out"]


class RedemptionReversed(OfProgramme):
    """A confirmed redemption was taken back; its points are back in their lots."""

    type = "redemption.reversed"
    redemption_id: UUID
    points: Points
    lots: tuple[Lot, ...]
    reason: Maybe[Code] = None


class PointsExpired(OfProgramme):
    """Lots reached their `expires_at`."""

    type = "points.expired"
    lots: tuple[Lot, ...]


class PointsReversed(OfProgramme):
    """A return took back what its lines had earned; `debt` is what no lot could give. `sold_at`: when the points had counted for a tier."""

    type = "points.reversed"
    transaction_id: UUID
    return_id: UUID
    points: Points
    lots: tuple[Lot, ...]
    debt: Count
    sold_at: Maybe[Instant] = None


class PointsAdjusted(OfProgramme):
    """Points given (a new lot, `lot_id`) or taken (`lots`, and `debt` for what no lot could give) outside the rules."""

    type = "points.adjusted"
    adjustment_id: UUID
    points: Whole
    reason: AdjustmentReason
    cause_event_id: Maybe[UUID] = None
    lot_id: Maybe[UUID] = None
    activates_at: Maybe[Instant] = None
    expires_at: Maybe[Instant] = None
    lots: tuple[Lot, ...]
    debt: Count
    debt_repaid: Count


class TierStep(OfProgramme):
    """A tier and the qualifying points (or spend) of its window [from, to)."""

    tier: Code
    previous: Code | None
    basis: TierBasis
    qualifying: Count
    window_from: Instant
    window_to: Instant
    holds_until: Maybe[Instant] = None


class TierQualified(TierStep):
    """The member rose."""

    type = "tier.qualified"


class TierRetained(TierStep):
    """The window ended and the member stays."""

    type = "tier.retained"


class TierDowngraded(TierStep):
    """The window ended and the member sank."""

    type = "tier.downgraded"


class TierSpendCounted(OfProgramme):
    """What was paid for a purchase, or with `return_id` and a negative amount what came back of it, counts for a tier by spend: on the day of the sale.

    `terms`: told where they are newer than those by which the member's tier was judged so far.
    """

    type = "tier.spend_counted"
    transaction_id: UUID
    return_id: Maybe[UUID] = None
    amount: Whole
    currency: Currency
    sold_at: Instant
    terms: Maybe[TierTerms] = None


MemberEvent: TypeAlias = (
    MemberEnrolled
    | MemberSuspended
    | MemberResumed
    | MemberClosed
    | PointsEarned
    | PointsActivated
    | PointsReserved
    | PointsRedeemed
    | RedemptionCancelled
    | RedemptionReversed
    | PointsExpired
    | PointsReversed
    | PointsAdjusted
    | PointsBlocked
    | PointsUnblocked
    | PointsTransferred
    | TierQualified
    | TierRetained
    | TierDowngraded
    | TierSpendCounted
    | TierOverridden
    | NoticePointsExpiring
    | NoticeTierEnding
    | NoticeMissed
)
TransactionEvent: TypeAlias = TransactionRecorded | DiscountGranted | ReturnRecorded
