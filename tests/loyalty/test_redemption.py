"""Is every point spent once, in the right order, and given back where it came from?"""

from datetime import datetime
from typing import Any

import pytest
from crm_events.deciding import At
from crm_events.language.loyalty import PointsExpired, PointsRedeemed, PointsReserved, RedemptionCancelled, RedemptionReversed
from crm_events.refusals import NotFound, Rejected
from crm_loyalty import points, redemption
from crm_loyalty.ledger import CLOSED
from crm_loyalty.member import MEMBERS, SETTLED
from loyalty_words import Story, cancel, confirm, day, line, named, published, reserve

HUNDRED = line(1, 10_000)


def rich(**fields: Any) -> Story:
    """100 points that expire first, then 100 more."""
    story = Story(published(**fields))
    story.buys("A-1", HUNDRED, at=day(0))
    story.buys("A-2", HUNDRED, at=day(10))
    return story


def test_the_soonest_to_expire_is_spent_first() -> None:
    story = rich()
    (event,) = story.does(lambda member: reserve(member, 130, at=day(20)), day(20))
    assert isinstance(event, PointsReserved) and event.points == 130
    assert [lot.points for lot in event.lots] == [100, 30] and event.lots[0].expires_at < event.lots[1].expires_at


def test_the_soonest_to_expire_is_not_always_the_oldest() -> None:
    story = Story(published())
    story.buys("A-1", HUNDRED, at=day(0))
    story.version = published(version=2, expiry={"months": 3})
    story.buys("A-2", HUNDRED, at=day(1))
    (event,) = reserve(story.member, 100, at=day(2))
    assert [lot.lot_id for lot in event.lots] == [story.sales["A-2"][1][0].lot_id]


def test_a_reservation_of_the_past_takes_no_points_earned_later() -> None:
    assert len(reserve(rich().member, 100, at=day(5))[0].lots) == 1
    with pytest.raises(Rejected):
        reserve(rich().member, 101, at=day(5))


def test_the_last_point_can_be_held() -> None:
    assert reserve(rich().member, 200, at=day(20))[0].points == 200


def test_points_are_held_until_confirmed_and_then_worth_what_the_programme_says() -> None:
    story = rich()
    story.does(lambda member: reserve(member, 130, at=day(20)), day(20))
    assert (story.member.ledger.available, story.member.ledger.reserved) == (70, 130)
    (event,) = story.does(lambda member: confirm(member, version=story.version), day(20))
    assert isinstance(event, PointsRedeemed) and event.value and (event.value.amount, event.value.currency) == (65, "EUR")
    assert (story.member.ledger.reserved, story.member.ledger.redeemed) == (0, 130)


@pytest.mark.parametrize("points", [201, 10**12])
def test_more_than_there_is_cannot_be_held(points: int) -> None:
    with pytest.raises(Rejected) as refused:
        reserve(rich().member, points, at=day(20))
    assert refused.value.rule == "insufficient-points" and refused.value.extra["available"] == 200


def test_what_is_owed_cannot_be_spent() -> None:
    story = Story(published())
    story.buys("A-1", HUNDRED, at=day(0))
    story.does(lambda member: reserve(member, 100, at=day(1)), day(1))
    story.does(confirm, day(1))
    story.returns("A-1", {1: 1}, at=day(2))
    story.does(lambda member: cancel(member, at=day(3)), day(3))
    assert (story.member.ledger.available, story.member.ledger.debt) == (100, 100)
    with pytest.raises(Rejected):
        reserve(story.member, 1, at=day(3), name="s")


def test_pending_and_expired_points_cannot_be_spent() -> None:
    pending = Story(published(pending_days=14))
    pending.buys("A-1", HUNDRED, at=day(0))
    with pytest.raises(Rejected):
        reserve(pending.member, 1, at=day(1))
    expired = rich().until(day(370))
    assert redemption.able([expired.member], day(370)) == 100


def test_a_reservation_ends_by_itself() -> None:
    story = rich()
    story.does(lambda member: reserve(member, 130, at=day(20)), day(20))
    assert MEMBERS.due(story.member) == day(20) + redemption.HOLD
    (ended,) = MEMBERS.advance(story.member, day(21))
    assert isinstance(ended.event, RedemptionCancelled) and (ended.event.cause, ended.occurred_at) == ("timed_out", day(20) + redemption.HOLD)
    story.until(day(21))
    assert story.member.ledger.available == 200
    with pytest.raises(Rejected) as refused:
        confirm(story.member)
    assert refused.value.rule == "window-closed"


