"""How does a loyalty programme give, keep and value points?"""

from typing import Literal, TypeAlias

from crm_events.event import Code, Currency, Decimals, Event, Instant, Value
from crm_events.language.entitlement import EntitlementKind
from crm_events.language.words import Channel, Count, Maybe, MinorUnits, Ordinal, Points

Basis: TypeAlias = Literal["line", "order"]
Rounding: TypeAlias = Literal["floor", "half_up"]
WindowKind: TypeAlias = Literal["calendar", "rolling", "anniversary"]
Downgrade: TypeAlias = Literal["one_step", "recalculated"]


class EarningConditions(Value):
    """Which purchases a rule is for. Each list admits any of its values; an empty one admits all."""

    categories: tuple[Code, ...] = ()
    skus: tuple[Code, ...] = ()
    brands: tuple[Code, ...] = ()
    channels: tuple[Code, ...] = ()
    outlets: tuple[Code, ...] = ()
    tiers: tuple[Code, ...] = ()
    min_amount: MinorUnits = 0


class PointsPer(Value):
    """So many points for so many minor units spent."""

    points: Points
    amount: Ordinal


class EarningRule(Value):
    """One rule; rules are tried in order, and one with `stop` that fires ends the trial of what it fired on."""

    id: Code
    when: EarningConditions
    basis: Basis
    points_per: PointsPer
    multiplier: Decimals
    rounding: Rounding
    stop: bool


class Expiry(Value):
    """Whole calendar months after `earned_at`; `null` = never.

    `restored_days`: what a reversed redemption gives back to a lot that has ended lives so many days more, once; without it, it ends at once.
    """

    months: Ordinal | None
    restored_days: Maybe[Ordinal] = None


class TierWindow(Value):
    """The months whose qualifying points make a tier."""

    kind: WindowKind
    months: Ordinal


class Benefit(Value):
    """What a tier entitles to while it is held."""

    kind: EntitlementKind
    scope: Maybe[Code] = None


class Tier(Value):
    """A rank reached from so many qualifying points in its window, or from so much spend in it, and what it entitles to.

    `from_spend`: minor units of the programme's currency; one tier that names it makes the whole ladder one of spend, and `from_points` is 0 in all of it.
    """

    name: Code
    from_points: Count
    window: TierWindow
    entitlements: Maybe[tuple[Benefit, ...]] = None
    from_spend: Maybe[MinorUnits] = None


class Reminder(Value):
    """A customer is told so many days before an end; from `latest_days` before it on, that would be of no use."""

    days: Ordinal
    latest_days: Count
    channel: Channel


class Notices(Value):
    """Of which ends a member is told."""

    points_expiring: Maybe[Reminder] = None
    tier_ending: Maybe[Reminder] = None


class TierTerms(Value):
    """How a member's tier is judged: a version's tiers, and what the end of a window does; and of which ends it is told. `currency`: of a tier by spend."""

    version: Ordinal
    tiers: tuple[Tier, ...]
    downgrade: Downgrade
    grace_days: Count
    notices: Maybe[Notices] = None
    currency: Maybe[Currency] = None


class PointValue(Value):
    """So many points are worth so many minor units: one point may be worth less than one."""

    points: Points
    amount: MinorUnits
    currency: Currency


class Pending(Value):
    """What points wait for besides `pending_days`: a day (`until`), or an action, after which they wait no longer; without it, for those days."""

    until: Maybe[Instant] = None
    action: Maybe[Code] = None


class ReferralTerms(Value):
    """Who brings a customer gets this reward, worth `amount` minor units, when goods can no longer be brought back."""

    reward: Code
    amount: MinorUnits
    currency: Currency
    return_days: Count


class ProgrammePublished(Event):
    """A version of a whole programme: rules are never changed one by one."""

    type = "programme.published"
    keyed_by_stream = True
    name: Code
    version: Ordinal
    currency: Currency
    earning: tuple[EarningRule, ...]
    pending_days: Count
    expiry: Expiry
    tiers: tuple[Tier, ...]
    downgrade: Downgrade
    grace_days: Count
    point_value: PointValue
    valid_from: Instant
    notices: Maybe[Notices] = None
    referral: Maybe[ReferralTerms] = None
    pending: Maybe[Pending] = None


ProgrammeEvent: TypeAlias = ProgrammePublished
