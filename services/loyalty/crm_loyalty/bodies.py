"""What may be asked of loyalty? The commands' bodies, with the limits that keep every sum inside 64 bits."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from crm_chassis.body import Body, Long, Moment, Told
from crm_events.event import Code, Currency
from crm_events.language.entitlement import EntitlementKind
from crm_events.language.loyalty import AdjustmentReason
from crm_events.language.programme import Basis, Downgrade, Rounding, WindowKind
from crm_events.language.words import Channel
from pydantic import AfterValidator, Field, model_validator

LINES = 500
Price = Annotated[int, Field(ge=0, le=10**12, description="minor units, for one unit of the goods")]
Quantity = Annotated[int, Field(ge=1, le=1_000_000)]
SomePoints = Annotated[int, Field(ge=1, le=10**12)]
Amount = Annotated[int, Field(ge=1, le=10**12, description="minor units")]
Multiplier = Annotated[str, Field(pattern=r"^\d{1,6}(\.\d{1,6})?$", description="a decimal number as text")]


def _of_our_time(moment: datetime) -> datetime:
    if not 1900 <= moment.year < 2200:
        raise ValueError("The year lies outside 1900 to 2199.")  # windows and expiries reach a hundred years to either side
    return moment


OfOurTime = Annotated[Moment, AfterValidator(_of_our_time)]


class WhenBody(Body):
    """Which purchases a rule is for; an empty list admits all."""

    categories: Annotated[tuple[Code, ...], Field(max_length=200)] = ()
    skus: Annotated[tuple[Code, ...], Field(max_length=200)] = ()
    brands: Annotated[tuple[Code, ...], Field(max_length=200)] = ()
    channels: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    outlets: Annotated[tuple[Code, ...], Field(max_length=200)] = ()
    tiers: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    min_amount: Annotated[int, Field(ge=0, le=10**15)] = 0


class PointsPerBody(Body):
    """So many points for so many minor units."""

    points: Annotated[int, Field(ge=1, le=1_000_000)]
    amount: Amount


class RuleBody(Body):
    """One earning rule."""

    id: Code
    when: WhenBody = WhenBody()
    basis: Basis
    points_per: PointsPerBody
    multiplier: Multiplier = "1"
    rounding: Rounding = "floor"
    stop: bool = False


class ExpiryBody(Body):
    """Whole calendar months after the points were earned; null: never.

    `restored_days`: points of a reversed redemption whose lot has ended meanwhile live so many days more, once; without it they expire at once.
    """

    months: Annotated[int, Field(ge=1, le=1200)] | None
    restored_days: Annotated[int, Field(ge=1, le=366)] | None = None


class WindowBody(Body):
    """The months whose points make a tier."""

    kind: WindowKind
    months: Annotated[int, Field(ge=1, le=120)]


class RightBody(Body):
    """A right: of a priority, `scope` is the least that a ticket gets; of others, what it is for."""

    kind: EntitlementKind
    scope: Code | None = None

    @model_validator(mode="after")
    def _a_priority(self) -> "RightBody":
        if self.kind == "priority" and self.scope not in ("high", "urgent"):
            raise ValueError("A priority is for tickets of `scope` high or urgent.")
        return self


class BenefitBody(RightBody):
    """What a tier entitles to."""


class TierBody(Body):
    """A tier, reached from so many points or so much spend, and what it entitles to while it is held. All tiers name the same of the two.

    `from_spend`: minor units of the programme's currency, paid and not returned.
    """

    name: Code
    from_points: Annotated[int, Field(ge=0, le=10**12)] = 0
    from_spend: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    window: WindowBody
    entitlements: Annotated[tuple[BenefitBody, ...], Field(max_length=20)] | None = None


class PointValueBody(Body):
    """So many points are worth so many minor units."""

    points: Annotated[int, Field(ge=1, le=1_000_000)]
    amount: Annotated[int, Field(ge=0, le=1_000_000)]


class ReminderBody(Body):
    """How many days before an end a customer is told of it, and when that is too late."""

    days: Annotated[int, Field(ge=1, le=366)]
    latest_days: Annotated[int, Field(ge=0, le=365)] = 0
    channel: Channel

    @model_validator(mode="after")
    def _first_early(self) -> "ReminderBody":
        if self.latest_days >= self.days:
            raise ValueError("Tell earlier (`days`) than when it is too late (`latest_days`).")
        return self


class NoticesBody(Body):
    """Of which ends a member is told; of none that is left out."""

    points_expiring: ReminderBody | None = None
    tier_ending: ReminderBody | None = None


class PendingBody(Body):
    """What points wait for besides `pending_days`: until a day, or for an action, which ends the waiting."""

    until: OfOurTime | None = None
    action: Code | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "PendingBody":
        if (self.until is None) == (self.action is None):
            raise ValueError("Points wait until a day (`until`) or for an action (`action`). Name one.")
        return self


class ReferralTermsBody(Body):
    """Who brings a customer gets this reward, worth `amount` minor units, once the goods can no longer be brought back."""

    reward: Code
    amount: Annotated[int, Field(ge=0, le=10**12, description="minor units")]
    return_days: Annotated[int, Field(ge=0, le=3650)]


class ProgrammeBody(Body):
    """A programme, whole. `valid_from`: default now; the past is allowed, so that imports are judged by it."""

    currency: Currency
    earning: Annotated[tuple[RuleBody, ...], Field(max_length=50)]
    pending_days: Annotated[int, Field(ge=0, le=3650)]
    expiry: ExpiryBody
    tiers: Annotated[tuple[TierBody, ...], Field(max_length=20)]
    downgrade: Downgrade = "recalculated"
    grace_days: Annotated[int, Field(ge=0, le=366)] = 0
    point_value: PointValueBody
    notices: NoticesBody | None = None
    referral: ReferralTermsBody | None = None
    pending: PendingBody | None = None
    valid_from: OfOurTime | None = None


class EnrolmentBody(Told):
    """A new member. Without a programme purchases are kept and nothing is earned."""

    id: UUID | None = None
    customer_id: UUID
    programme: Code | None = None
    card_number: Annotated[str, Field(min_length=1, max_length=64, pattern=r"\w")] | None = None
    channel: Code | None = None


class LineBody(Body):
    """One line of a document. A total that is no multiple of the quantity is sent as two lines."""

    sku: Code
    category: Code
    brand: Code | None = None
    quantity: Quantity
    list_price: Price
    paid_price: Price
    unit_cost: Price | None = None


class TransactionBody(Told):
    """A purchase. `currency`: needed where no programme says it; `offer_id`: the offer that the discount was given for, which is taken by it."""

    id: UUID | None = None
    document: Code
    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, max_length=LINES)]
    currency: Currency | None = None
    channel: Code
    seller_id: Code | None = None
    outlet: Code | None = None
    discount_reason: Code | None = None
    offer_id: UUID | None = None
    delivery: Code | None = None


class ActionBody(Told):
    """What was done: the delivery, a signature."""

    action: Code


class BackBody(Body):
    """So many of a line, by its number in the transaction."""

    line: Annotated[int, Field(ge=1, le=LINES)]
    quantity: Quantity


class ReturnBody(Told):
    """Goods that came back."""

    transaction_id: UUID
    lines: Annotated[tuple[BackBody, ...], Field(min_length=1, max_length=LINES)]
    reason: Code | None = None

    @model_validator(mode="after")
    def _each_line_once(self) -> "ReturnBody":
        if len({each.line for each in self.lines}) < len(self.lines):
            raise ValueError("Name each line once, with all that came back of it.")
        return self


class ReservationBody(Told):
    """Points to hold."""

    points: SomePoints
    reward: Code | None = None


class ConfirmationBody(Told):
    """The redemption was done."""


class CancellationBody(Told):
    """The redemption was not done, or is taken back."""

    reason: Code | None = None


class EntitlementBody(RightBody, Told):
    """A right given by hand. `valid_from`: default now."""

    id: UUID | None = None
    customer_id: UUID
    valid_from: OfOurTime | None = None
    valid_to: OfOurTime | None = None


class RevocationBody(Told):
    """A right taken back."""

    reason: Code
    exception: Long | None = None


class StateBody(Told):
    """Why a member is suspended, resumed or closed."""

    reason: Code


class BlockBody(Told):
    """Points to keep from being spent, or to give back; without a number, all."""

    points: SomePoints | None = None
    reason: Code


class TransferBody(Told):
    """Points for another member of the programme."""

    to_member_id: UUID
    points: SomePoints


class OverrideBody(Told):
    """A tier set by hand. `holds_until`: when points decide again; without it, never."""

    tier: Code
    holds_until: OfOurTime | None = None
    reason: Code
    exception: Long | None = None


class AdjustmentBody(Told):
    """Points given or taken by hand."""

    points: Annotated[int, Field(ge=-(10**12), le=10**12)]
    reason: AdjustmentReason
    cause_event_id: UUID | None = None

    @model_validator(mode="after")
    def _something(self) -> "AdjustmentBody":
        if self.points == 0:
            raise ValueError("Give or take at least one point.")
        return self