def test_confirming_and_cancelling_twice_is_nothing_new() -> None:
    story = rich()
    story.does(lambda member: reserve(member, 130, at=day(20)), day(20))
    story.does(confirm, day(20))
    assert confirm(story.member) == []
    story.does(lambda member: cancel(member, at=day(21)), day(21))
    assert cancel(story.member, at=day(22)) == []
    with pytest.raises(Rejected):
        confirm(story.member)


def test_a_confirmed_redemption_is_taken_back_into_the_same_lots() -> None:
    story = rich()
    before = {lot.lot_id: lot.left for lot in story.member.ledger.lots}
    story.does(lambda member: reserve(member, 130, at=day(20)), day(20))
    story.does(confirm, day(20))
    (event,) = story.does(lambda member: cancel(member, at=day(30)), day(30))
    assert isinstance(event, RedemptionReversed)
    assert {lot.lot_id: lot.left for lot in story.member.ledger.lots} == before and story.member.ledger.redeemed == 0


def test_points_of_a_lot_that_expired_meanwhile_expire_at_once() -> None:
    story = rich()
    story.does(lambda member: reserve(member, 130, at=day(20)), day(20))
    story.does(confirm, day(20))
    _, gone = story.does(lambda member: cancel(member, at=day(370)), day(370))
    assert isinstance(gone, PointsExpired) and [lot.points for lot in gone.lots] == [100]
    assert (story.member.ledger.available, story.member.ledger.expired) == (100, 100)


def graced(days: int | None = 10) -> Story:
    story = Story(published(expiry={"months": 12, "restored_days": days}))
    story.buys("A-1", line(1, 10_000), at=day(0))
    return story


def spent(story: Story, points: int, name: str, at: datetime) -> None:
    story.does(lambda member: reserve(member, points, at=at, name=name), at)
    story.does(lambda member: confirm(member, name=name), at)


def taken_back(story: Story, name: str, at: datetime) -> None:
    story.does(lambda member: cancel(member, at=at, name=name, version=story.version), at)


def test_points_of_a_lot_that_expired_meanwhile_live_on_where_the_programme_says_so() -> None:
    story = graced()
    spent(story, 60, "r", day(300))
    taken_back(story, "r", day(400))
    assert (story.member.ledger.available, story.member.ledger.expired) == (60, 40), "what was not spent had expired in its time"
    assert MEMBERS.due(story.member) == day(410)
    story.until(day(410))
    assert (story.member.ledger.available, story.member.ledger.expired) == (0, 100)


def test_a_lot_is_given_more_time_once() -> None:
    story = graced()
    spent(story, 60, "r", day(300))
    taken_back(story, "r", day(400))
    spent(story, 60, "again", day(405))
    taken_back(story, "again", day(420))
    assert (story.member.ledger.available, story.member.ledger.expired) == (0, 100)


def test_what_two_redemptions_give_back_ends_with_their_lot() -> None:
    story = graced()
    spent(story, 60, "r", day(300))
    spent(story, 40, "s", day(300))
    taken_back(story, "r", day(400))
    taken_back(story, "s", day(405))
    assert story.member.ledger.available == 100
    assert story.until(day(410)).member.ledger.expired == 100


def page_turned(story: Story, at: datetime) -> None:
    """As many lots are given and taken as push out of the page what was emptied before."""
    for number in range(CLOSED + 1):
        story.buys(f"B-{number}-{at}", line(1, 100), at=at)
    told = {"adjustment_id": named(f"a-{at}"), "points": -CLOSED - 1, "reason": "correction", "cause_event_id": None, "version": story.version, "at": at}
    story.does(lambda member: points.adjust(member, **told), at)
    assert len(story.member.ledger.closed) == CLOSED and not story.member.ledger.lots


