"""Which costs and targets hold, and since when? Each a stream of versions in reporting's own store; figures name the version they used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from crm_events.deciding import Aggregate, Fact
from crm_events.language.privacy import ReportingErasureObeyed
from crm_events.language.reference import CostRateSet, TargetSet
from crm_events.obeying import OBEDIENCES
from crm_events.refusals import Invalid, Rejected

from crm_reporting.exporting import EXPORTS

MOST_VERSIONS = 500  # all are kept in the row: figures of the past are asked for too

V = TypeVar("V", CostRateSet, TargetSet)


@dataclass(frozen=True, slots=True)
class CostRates:
    """All versions of one cost rate, oldest first."""

    told: tuple[CostRateSet, ...] = ()


@dataclass(frozen=True, slots=True)
class Targets:
    """All versions of one target, oldest first."""

    told: tuple[TargetSet, ...] = ()


def evolve_rates(rates: CostRates, fact: Fact[CostRateSet]) -> CostRates:
    """One version more."""
    return CostRates((*rates.told, fact.event))


def evolve_targets(targets: Targets, fact: Fact[TargetSet]) -> Targets:
    """One version more."""
    return Targets((*targets.told, fact.event))


COST_RATES = Aggregate("cost_rate", CostRates, evolve_rates)
TARGETS = Aggregate("target", Targets, evolve_targets)
AGGREGATES: tuple[Aggregate[Any, Any], ...] = (COST_RATES, TARGETS, OBEDIENCES[ReportingErasureObeyed], EXPORTS)


def input_id(kind: str, name: str) -> UUID:
    """The stream of the input of this name."""
    return uuid5(NAMESPACE_URL, f"crm:{kind}:{name}")


def set_input(versions: Sequence[V], kind: type[V], content: Mapping[str, Any], *, now: datetime) -> list[V]:
    """The next version, in force from its `valid_from` (default now). Nothing when the newest version says the same."""
    told_when = content.get("valid_from") is not None
    start = content["valid_from"] if told_when else now
    ends = content.get("valid_to")
    if ends is not None and ends <= start:
        raise Invalid("/valid_to", "order", "It must end after it begins.")
    fields = {name: value for name, value in content.items() if value is not None} | {"valid_from": start}
    newest = versions[-1] if versions else None
    if newest is not None:
        same = kind(**{**fields, "version": newest.version, "valid_from": start if told_when else newest.valid_from})
        if same == newest:
            return []
        if newest.version >= MOST_VERSIONS:
            raise Rejected("too-many-versions", f"An input has at most {MOST_VERSIONS} versions. Set it under a new name.")
    return [kind(**{**fields, "version": newest.version + 1 if newest else 1})]
