"""Which inputs do figures need that no customer's event tells: costs and targets?"""

from typing import Literal, TypeAlias

from crm_events.event import Code, Decimals, Event, Instant, Money
from crm_events.language.words import Goal, Maybe, Ordinal

Activity: TypeAlias = Literal["marketing", "selling", "service", "logistics", "retention", "loyalty", "credit", "platform", "overhead"]
Driver: TypeAlias = Literal["minute", "message", "interaction", "delivery", "return", "transaction", "ticket", "day_late", "month"]
TargetScope: TypeAlias = Literal["company", "agent", "group", "customer", "programme", "market", "category"]


class CostRateSet(Event):
    """What `per` units of a driver cost, from `valid_from` on; narrowed by role, channel, category, delivery or goal."""

    type = "cost_rate.set"
    keyed_by_stream = True
    name: Code
    version: Ordinal
    activity: Activity
    driver: Driver
    role: Maybe[Code] = None
    channel: Maybe[Code] = None
    category: Maybe[Code] = None
    delivery: Maybe[Code] = None
    goal: Maybe[Goal] = None
    amount: Money
    per: Ordinal
    valid_from: Instant
    valid_to: Maybe[Instant] = None


class TargetSet(Event):
    """The value a figure should reach, for the whole company or a part of it."""

    type = "target.set"
    keyed_by_stream = True
    name: Code
    version: Ordinal
    kpi: Maybe[Code] = None
    value: Decimals
    unit: Code
    scope: TargetScope
    scope_id: Maybe[Code] = None
    valid_from: Instant
    valid_to: Maybe[Instant] = None


CostRateEvent: TypeAlias = CostRateSet
TargetEvent: TypeAlias = TargetSet
