"""Is a tier earned by earning, kept by earning, and lost only at the end of its window?"""

from datetime import UTC, datetime
from typing import Any

from crm_events.deciding import At
from crm_events.language.loyalty import TierDowngraded, TierQualified, TierRetained
from crm_loyalty import points
from crm_loyalty.member import MEMBERS, enrol
from crm_loyalty.tiers import next_tier
from loyalty_words import ANNIVERSARY, CALENDAR, ROLLING, START, Story, confirm, day, enrolled, line, named, published, reserve, tier

SPENT = {100: line(1, 10_000), 500: line(1, 50_000), 600: line(1, 60_000)}


def given_by_hand(story: Story, amount: int, name: str, moment: datetime) -> None:
    told = {"adjustment_id": named(name), "points": amount, "reason": "goodwill", "cause_event_id": None, "version": story.version, "at": moment}
    story.does(lambda member: points.adjust(member, **told), moment)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def ladder(window: dict[str, Any] = ROLLING, **fields: Any) -> Story:
    tiers = (tier("silver", 0, window), tier("gold", 500, window), tier("black", 1100, window))
    return Story(published(tiers=tiers, expiry={"months": None}, **fields))


def tiers_of(story: Story) -> list[tuple[str, str]]:
    events = [happened.event if isinstance(happened, At) else happened for happened in story.history]
    return [(type(event).__name__[4:].lower(), event.tier) for event in events if isinstance(event, TierQualified | TierRetained | TierDowngraded)]


def test_a_member_begins_in_the_tier_that_needs_no_points() -> None:
    version = published(tiers=(tier("silver", 0), tier("gold", 500)))
    _, qualified = enrol(MEMBERS.state(), member_id=named("member"), event=enrolled(version), version=version, at=START)
    assert isinstance(qualified, TierQualified)
    assert (qualified.tier, qualified.previous, qualified.holds_until) == ("silver", None, None)
    assert len(enrol(MEMBERS.state(), member_id=named("member"), event=enrolled(version), version=published(tiers=(tier("gold", 500),)), at=START)) == 1


def test_a_tier_is_reached_with_the_purchase_that_reaches_it() -> None:
    story = ladder()
    story.buys("A-1", SPENT[100], at=day(0))
    assert story.member.standing.tier == "silver"
    _, qualified = story.buys("A-2", SPENT[500], at=day(1))
    assert isinstance(qualified, At) and isinstance(qualified.event, TierQualified)
    assert (qualified.event.tier, qualified.event.previous, qualified.event.qualifying) == ("gold", "silver", 600)
    assert qualified.event.holds_until == at(2027, 1, 11, 9, 30)


def test_t32_redeeming_never_lowers_a_tier() -> None:
    story = ladder()
    story.buys("A-1", SPENT[600], at=day(0))
    story.does(lambda member: reserve(member, 600, at=day(1)), day(1))
    story.does(confirm, day(1))
    story.until(day(300))
    assert story.member.ledger.available == 0 and story.member.standing.tier == "gold"


def test_expiry_and_adjustments_change_no_tier() -> None:
    story = Story(published(tiers=(tier("silver", 0), tier("gold", 500)), expiry={"months": 1}))
    given_by_hand(story, 900, "a", day(0))
    assert story.member.standing.tier is None, "goodwill does not qualify"
    story.buys("A-1", SPENT[600], at=day(1))
    given_by_hand(story, -900, "b", day(2))
    story.until(day(90))
    assert story.member.standing.tier == "gold"


def test_a_rolling_tier_is_kept_by_earning_again_and_lost_without() -> None:
    story = ladder()
    story.buys("A-1", SPENT[500], at=day(0))
    story.buys("A-2", SPENT[500], at=day(200))
    story.until(day(366))
    assert tiers_of(story)[-1] == ("retained", "gold")
    story.until(day(800))
    assert tiers_of(story)[-1] == ("downgraded", "silver") and story.member.standing.tier == "silver"


def test_a_calendar_tier_holds_to_the_end_of_the_year_after() -> None:
    story = ladder(CALENDAR)
    story.buys("A-1", SPENT[500], at=day(0))
    story.until(at(2027, 12, 31))
    assert tiers_of(story) == [("qualified", "gold"), ("retained", "gold")]
    assert story.until(at(2028, 1, 1)).member.standing.tier == "silver"


def test_an_anniversary_tier_follows_the_day_of_enrolment() -> None:
    story = ladder(ANNIVERSARY)
    story.buys("A-1", SPENT[500], at=day(360))
    (qualified,) = [happened.event for happened in story.history if isinstance(happened, At)]
    assert (qualified.window_from, qualified.window_to, qualified.holds_until) == (START, at(2027, 1, 10, 9, 30), at(2027, 1, 10, 9, 30))


