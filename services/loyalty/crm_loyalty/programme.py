"""Which rules of a programme hold at a moment? A programme is published whole, version by version; the past is judged by what was in force then."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never
from uuid import NAMESPACE_URL, UUID, uuid5

from crm_events.deciding import Aggregate, Fact
from crm_events.language.programme import ProgrammeEvent, ProgrammePublished, Tier, TierTerms
from crm_events.refusals import Invalid, Rejected

MOST_VERSIONS = 500  # all are kept in the row: old facts still arrive
NO_TIER = "none"  # what a member sinks to where the lowest tier needs points


@dataclass(frozen=True, slots=True)
class Programme:
    """All versions, oldest first."""

    versions: tuple[ProgrammePublished, ...] = ()

    def in_force(self, at: datetime) -> ProgrammePublished | None:
        """The highest version that was valid by then."""
        return next((version for version in reversed(self.versions) if version.valid_from <= at), None)


def programme_id(name: str) -> UUID:
    """The stream of a programme, by its name."""
    return uuid5(NAMESPACE_URL, f"crm:programme:{name}")


def evolve(programme: Programme, fact: Fact[ProgrammeEvent]) -> Programme:
    """Each publication is a version."""
    match fact.event:
        case ProgrammePublished():
            return Programme((*programme.versions, fact.event))
        case _:
            assert_never(fact.event)


PROGRAMMES = Aggregate("programme", Programme, evolve)


def publish(programme: Programme, *, content: ProgrammePublished, told_when: bool) -> list[ProgrammePublished]:
    """The next version. The newest one's content again is nothing new; `told_when`: `valid_from` was said, and belongs to the content."""
    if not programme.versions:
        return [content]
    newest = programme.versions[-1]
    same = {"version": newest.version} | ({} if told_when else {"valid_from": newest.valid_from})
    if content.model_copy(update=same) == newest:
        return []
    if newest.version >= MOST_VERSIONS:
        raise Rejected("too-many-versions", f"A programme has at most {MOST_VERSIONS} versions. Publish under a new name.")
    return [content.model_copy(update={"version": newest.version + 1})]


def terms(version: ProgrammePublished) -> TierTerms:
    """What a member's stream is told, so that the end of a window is judged from the stream alone."""
    told = {"version": version.version, "tiers": version.tiers, "downgrade": version.downgrade, "grace_days": version.grace_days, "notices": version.notices}
    return TierTerms(**told, currency=version.currency if by_spend(version.tiers) else None)


def by_spend(ladder: Iterable[Tier]) -> bool:
    """Are these tiers reached by what was paid, instead of by points?"""
    return any(tier.from_spend is not None for tier in ladder)


def check(content: ProgrammePublished) -> None:
    """Refuse what cannot be told apart later. Invalid with a pointer."""
    for place, names in (("/earning", [rule.id for rule in content.earning]), ("/tiers", [tier.name for tier in content.tiers])):
        if len(set(names)) < len(names):
            raise Invalid(place, "duplicate", "Each has a name of its own.")
    spend = by_spend(content.tiers)
    if spend and any(tier.from_points for tier in content.tiers):
        raise Invalid("/tiers", "mixed", "A ladder is climbed by points or by spend: give each tier `from_points`, or each `from_spend`.")
    steps = [tier.from_spend or 0 if spend else tier.from_points for tier in content.tiers]
    if steps != sorted(set(steps)):
        raise Invalid("/tiers", "order", "List the tiers from the lowest to the highest, each from more points, or more spend, than the one before.")
    if any(tier.name == NO_TIER for tier in content.tiers):
        raise Invalid("/tiers", "reserved", f"'{NO_TIER}' says that a member has no tier; choose another name.")
    if content.pending is not None and content.pending.action is not None and not content.pending_days:
        raise Invalid("/pending_days", "no-waiting", "Say for how many days points wait for the action at most.")
    if content.point_value.currency != content.currency:
        raise Invalid("/point_value/currency", "currency", "Points are worth money of the programme's currency.")
