"""Is a tier reached by what was paid and kept? By the same rules as a tier by points, and each tier event tells what counting by hand finds."""

from datetime import datetime
from random import Random
from typing import Any

import pytest
from crm_events.deciding import At
from crm_events.language.loyalty import TierDowngraded, TierQualified, TierRetained, TierSpendCounted
from crm_events.refusals import Invalid
from crm_loyalty.programme import check
from crm_loyalty.tiers import next_tier
from loyalty_words import ANNIVERSARY, CALENDAR, ROLLING, Story, day, line, published, tier

Step = TierQualified | TierRetained | TierDowngraded
POINTS = {"silver": 0, "gold": 500, "black": 1100}
QUARTERS = {"kind": "rolling", "months": 3}


def by(basis: str, window: dict[str, Any] = ROLLING, **fields: Any) -> Story:
    """A ladder by points or by spend; a point is given for every 100 minor units, so both have the same steps."""
    steps = tuple(tier(name, least, window) if basis == "points" else tier(name, 0, window, from_spend=least * 100) for name, least in POINTS.items())
    return Story(published(tiers=steps, expiry={"months": None}, **fields))


def steps_of(story: Story) -> list[Step]:
    events = [happened.event if isinstance(happened, At) else happened for happened in story.history]
    return [event for event in events if isinstance(event, TierQualified | TierRetained | TierDowngraded)]


def counted(story: Story) -> list[int]:
    return [happened.amount for happened in story.history if isinstance(happened, TierSpendCounted)]


def test_a_purchase_that_earns_no_points_lifts_by_what_was_paid() -> None:
    story = by("spend")
    story.version = story.version.model_copy(update={"earning": ()})
    story.buys("A-1", line(1, 60_000), at=day(0))
    assert story.member.ledger.issued == 0 and story.member.standing.tier == "gold"
    (step,) = steps_of(story)
    assert (step.basis, step.qualifying, step.previous) == ("spend", 60_000, None)


def test_what_comes_back_no_longer_counts() -> None:
    story = by("spend")
    story.buys("A-1", line(3, 20_000), line(1, 2_000, number=2), at=day(0))
    assert story.member.standing.tier == "gold"
    story.returns("A-1", {2: 1}, at=day(1))
    assert story.member.standing.tier == "gold"
    story.returns("A-1", {1: 1}, at=day(2))
    assert story.member.standing.tier == "silver"
    assert counted(story) == [62_000, -2_000, -20_000]


def test_what_is_missing_is_told_in_money() -> None:
    story = by("spend")
    story.buys("A-1", line(1, 12_345), at=day(0))
    above = next_tier(story.member.standing, day(1))
    assert above and (above[0].name, above[1]) == ("gold", 37_655)


def test_a_ladder_by_points_counts_no_spend() -> None:
    story = by("points")
    story.buys("A-1", line(1, 60_000), at=day(0))
    assert not counted(story) and not story.member.standing.spent


def test_spend_counts_from_the_version_that_asks_for_it() -> None:
    story = by("points")
    story.buys("A-1", line(1, 60_000), at=day(0))
    asked = by("spend").version
    story.version = asked.model_copy(update={"version": 2})
    story.buys("A-2", line(1, 1_000), at=day(1))
    assert story.member.standing.basis == "spend" and story.member.standing.tier == "gold", "a tier that is held is judged at its end"
    story.returns("A-1", {1: 1}, at=day(2))
    assert counted(story) == [1_000], "what had not counted is not taken off"
    story.until(day(800))
    assert story.member.standing.tier == "silver"


def test_points_and_spend_are_not_mixed() -> None:
    with pytest.raises(Invalid) as refused:
        check(published(tiers=(tier("silver", 0), tier("gold", 500), tier("black", 0, from_spend=1))))
    assert refused.value.code == "mixed"
    with pytest.raises(Invalid):
        check(published(tiers=(tier("silver", 0, from_spend=20), tier("gold", 0, from_spend=10))))
    check(published(tiers=(tier("silver", 0), tier("gold", 0, from_spend=10))))


@pytest.mark.parametrize("seed", range(24))
def test_any_history_gives_the_same_tiers_by_points_and_by_spend_and_each_tells_what_was_counted(seed: int) -> None:
    """Purchases in order and late, returns, years of silence; each step's window is summed by hand over the purchases told so far."""
    dice = Random(seed)
    fields = {"downgrade": dice.choice(("one_step", "recalculated")), "grace_days": dice.choice((0, 20))}
    window = dice.choice((ROLLING, CALENDAR, ANNIVERSARY, QUARTERS))
    ladders = {basis: by(basis, window, **fields) for basis in ("points", "spend")}
    sold: dict[str, tuple[datetime, int, int]] = {}  # document: when, for how much each, how many are left
    now, met = 0.0, 0
    for number in range(25):
        now += dice.choice((0.0, 3.0, 40.0, 40.0, 200.0))
        open_ones = [name for name, (_, _, left) in sold.items() if left]
        if open_ones and dice.random() < 0.3:
            name = dice.choice(open_ones)
            when, price, left = sold[name]
            back = dice.randint(1, left)
            sold[name] = when, price, left - back
            for story in ladders.values():
                story.returns(name, {1: back}, at=day(now))
        else:
            name, when = f"A-{number}", day(max(0.0, now - dice.choice((0.0, 0.0, 0.0, 30.0, 100.0))))
            quantity, price = dice.randint(1, 3), 100 * dice.randint(20, 400)
            for story in ladders.values():
                story.until(day(now)).buys(name, line(quantity, price), at=when)
            sold[name] = when, price, quantity
        points, spend = (steps_of(story) for story in ladders.values())
        assert [(type(step), step.tier, step.window_from, step.window_to, step.qualifying * 100) for step in points] == [
            (type(step), step.tier, step.window_from, step.window_to, step.qualifying) for step in spend
        ]
        for step in spend[met:][-1:]:  # the last one of this turn: all of the sums before it may have moved on since
            paid = sum(price * left for when, price, left in sold.values() if step.window_from <= when < step.window_to)
            if not isinstance(step, TierRetained | TierDowngraded):
                assert step.qualifying == paid, (name, step)
        met = len(spend)
    assert met > 2, "tiers were reached and judged"


def test_the_counts_of_two_windows_are_kept_and_no_more() -> None:
    story = by("spend", QUARTERS)
    for number in range(40):
        story.buys(f"A-{number}", line(1, 500), at=day(31 * number))
    assert len(story.member.standing.spent) <= 16
