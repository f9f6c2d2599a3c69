"""Which tier has a member earned? By qualifying points or spend in a window, never by what is left to spend: redeeming and expiring lower no tier.

A tier is reached at once and judged at the end of its window (and grace): retained, or downgraded. Only what rules gave for purchases qualifies, or
what was paid for them; what a return takes back no longer does. Spend counts from the first version of the programme that asks for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from crm_events.deciding import At
from crm_events.language.by_hand import TierOverridden
from crm_events.language.loyalty import TierDowngraded, TierQualified, TierRetained
from crm_events.language.programme import Tier, TierTerms

from crm_loyalty.periods import add_months, bucket, standing, window
from crm_loyalty.programme import NO_TIER, by_spend

INSTANT = timedelta(milliseconds=1)  # the store's smallest step: just before a window's end is still inside it


@dataclass(frozen=True, slots=True)
class Counted:
    """Qualifying points earned, or minor units spent, in one stretch of time, see `periods.bucket`."""

    since: datetime
    points: int


@dataclass(frozen=True, slots=True)
class Held:
    """The tier held, the window that gave it, and when it is judged: `ends`, or `until` where there is grace. None: never."""

    name: str
    since: datetime
    window_from: datetime
    window_to: datetime
    ends: datetime | None
    until: datetime | None
    lowered: bool = False  # by hand: no purchase lifts it before its time
    noticed: bool = False  # its end was told, or it was too late to tell


@dataclass(frozen=True, slots=True)
class Standing:
    """What the judgement of a tier asks for: the terms last told, and the qualifying points, and spend, of two longest windows."""

    enrolled_at: datetime | None = None
    terms: TierTerms | None = None
    held: Held | None = None
    counted: tuple[Counted, ...] = ()
    enrolment: UUID | None = None  # the event that made the member: what is told of it is named after it
    spent: tuple[Counted, ...] = ()

    @property
    def tier(self) -> str | None:
        """The tier's name."""
        return self.held.name if self.held and self.held.name != NO_TIER else None

    @property
    def basis(self) -> Literal["points", "spend"]:
        """What the ladder is climbed by."""
        return "spend" if self.terms and by_spend(self.terms.tiers) else "points"

    def qualifying(self, since: datetime, until: datetime) -> int:
        """Points earned, or minor units spent, in [since, until), less what was returned of them."""
        counted = self.spent if self.basis == "spend" else self.counted
        return max(0, sum(stretch.points for stretch in counted if since <= stretch.since < until))

    def rank(self, name: str | None) -> int:
        """The place of a tier in the ladder; -1 for none, and for one the terms no longer know."""
        return next((place for place, tier in enumerate(self.terms.tiers) if tier.name == name), -1) if self.terms else -1


def least(tier: Tier) -> int:
    """From how many points, or how much spend, a tier is reached."""
    return tier.from_points if tier.from_spend is None else tier.from_spend


def count(state: Standing, points: int, at: datetime) -> Standing:
    """Qualifying points earned at `at`; negative when returned."""
    return replace(state, counted=_counted(state, state.counted, points, at))


def count_spend(state: Standing, amount: int, at: datetime) -> Standing:
    """Minor units paid for what was sold at `at`; negative when returned."""
    return replace(state, spent=_counted(state, state.spent, amount, at))


def _counted(state: Standing, stretches: tuple[Counted, ...], number: int, at: datetime) -> tuple[Counted, ...]:
    if state.terms is None or state.enrolled_at is None:
        return stretches
    start = bucket(at, state.enrolled_at)
    sums = {stretch.since: stretch.points for stretch in stretches}
    sums[start] = sums.get(start, 0) + number
    oldest = add_months(max(sums), -2 * max((tier.window.months for tier in state.terms.tiers), default=0) - 1)
    return tuple(Counted(since, sums[since]) for since in sorted(sums) if since >= oldest and sums[since])


def in_window(state: Standing, tier: Tier, at: datetime) -> tuple[int, datetime, datetime]:
    """Qualifying points, or spend, in the tier's window around `at`, and that window."""
    since, until = window(tier.window, at, state.enrolled_at or at)
    return state.qualifying(since, until), since, until


def best(state: Standing, moments: Iterable[datetime]) -> Tier | None:
    """The highest tier that was reached in its window around any of these moments."""
    tiers = state.terms.tiers if state.terms else ()
    return next((tier for tier in reversed(tiers) if any(in_window(state, tier, at)[0] >= least(tier) for at in moments)), None)


