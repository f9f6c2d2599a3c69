"""What was promised to whom, and in which hours? Policies and calendars as streams of versions; an old version is never forgotten, for clocks name it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from crm_events.deciding import Aggregate, Fact
from crm_events.language.procedure import MacroDefined, ProcedureDefined
from crm_events.language.sla import CalendarDefined, SlaPolicyDefined

V = TypeVar("V", SlaPolicyDefined, CalendarDefined, ProcedureDefined, MacroDefined)


@dataclass(frozen=True, slots=True)
class Policy:
    """All versions of one policy, the first one first."""

    versions: tuple[SlaPolicyDefined, ...] = ()


@dataclass(frozen=True, slots=True)
class Hours:
    """All versions of one calendar, the first one first."""

    versions: tuple[CalendarDefined, ...] = ()


def evolve_policy(policy: Policy, fact: Fact[SlaPolicyDefined]) -> Policy:
    """One version more."""
    return replace(policy, versions=(*policy.versions, fact.event))


def evolve_hours(hours: Hours, fact: Fact[CalendarDefined]) -> Hours:
    """One version more."""
    return replace(hours, versions=(*hours.versions, fact.event))


POLICIES: Aggregate[Policy, SlaPolicyDefined] = Aggregate("sla_policy", Policy, evolve_policy)
CALENDARS: Aggregate[Hours, CalendarDefined] = Aggregate("calendar", Hours, evolve_hours)


def policy_id(name: str) -> UUID:
    """The stream of the policy of this name."""
    return uuid5(NAMESPACE_URL, f"crm:sla_policy:{name}")


def calendar_id(name: str) -> UUID:
    """The stream of the calendar of this name."""
    return uuid5(NAMESPACE_URL, f"crm:calendar:{name}")


def in_force(versions: Sequence[V], at: datetime) -> V | None:
    """The highest version that holds at `at`; None before the first."""
    return next((version for version in reversed(versions) if version.valid_from <= at), None)


def define_policy(policy: Policy, *, valid_from: datetime | None, now: datetime, **content: Any) -> list[SlaPolicyDefined]:
    """The next version, in force from `valid_from` (default now); nothing if the newest version says the same."""
    number = len(policy.versions) + 1
    return next_version(policy.versions, SlaPolicyDefined(version=number, valid_from=valid_from or now, **content), valid_from)


def define_calendar(hours: Hours, *, valid_from: datetime | None, now: datetime, **content: Any) -> list[CalendarDefined]:
    """The next version, in force from `valid_from` (default now); nothing if the newest version says the same."""
    number = len(hours.versions) + 1
    return next_version(hours.versions, CalendarDefined(version=number, valid_from=valid_from or now, **content), valid_from)


def next_version(versions: Sequence[V], wanted: V, valid_from: datetime | None) -> list[V]:
    """What is wanted, unless the newest version says the same."""
    if versions:
        told = versions[-1]
        same = wanted.model_copy(update={"version": told.version, "valid_from": told.valid_from if valid_from is None else valid_from})
        if same == told:
            return []
    return [wanted]
