"""Are points earned, held back, expired, taken back and owed to the last one?"""

from datetime import UTC, datetime

import pytest
from crm_events.language.loyalty import PointsActivated, PointsEarned, PointsExpired, PointsReversed
from crm_events.refusals import NotFound, Rejected
from crm_events.testing import given
from crm_loyalty import points
from crm_loyalty.earning import Earning
from crm_loyalty.ledger import CLOSED, Ledger
from crm_loyalty.member import MEMBERS, Member
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from loyalty_words import START, Story, confirm, day, enrolled, line, named, published, reserve, rule

HUNDRED = line(1, 10_000)


def adjusted(story: Story, amount: int, at: datetime, name: str = "a") -> None:
    told = {"adjustment_id": named(name), "points": amount, "reason": "correction", "cause_event_id": None, "version": story.version, "at": at}
    story.does(lambda member: points.adjust(member, **told), at)


def test_points_are_one_lot_a_rule_and_name_their_version_and_trace() -> None:
    version = published(rule(), rule("extra", when={"channels": ["shop"]}), version=3)
    earned = Story(version).buys("A-1", HUNDRED, at=day(1))
    (event,) = earned
    assert isinstance(event, PointsEarned)
    assert (event.points, event.rule.version, event.rule.id) == (100, 3, "base")
    assert [(entry.rule, entry.fired) for entry in event.trace] == [("base", True), ("extra", False)]
    assert event.activates_at == day(1) and event.expires_at == datetime(2027, 1, 11, 9, 30, tzinfo=UTC)


def test_pending_points_become_available_by_time_alone() -> None:
    story = Story(published(pending_days=14))
    story.buys("A-1", HUNDRED, at=day(0))
    assert (story.member.ledger.pending, story.member.ledger.available) == (100, 0)
    assert MEMBERS.due(story.member) == day(14)
    assert list(MEMBERS.advance(story.member, day(13))) == []
    (activated,) = MEMBERS.advance(story.member, day(40))
    assert isinstance(activated.event, PointsActivated) and activated.occurred_at == day(14)


def test_a_lot_expires_whole_months_after_it_was_earned_at_that_time_of_day() -> None:
    story = Story(published(expiry={"months": 1}), at=datetime(2026, 1, 31, 17, 45, tzinfo=UTC))
    story.buys("A-1", HUNDRED, at=datetime(2026, 1, 31, 17, 45, tzinfo=UTC))
    end = datetime(2026, 2, 28, 17, 45, tzinfo=UTC)
    assert MEMBERS.due(story.member) == end
    assert [(happened.occurred_at, type(happened.event)) for happened in MEMBERS.advance(story.member, day(300))] == [(end, PointsExpired)]


def test_a_sale_told_late_is_judged_by_its_own_time_and_may_be_born_expired() -> None:
    story = Story(published(), at=day(-2000))
    story.until(START)
    story.buys("A-1", HUNDRED, at=day(-1500))
    assert story.member.ledger.available == 100, "at the time of the sale it could be spent"
    (expired,) = MEMBERS.advance(story.member, START)
    assert expired.occurred_at == datetime(2022, 12, 2, 9, 30, tzinfo=UTC)


def test_t29_debits_and_credits_leave_together() -> None:
    """What was spent of a lot does not come back as debt when the lot expires."""
    story = Story(published())
    story.buys("A-1", HUNDRED, at=day(0))
    story.buys("A-2", HUNDRED, at=day(100))
    story.does(lambda member: reserve(member, 60, at=day(200)), day(200))
    story.does(confirm, day(200))
    story.until(day(400))
    left = {name: points for name, points in story.accounts().items() if points}
    assert left == {"issued": 200, "available": 100, "redeemed": 60, "expired": 40}


def test_t30_every_lot_has_its_own_expiry_and_none_expires_where_the_programme_says_never() -> None:
    story = Story(published())
    for number in range(3):
        story.buys(f"A-{number}", HUNDRED, at=day(number))
    assert len({lot.expires_at for lot in story.member.ledger.lots}) == 3
    assert [happened.occurred_at.day for happened in MEMBERS.advance(story.member, day(900))] == [10, 11, 12]
    never = Story(published(expiry={"months": None}))
    never.buys("A-1", HUNDRED, at=day(0))
    assert MEMBERS.due(never.member) is None and list(MEMBERS.advance(never.member, day(9000))) == []