def rise(state: Standing, programme: str, at: datetime) -> list[At[TierQualified]]:
    """The tier just reached, if it is above the one held. A purchase told late counts as if known at the last judgement."""
    if state.held and state.held.lowered:
        return []
    when = max(at, state.held.since) if state.held else at
    reached = best(state, [when])
    if reached is None or state.rank(reached.name) <= state.rank(state.tier):
        return []
    return [At(_qualified(state, programme, reached, when), when)]


def unearned(state: Standing, programme: str, *, returned: int, earned_at: datetime, at: datetime) -> list[TierQualified]:
    """After a return of so many points, or so much spend: if it is what takes the window that gave the tier below its least, the tier that remains."""
    held, place = state.held, state.rank(state.tier)
    if held is None or state.terms is None or place < 0 or not held.window_from <= earned_at < held.window_to:
        return []
    left = state.qualifying(held.window_from, held.window_to)
    if not left < least(state.terms.tiers[place]) <= left + returned:
        return []
    remains = best(state, [at])
    if remains is not None and state.rank(remains.name) >= place:
        return []
    return [_qualified(state, programme, remains, at)]


def judge(state: Standing, programme: str) -> TierRetained | TierDowngraded | TierQualified | None:
    """At the end of the held tier's window: it is kept if the window that ended, or the one running when grace ends, reaches it."""
    held, ladder = state.held, state.terms
    if held is None or held.ends is None or held.until is None or ladder is None:
        return None
    place, moments = state.rank(held.name), [held.ends - INSTANT, held.until - INSTANT]
    reached = best(state, moments) if held.lowered else None
    if reached is not None and state.rank(reached.name) > place:
        return _qualified(state, programme, reached, held.ends)
    for at in moments if place >= 0 else []:
        if in_window(state, ladder.tiers[place], at)[0] >= least(ladder.tiers[place]):
            return TierRetained(**_step(state, programme, ladder.tiers[place], counted_at=at, stands_from=held.ends))
    lower = ladder.tiers[place - 1] if ladder.downgrade == "one_step" and place > 0 else best(state, moments)
    return TierDowngraded(**_step(state, programme, lower, counted_at=moments[0], stands_from=held.ends))


def hold(state: Standing, event: TierQualified | TierRetained | TierDowngraded | TierOverridden, at: datetime) -> Standing:
    """The standing after a tier event that happened at `at`."""
    until = event.holds_until
    if isinstance(event, TierOverridden):
        return replace(state, held=Held(event.tier, at, at, at, until, until, lowered=state.rank(event.tier) < state.rank(event.previous)))
    grace = timedelta(days=state.terms.grace_days if state.terms else 0)
    return replace(state, held=Held(event.tier, at, event.window_from, event.window_to, until - grace if until else None, until))


def next_tier(state: Standing, at: datetime) -> tuple[Tier, int] | None:
    """The tier above the one held, and the points, or minor units, still missing."""
    place = state.rank(state.tier) + 1
    if state.terms is None or place >= len(state.terms.tiers):
        return None
    tier = state.terms.tiers[place]
    return tier, max(0, least(tier) - in_window(state, tier, at)[0])


def _qualified(state: Standing, programme: str, tier: Tier | None, at: datetime) -> TierQualified:
    return TierQualified(**_step(state, programme, tier, counted_at=at, stands_from=at))


def _step(state: Standing, programme: str, tier: Tier | None, *, counted_at: datetime, stands_from: datetime) -> dict[str, Any]:
    """The fields of a tier event: the window that was counted, and until when the tier stands."""
    terms = state.terms
    shown = tier or (terms.tiers[0] if terms and terms.tiers else None)
    if terms is None or shown is None:
        raise AssertionError("a tier is judged by terms")
    points, since, until = in_window(state, shown, counted_at)
    fields: dict[str, Any] = {"programme": programme, "programme_version": terms.version, "tier": tier.name if tier else NO_TIER, "previous": state.tier}
    if tier is not None and least(tier):
        ends = standing(tier.window, stands_from, state.enrolled_at or stands_from)
        fields["holds_until"] = ends + timedelta(days=terms.grace_days)
    return fields | {"basis": state.basis, "qualifying": points, "window_from": since, "window_to": until}