def test_a_lot_that_has_left_the_page_is_given_more_time_once_too() -> None:
    story = graced()
    spent(story, 100, "r", day(300))
    page_turned(story, day(301))
    taken_back(story, "r", day(400))
    assert story.member.ledger.available == 100 and MEMBERS.due(story.member) == day(410)
    spent(story, 100, "again", day(405))
    page_turned(story, day(406))
    taken_back(story, "again", day(420))
    assert story.member.ledger.available == 0


def test_points_held_while_their_lot_expires_expire_when_the_hold_ends() -> None:
    story = Story(published(expiry={"months": 1}))
    story.buys("A-1", HUNDRED, at=day(0))
    last = MEMBERS.due(story.member)
    assert last is not None
    begin = last - redemption.HOLD / 2
    story.does(lambda member: reserve(member, 60, at=begin), begin)
    story.until(last)
    assert (story.member.ledger.reserved, story.member.ledger.expired) == (60, 40)
    told = MEMBERS.advance(story.member, day(60))
    assert [(type(each.event), each.occurred_at) for each in told] == [(RedemptionCancelled, begin + redemption.HOLD), (PointsExpired, begin + redemption.HOLD)]


def test_a_redemption_over_several_members_takes_their_lots_in_one_order() -> None:
    one, two = Story(published()), Story(published())
    one.buys("A-1", HUNDRED, at=day(5))
    two.buys("B-1", HUNDRED, at=day(0))
    two.buys("B-2", HUNDRED, at=day(10))
    parts = redemption.reserve([one.member, two.member], redemption_id=named("r"), points=220, reward=None, version=None, at=day(20))
    assert [[lot.points for lot in events[0].lots] for events in parts] == [[100], [100, 20]]
    (only_two,) = [redemption.reserve([one.member, two.member], redemption_id=named("r"), points=90, reward=None, version=None, at=day(20))]
    assert [len(events) for events in only_two] == [0, 1], "whom nothing is taken from is only checked"


def test_members_together_spend_no_more_than_they_have_less_what_any_of_them_owes() -> None:
    rich_one, owing = rich(), Story(published())
    owing.buys("B-1", line(1, 5_000), at=day(0))
    owing.does(lambda member: reserve(member, 50, at=day(1)), day(1))
    owing.does(confirm, day(1))
    owing.returns("B-1", {1: 1}, at=day(2))
    assert redemption.able([rich_one.member, owing.member], day(20)) == 150
    with pytest.raises(Rejected):
        redemption.reserve([rich_one.member, owing.member], redemption_id=named("r"), points=151, reward=None, version=None, at=day(20))


def test_all_parts_of_a_redemption_move_or_none() -> None:
    one, two = rich(), rich()
    parts = redemption.reserve([one.member, two.member], redemption_id=named("r"), points=250, reward=None, version=None, at=day(20))
    one.add(parts[0], day(20))
    with pytest.raises(Rejected) as refused:
        redemption.confirm([one.member, two.member], redemption_id=named("r"), parts=[True, True], version=None)
    assert refused.value.rule == "window-closed"
    with pytest.raises(NotFound):
        redemption.confirm([one.member], redemption_id=named("other"), parts=[False], version=None)


def test_only_so_many_reservations_are_open_at_once() -> None:
    story = rich()
    for number in range(redemption.MOST_OPEN):
        story.does(lambda member, name=f"r{number}": reserve(member, 1, at=day(20), name=name), day(20))
    with pytest.raises(Rejected) as refused:
        reserve(story.member, 1, at=day(20), name="one more")
    assert refused.value.rule == "too-many-reservations"


def test_what_the_state_keeps_of_settled_redemptions_is_bounded() -> None:
    story = Story(published())
    story.buys("A-1", line(1, 1_000_000), at=day(0))
    for number in range(SETTLED + 5):
        story.does(lambda member, name=f"r{number}": reserve(member, 1, at=day(1), name=name), day(1))
        story.does(lambda member, name=f"r{number}": confirm(member, name=name), day(1))
    assert len(story.member.redemptions) == SETTLED
    with pytest.raises(Rejected) as refused:
        cancel(story.member, at=day(2), name="r0")
    assert refused.value.rule == "window-closed"
    assert not isinstance(story.history[-1], At)
    story.does(lambda member: cancel(member, at=day(2), name=f"r{SETTLED + 4}"), day(2))
    assert story.member.ledger.redeemed == SETTLED + 4
