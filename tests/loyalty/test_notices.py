"""Is a member told of every end that comes, once, in time to do something about it, and of none that was spent or earned again?"""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from crm_events.deciding import At
from crm_events.language.notices import NoticeMissed, NoticePointsExpiring, NoticeTierEnding
from crm_events.store.store import EventStore
from crm_events.store.timer import Timer
from crm_events.store.verify import verify
from crm_loyalty import life
from crm_loyalty.member import MEMBERS
from crm_loyalty.periods import add_months
from hypothesis import given, settings
from hypothesis import strategies as st
from loyalty_client import PROGRAMME, Till, ok
from loyalty_words import START, Story, cancel, confirm, day, line, published, reserve, tier

HUNDRED = line(1, 10_000)
REMINDER = {"days": 30, "latest_days": 7, "channel": "sms"}
BOTH = {"points_expiring": REMINDER, "tier_ending": REMINDER}
ENDS = (add_months(START, 12) - START).days  # the first lot's last day


def club(**fields: Any) -> Story:
    return Story(published(notices={"points_expiring": REMINDER}) if not fields else published(**fields))


def notices(events: Iterable[Any]) -> list[Any]:
    told = [each.event if isinstance(each, At) else each for each in events]
    return [event for event in told if isinstance(event, NoticePointsExpiring | NoticeTierEnding | NoticeMissed)]


def test_each_lot_is_told_of_once_at_its_own_moment() -> None:
    story = club()
    story.buys("A-1", HUNDRED, at=day(0))
    story.buys("A-2", HUNDRED, at=day(5))
    for hours in range(0, 24 * (ENDS + 10), 24):
        story.until(day(hours / 24))
    told = [(each.event, each.occurred_at) for each in story.history if isinstance(each, At) and notices([each])]
    assert [(event.type, event.points, event.ends_at - at) for event, at in told] == [("notice.points_expiring", 100, timedelta(days=30))] * 2
    assert [len(event.lots) for event, _ in told] == [1, 1] and told[0][0].due_at == told[0][0].ends_at - timedelta(days=7)
    assert len({event.notice_id for event, _ in told}) == 2


def test_what_was_spent_meanwhile_is_not_told_of_and_what_is_left_is() -> None:
    story = club()
    story.buys("A-1", HUNDRED, at=day(0))
    story.buys("A-2", HUNDRED, at=day(1))
    story.does(lambda member: reserve(member, 130, at=day(9)), day(9))
    story.does(confirm, day(9))
    assert [event.points for event in notices(story.until(day(ENDS - 1)).history)] == [70]


def test_points_that_are_held_are_not_told_of_until_the_hold_ends() -> None:
    story, moment = club(), add_months(START, 12) - timedelta(days=30)
    story.buys("A-1", HUNDRED, at=day(0))
    story.does(lambda member: reserve(member, 100, at=moment - timedelta(minutes=5)), moment - timedelta(minutes=5))
    assert notices(story.until(moment + timedelta(minutes=5)).history) == []
    assert [event.points for event in notices(story.until(moment + timedelta(minutes=30)).history)] == [100]


def test_points_given_back_after_the_moment_are_told_of_then_or_missed_when_it_is_too_late() -> None:
    for back, kind in ((ENDS - 20, "notice.points_expiring"), (ENDS - 3, "notice.missed")):
        story = club()
        story.buys("A-1", HUNDRED, at=day(0))
        story.does(lambda member: reserve(member, 100, at=day(9)), day(9))
        story.does(confirm, day(9))
        story.until(day(back))
        assert notices(story.history) == []
        story.add(cancel(story.member, at=day(back)), day(back))
        story.until(day(back) + timedelta(hours=1))
        assert [event.type for event in notices(story.history)] == [kind]
        story.until(day(ENDS + 40))
        assert len(notices(story.history)) == 1 and story.member.ledger.expired == 100


def test_nobody_was_told_where_time_came_too_late() -> None:
    """The clock stood still for weeks: what could have been told in time is missed, and dated when that became true."""
    story = club()
    story.buys("A-1", HUNDRED, at=day(0))
    late = [each for each in MEMBERS.advance(story.member, day(ENDS - 6)) if notices([each])]
    assert [(each.event.type, each.occurred_at) for each in late] == [("notice.missed", late[0].event.due_at)]
    in_time = [each for each in MEMBERS.advance(story.member, day(ENDS - 8)) if notices([each])]
    assert [(each.event.type, each.occurred_at) for each in in_time] == [("notice.points_expiring", in_time[0].event.ends_at - timedelta(days=30))]


