"""Which costs and targets hold, and since when? Each a stream of versions in reporting's own store; figures name the version they used."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from crm_events.deciding import Aggregate, Fact
from crm_events.language.reference import CostRateSet, TargetSet
from crm_events.refusals import Invalid, Rejected

MOST_VERSIONS = 500  # all are kept in the row: figures of the past are asked for too

V = TypeVar("V", CostRateSet, TargetSet)


@dataclass(frozen=True, slots=True)
class Versions(Generic[V]):
    """All versions of one input, oldest first."""

    told: tuple[V, ...] = ()

    def in_force(self, at: datetime) -> V | None:
        """The highest version that holds at `at`; None before the first or after its end."""
        found = next((each for each in reversed(self.told) if each.valid_from <= at), None)
        return None if found is not None and found.valid_to is not None and found.valid_to <= at else found


def evolve(versions: Versions[V], fact: Fact[V]) -> Versions[V]:
    """One version more."""
    told: tuple[Any, ...] = (*versions.told, fact.event)  # of one kind: a stream holds one kind of input
    return Versions(told)


COST_RATES: Aggregate[Versions[CostRateSet], CostRateSet] = Aggregate("cost_rate", Versions[CostRateSet], evolve)
TARGETS: Aggregate[Versions[TargetSet], TargetSet] = Aggregate("target", Versions[TargetSet], evolve)
AGGREGATES: tuple[Aggregate[Any, Any], ...] = (COST_RATES, TARGETS)


def input_id(kind: str, name: str) -> UUID:
    """The stream of the input of this name."""
    return uuid5(NAMESPACE_URL, f"crm:{kind}:{name}")


def set_input(versions: Versions[V], kind: type[V], content: dict[str, Any], *, now: datetime) -> list[V]:
    """The next version, in force from its `valid_from` (default now). Nothing when the newest version says the same."""
    told_when = content.get("valid_from") is not None
    start = content["valid_from"] if told_when else now
    ends = content.get("valid_to")
    if ends is not None and ends <= start:
        raise Invalid("/valid_to", "order", "It must end after it begins.")
    fields = {name: value for name, value in content.items() if value is not None} | {"valid_from": start}
    newest = versions.told[-1] if versions.told else None
    if newest is not None:
        same = kind(**{**fields, "version": newest.version, "valid_from": start if told_when else newest.valid_from})
        if same == newest:
            return []
        if newest.version >= MOST_VERSIONS:
            raise Rejected("too-many-versions", f"An input has at most {MOST_VERSIONS} versions. Set it under a new name.")
    return [kind(**{**fields, "version": newest.version + 1 if newest else 1})]