def test_a_downgrade_is_one_step_or_to_what_the_points_say() -> None:
    for how, expected in (("one_step", "gold"), ("recalculated", "silver")):
        story = ladder(downgrade=how)
        story.buys("A-1", line(1, 120_000), at=day(0))
        assert story.member.standing.tier == "black"
        story.until(day(366))
        assert tiers_of(story)[-1] == ("downgraded", expected)


def test_grace_gives_time_to_earn_what_is_missing() -> None:
    late = ladder(grace_days=30)
    late.buys("A-1", SPENT[600], at=day(0))
    assert MEMBERS.due(late.member) == at(2027, 2, 9, 9, 30)
    late.buys("A-2", SPENT[500], at=day(390))
    assert late.until(day(400)).member.standing.tier == "gold"
    none = ladder(grace_days=30)
    none.buys("A-1", SPENT[600], at=day(0))
    assert none.until(day(394)).member.standing.tier == "gold" and none.until(day(396)).member.standing.tier == "silver"


def test_a_tier_without_any_below_it_is_lost_altogether() -> None:
    story = Story(published(tiers=(tier("gold", 500),), expiry={"months": None}))
    assert story.member.standing.tier is None
    story.buys("A-1", SPENT[600], at=day(0))
    story.until(day(400))
    assert tiers_of(story)[-1] == ("downgraded", "none") and story.member.standing.tier is None
    story.buys("A-2", SPENT[600], at=day(401))
    assert story.member.standing.tier == "gold"


def test_a_return_takes_back_the_tier_it_bought() -> None:
    story = ladder()
    story.buys("A-1", SPENT[100], at=day(0))
    story.buys("A-2", line(2, 25_000), at=day(1))
    story.returns("A-2", {1: 1}, at=day(2))
    assert tiers_of(story)[-1] == ("qualified", "silver")


def test_a_return_takes_no_tier_that_points_had_not_bought() -> None:
    story = ladder(downgrade="one_step")
    story.buys("A-1", line(1, 120_000), at=day(0))
    story.buys("A-2", SPENT[100], at=day(340))
    story.until(day(366))
    assert story.member.standing.tier == "gold", "one step below black"
    story.returns("A-2", {1: 1}, at=day(367))
    assert story.member.standing.tier == "gold"


def test_a_return_takes_no_tier_that_later_purchases_earned_again() -> None:
    story = ladder()
    story.buys("A-1", SPENT[500], at=day(0))
    story.buys("A-2", SPENT[500], at=day(40))
    story.returns("A-1", {1: 1}, at=day(50))
    assert tiers_of(story) == [("qualified", "gold")]


def test_a_return_that_leaves_enough_changes_nothing() -> None:
    story = ladder()
    story.buys("A-1", SPENT[600], at=day(0))
    story.buys("A-2", SPENT[100], at=day(1))
    story.returns("A-2", {1: 1}, at=day(2))
    assert story.member.standing.tier == "gold"


def test_a_purchase_told_late_counts_in_its_own_window() -> None:
    story = ladder()
    story.buys("A-1", SPENT[600], at=day(0))
    story.until(day(400))
    assert story.member.standing.tier == "silver"
    story.buys("A-2", SPENT[100], at=day(350))
    assert story.member.standing.tier == "silver", "one hundred more in that year would not have kept gold"
    story.buys("A-3", SPENT[500], at=day(351))
    assert story.member.standing.tier == "gold", "with these the year before the judgement reaches it"


def test_a_change_of_the_programme_is_judged_by_from_the_next_purchase() -> None:
    story = ladder()
    story.buys("A-1", SPENT[600], at=day(0))
    story.version = published(version=2, tiers=(tier("silver", 0), tier("gold", 50)), expiry={"months": None})
    story.buys("A-2", SPENT[100], at=day(200))
    story.until(day(400))
    assert tiers_of(story)[-1] == ("retained", "gold")


def test_what_is_missing_for_the_next_tier_is_told() -> None:
    story = ladder()
    story.buys("A-1", SPENT[100], at=day(0))
    above = next_tier(story.member.standing, day(1))
    assert above and (above[0].name, above[1]) == ("gold", 400)
    story.buys("A-2", line(1, 200_000), at=day(1))
    assert next_tier(story.member.standing, day(2)) is None


def test_a_long_silence_is_judged_step_by_step_and_ends() -> None:
    story = ladder(downgrade="one_step")
    story.buys("A-1", line(1, 120_000), at=day(0))
    assert [happened.occurred_at.year for happened in MEMBERS.advance(story.member, at(2090, 1, 1))] == [2027, 2028]