def test_t31_points_expire_whatever_they_were_given_for() -> None:
    story = Story(published(rule(), rule("birthday-bonus")))
    story.buys("A-1", HUNDRED, at=day(0))
    adjusted(story, 70, day(0))
    story.until(day(400))
    assert (story.member.ledger.available, story.member.ledger.expired) == (0, 270)


def test_t33_a_return_takes_back_what_its_own_lines_earned_and_no_more() -> None:
    story = Story(published(rule(when={"categories": ["books"]})))
    story.buys("A-1", line(1, 10_000), line(1, 90_000, number=2, category="gift"), at=day(0))
    assert [event for event in story.returns("A-1", {2: 1}, at=day(1)) if isinstance(event, PointsReversed)] == []
    (taken,) = story.returns("A-1", {1: 1}, at=day(2))
    assert (taken.points, taken.debt) == (100, 0) and story.member.ledger.available == 0


def test_t33_a_third_of_the_goods_takes_back_a_third_of_their_points() -> None:
    story = Story(published())
    story.buys("A-1", line(3, 3_350), line(1, 5_000, number=2), at=day(0))
    assert [story.returns("A-1", {1: 1}, at=day(1))[0].points for _ in range(3)] == [33, 33, 34]
    assert story.member.ledger.available == 50


LINES = st.lists(st.tuples(st.integers(1, 7), st.integers(0, 9_999)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@for_all(LINES, st.sampled_from(["line", "order"]), st.data())
def test_t33_partial_returns_add_up_to_one_full_return(lines: list[tuple[int, int]], basis: str, data: st.DataObject) -> None:
    story = Story(published(rule(basis=basis, multiplier="1.7", rounding="half_up"), rule("extra", basis="line", multiplier="0.35")))
    told = [line(quantity, paid, number=number) for number, (quantity, paid) in enumerate(lines, 1)]
    story.buys("A-1", *told, at=day(0))
    earned, left = story.member.ledger.issued, {each["line"]: each["quantity"] for each in told}
    while left:
        number = data.draw(st.sampled_from(sorted(left)))
        quantity = data.draw(st.integers(1, left[number]))
        story.returns("A-1", {number: quantity}, at=day(1))
        left[number] -= quantity
        left = {each: rest for each, rest in left.items() if rest}
        ledger = story.member.ledger
        assert ledger.available + ledger.reversed == earned and ledger.debt == 0
    assert (story.member.ledger.available, story.member.ledger.reversed) == (0, earned)


def test_points_spent_before_the_goods_came_back_are_owed_and_repaid_first() -> None:
    story = Story(published())
    story.buys("A-1", HUNDRED, at=day(0))
    story.does(lambda member: reserve(member, 80, at=day(1)), day(1))
    story.does(confirm, day(1))
    (taken,) = story.returns("A-1", {1: 1}, at=day(2))
    assert (taken.points, taken.debt, [lot.points for lot in taken.lots]) == (100, 80, [20])
    (earned,) = story.buys("A-2", line(1, 5_000), at=day(3))
    assert (earned.debt_repaid, story.member.ledger.available, story.member.ledger.debt) == (50, 0, 30)
    (again,) = story.buys("A-3", line(1, 5_000), at=day(4))
    assert (again.debt_repaid, story.member.ledger.available, story.member.ledger.debt) == (30, 20, 0)


def test_what_expired_is_not_taken_twice() -> None:
    story = Story(published(expiry={"months": 1}))
    story.buys("A-1", line(2, 5_000), at=day(0))
    story.does(lambda member: reserve(member, 60, at=day(1)), day(1))
    story.does(confirm, day(1))
    story.until(day(60))
    assert story.member.ledger.expired == 40
    story.returns("A-1", {1: 1}, at=day(61))
    story.returns("A-1", {1: 1}, at=day(62))
    assert (story.member.ledger.debt, story.member.ledger.expired) == (60, 40), "60 were spent, 40 are gone already"


def test_a_return_is_taken_from_the_lot_that_gave_it_before_any_other() -> None:
    story = Story(published())
    story.buys("A-1", HUNDRED, at=day(0))
    story.buys("A-2", HUNDRED, at=day(5))
    (taken,) = story.returns("A-2", {1: 1}, at=day(6))
    assert [lot.lot_id for lot in taken.lots] == [story.sales["A-2"][1][0].lot_id]
    assert [lot.left for lot in story.member.ledger.lots] == [100]


def test_held_points_are_not_taken_by_a_return() -> None:
    story = Story(published())
    story.buys("A-1", HUNDRED, at=day(0))
    story.does(lambda member: reserve(member, 100, at=day(1)), day(1))
    (taken,) = story.returns("A-1", {1: 1}, at=day(1))
    assert (taken.debt, story.member.ledger.reserved) == (100, 100)


def test_an_adjustment_gives_a_lot_of_its_own_or_takes_from_the_soonest_to_expire() -> None:
    story = Story(published())
    story.buys("A-1", line(1, 3_000), at=day(0))
    adjusted(story, 50, day(10))
    assert [lot.points for lot in story.member.ledger.lots] == [30, 50]
    adjusted(story, -40, day(11), "b")
    assert [lot.left for lot in story.member.ledger.lots] == [40]
    adjusted(story, -100, day(12), "c")
    assert (story.member.ledger.debt, story.member.ledger.reversed) == (60, 140)
    adjusted(story, 100, day(13), "d")
    assert (story.member.ledger.debt, story.member.ledger.available) == (0, 40)


def test_what_is_taken_by_hand_comes_from_available_points_before_pending_ones() -> None:
    story = Story(published(pending_days=14))
    story.buys("A-1", HUNDRED, at=day(0))
    adjusted(story, 50, day(1))
    adjusted(story, -60, day(2), "b")
    assert (story.member.ledger.available, story.member.ledger.pending) == (0, 90)


def test_what_is_taken_in_the_past_takes_no_points_earned_later() -> None:
    story = Story(published())
    story.buys("A-1", HUNDRED, at=day(5))
    adjusted(story, -30, day(4))
    assert (story.member.ledger.available, story.member.ledger.debt) == (100, 30)


def test_what_the_state_keeps_of_emptied_lots_is_bounded() -> None:
    story = Story(published(expiry={"months": 1}))
    for number in range(CLOSED + 20):
        story.buys(f"A-{number}", HUNDRED, at=day(number / 10))
    story.until(day(400))
    assert story.member.ledger.lots == () and len(story.member.ledger.closed) == CLOSED


def test_an_adjustment_needs_a_programme() -> None:
    given(MEMBERS, enrolled()).when(
        lambda member: points.adjust(member, adjustment_id=named("a"), points=5, reason="goodwill", cause_event_id=None, version=None, at=START)
    ).rejected("no-programme")


def test_nobody_is_no_member() -> None:
    given(MEMBERS).when(
        lambda member: points.adjust(member, adjustment_id=named("a"), points=5, reason="goodwill", cause_event_id=None, version=published(), at=START)
    ).refused(NotFound)


def test_a_member_never_holds_more_than_can_be_counted_exactly() -> None:
    story = Story(published())
    adjusted(story, 10**12, day(0))
    full = Member(programme="club", standing=story.member.standing, ledger=Ledger(issued=2**53 - 10))
    with pytest.raises(Rejected) as refused:
        points.adjust(full, adjustment_id=named("z"), points=10, reason="goodwill", cause_event_id=None, version=story.version, at=day(1))
    assert refused.value.rule == "too-many-points"
    assert points.earn(full, earning=Earning(), version=story.version, transaction_id=named("A-9"), paid=0, at=day(1)) == []


def test_the_terms_are_told_once_and_again_only_when_they_changed() -> None:
    story = Story(published())
    (first,) = story.buys("A-1", HUNDRED, at=day(0))
    story.version = published(version=2, grace_days=30)
    (second,) = story.buys("A-2", HUNDRED, at=day(1))
    (third,) = story.buys("A-3", HUNDRED, at=day(2))
    assert (first.terms, second.terms.version, third.terms) == (None, 2, None)