def test_without_a_word_in_the_programme_or_an_expiry_nothing_is_told() -> None:
    for silent in (published(), published(notices={}), published(notices=BOTH, expiry={"months": None})):
        story = Story(silent)
        story.buys("A-1", HUNDRED, at=day(0))
        assert notices(story.until(day(3000)).history) == []


def test_a_closed_account_is_told_of_nothing() -> None:
    story = club()
    story.buys("A-1", HUNDRED, at=day(0))
    story.does(lambda member: life.close(member, reason="r"), day(3))
    assert notices(story.until(day(900)).history) == []


def test_a_tier_about_to_be_lost_is_told_of_once_and_one_earned_again_is_not() -> None:
    terms: dict[str, Any] = {"tiers": (tier("silver", 0), tier("gold", 100)), "notices": {"tier_ending": REMINDER}, "expiry": {"months": None}}
    lost, kept = Story(published(**terms)), Story(published(**terms))
    for story in (lost, kept):
        story.buys("A-1", HUNDRED, at=day(0))
    kept.buys("A-2", HUNDRED, at=day(ENDS - 60))
    for story in (lost, kept):
        for number in range(ENDS + 2):
            story.until(day(number))
    [ending] = notices(lost.history)
    assert isinstance(ending, NoticeTierEnding) and (ending.tier, ending.channel, ending.points) == ("gold", "sms", None)
    assert ending.ends_at == add_months(START, 12) and lost.member.standing.tier == "silver"
    assert notices(kept.history) == [] and kept.member.standing.tier == "gold"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 150), st.booleans()), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_no_lot_is_told_of_twice_and_none_expires_in_silence(steps: list[tuple[int, int, bool]]) -> None:
    story, now = Story(published(expiry={"months": 2}, notices={"points_expiring": REMINDER})), 0
    for number, (days, points, spends) in enumerate(steps):
        now += days
        story.until(day(now))
        if spends and points <= story.member.ledger.available:
            story.add(reserve(story.member, points, at=day(now), name=f"r{number}"), day(now))
            story.add(confirm(story.member, name=f"r{number}"), day(now))
        else:
            story.buys(f"A-{number}", line(1, points * 100), at=day(now))
    story.until(day(now + 100))
    named = [lot.lot_id for event in notices(story.history) for lot in event.lots]
    assert len(named) == len(set(named))
    expired = {lot.lot_id for each in story.history if (event := each.event if isinstance(each, At) else each).type == "points.expired" for lot in event.lots}
    assert expired <= set(named)


@pytest.mark.parametrize("wrong", [{"days": 5, "latest_days": 5}, {"days": 0}, {"days": 400}, {"days": 9, "channel": "کبوتر"}])
async def test_a_reminder_that_cannot_be_kept_is_refused(till: Till, wrong: dict[str, Any]) -> None:
    body = PROGRAMME | {"notices": {"points_expiring": {"channel": "sms"} | wrong}}
    answer = await till.put("/v1/programmes/بی‌موقع", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


async def test_the_clock_tells_once_and_the_front_end_sees_what_is_left(till: Till, store: EventStore) -> None:
    programme = await till.programme(expiry={"months": 1}, notices={"points_expiring": {"days": 40, "channel": "sms"}})
    one, two = await till.member(programme=programme), await till.member(programme=programme)
    await till.buy(one, (1, 10_000))  # it lives for less than the forty days: told at once
    where = f"/v1/notices?customer_id={one['customer_id']}"
    assert ok(await till.get(where))["items"] == []
    for _ in range(2):
        await Timer(store).tick()
        [told] = ok(await till.get(where))["items"]
    assert (told["kind"], told["missed"], told["open"], told["points"], told["left"], told["channel"]) == ("points_expiring", False, True, 100, 100, "sms")
    held = ok(await till.reserve(one, 60), 201)
    assert ok(await till.get(where))["items"][0]["left"] == 40
    ok(await till.confirm(one, held["id"]))
    ok(await till.confirm(one, ok(await till.reserve(one, 40), 201)["id"]))
    [spent] = ok(await till.get(where))["items"]
    assert (spent["left"], spent["open"], spent["id"]) == (0, False, told["id"])
    await store.pool.execute(
        "insert into customer_edge (customer_id, merged_into, position) values ($1, $2, 1)", uuid.UUID(two["customer_id"]), uuid.UUID(one["customer_id"])
    )
    await till.buy(two, (1, 500))
    await Timer(store).tick()
    [newest, oldest] = ok(await till.get(f"/v1/notices?customer_id={two['customer_id']}"))["items"]
    assert (newest["member_id"], newest["points"], oldest) == (two["id"], 5, spent), "of all that are one customer"
    assert (await verify(store)).differences == []
    assert (await till.by("loyalty:write").get(where)).status_code == 403
