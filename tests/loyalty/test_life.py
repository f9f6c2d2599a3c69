"""Is a member suspended, closed, blocked, raised by hand and given points exactly as told, and is no point lost on the way?"""

from typing import Any

import pytest
from crm_events.language.by_hand import PointsTransferred, TierOverridden
from crm_events.language.loyalty import PointsExpired, TierDowngraded, TierQualified, TierRetained
from crm_events.refusals import Invalid, Rejected
from crm_loyalty import life, redemption
from crm_loyalty.member import MEMBERS, Member
from loyalty_words import Story, cancel, confirm, day, line, named, published, reserve, tier

HUNDRED = line(1, 10_000)


def rich(**fields: Any) -> Story:
    story = Story(published(**fields))
    story.buys("A-1", HUNDRED, at=day(0))
    return story


def refused(rule: str, decide: Any, *asked: Any, **told: Any) -> None:
    with pytest.raises(Rejected) as said:
        decide(*asked, **told)
    assert said.value.rule == rule


def does(story: Story, decide: Any, moment: Any, **told: Any) -> list[Any]:
    return story.does(lambda member: decide(member, **told), moment)


def given(giver: Member, taker: Member, points: int, *, at: Any, name: str = "t") -> list[Any]:
    customers = (named("c"), named("d"))
    return life.transfer(giver, taker, giver_id=named("member"), taker_id=named("other"), customers=customers, transfer_id=named(name), points=points, at=at)


def test_a_suspended_member_buys_without_earning_and_spends_nothing_until_resumed() -> None:
    story = rich()
    does(story, life.suspend, day(1), reason="fraud")
    assert life.suspend(story.member, reason="again") == []
    assert story.buys("A-2", HUNDRED, at=day(2)) == []
    refused("suspended", reserve, story.member, 1, at=day(2))
    assert redemption.able([story.member], day(2)) == 0
    assert len(story.buys("A-0", HUNDRED, at=day(0.5))) == 1, "what was bought before is judged by its own time"
    does(story, life.resume, day(3), reason="cleared")
    assert life.resume(story.member, reason="again") == []
    assert story.member.ledger.available == 200 and reserve(story.member, 200, at=day(3))


def test_what_was_held_before_a_suspension_may_be_taken() -> None:
    story = rich()
    story.does(lambda member: reserve(member, 60, at=day(1)), day(1))
    does(story, life.suspend, day(1), reason="fraud")
    story.does(confirm, day(1))
    assert story.member.ledger.redeemed == 60


def test_a_suspended_members_points_are_not_spent_by_those_merged_with_it() -> None:
    one, two = rich(), rich()
    does(two, life.suspend, day(1), reason="fraud")
    assert redemption.able([one.member, two.member], day(2)) == 100


def test_a_closed_account_holds_nothing_and_takes_nothing() -> None:
    story = rich(tiers=(tier("silver", 0), tier("gold", 50)))
    story.buys("A-2", HUNDRED, at=day(1))
    does(story, life.block, day(1), points=30, reason="fraud", at=day(1))
    unblocked, gone, closed = does(story, life.close, day(2), reason="asked")
    assert (unblocked.points, [lot.points for lot in gone.lots], closed.reason) == (30, [100, 100], "asked")
    assert story.accounts() | {"issued": 200, "expired": 200} == story.accounts() and not story.member.ledger.lots
    assert life.close(story.member, reason="again") == []
    assert story.until(day(800)).member.closed_at == day(2) and MEMBERS.due(story.member) is None, "no tier of a closed account is judged"
    refused("closed", life.suspend, story.member, reason="x")
    refused("closed", life.block, story.member, points=None, reason="x", at=day(3))
    refused("closed", reserve, story.member, 1, at=day(3))
    refused("closed", story.buys, "A-3", HUNDRED, at=day(801))
    assert story.buys("A-4", HUNDRED, at=day(1.5)) == [], "bought before, told after: kept, and earns nothing"


def test_an_account_is_not_closed_over_a_reservation() -> None:
    story = rich()
    story.does(lambda member: reserve(member, 60, at=day(1)), day(1))
    refused("reservations-open", life.close, story.member, reason="asked")


def test_a_redemption_taken_back_after_the_closing_gives_nothing_to_spend() -> None:
    story = rich()
    story.does(lambda member: reserve(member, 60, at=day(1)), day(1))
    story.does(confirm, day(1))
    does(story, life.close, day(2), reason="asked")
    _, gone = story.does(lambda member: cancel(member, at=day(3)), day(3))
    assert isinstance(gone, PointsExpired) and (story.member.ledger.available, story.member.ledger.expired) == (0, 100)


def test_blocked_points_are_not_spent_and_come_back_into_their_lots() -> None:
    story = rich()
    story.buys("A-2", HUNDRED, at=day(1))
    (blocked,) = does(story, life.block, day(2), points=130, reason="fraud", at=day(2))
    assert [lot.points for lot in blocked.lots] == [100, 30], "soonest expiry first"
    refused("insufficient-points", reserve, story.member, 71, at=day(2))
    refused("insufficient-points", life.block, story.member, points=71, reason="x", at=day(2))
    (back,) = does(story, life.unblock, day(3), points=110, reason="cleared", at=day(3))
    assert [lot.points for lot in back.lots] == [100, 10] and (story.member.ledger.available, story.member.ledger.blocked) == (180, 20)
    refused("insufficient-points", life.unblock, story.member, points=21, reason="x", at=day(3))
    does(story, life.unblock, day(3), points=None, reason="cleared", at=day(3))
    assert life.unblock(story.member, points=None, reason="x", at=day(3)) == []


def test_points_blocked_while_their_lot_expires_expire_when_they_are_given_back() -> None:
    story = rich(expiry={"months": 1})
    does(story, life.block, day(1), points=60, reason="fraud", at=day(1))
    story.until(day(40))
    assert (story.member.ledger.blocked, story.member.ledger.expired) == (60, 40)
    _, gone = does(story, life.unblock, day(41), points=None, reason="cleared", at=day(41))
    assert [lot.points for lot in gone.lots] == [60] and story.member.ledger.available == 0


def test_points_given_to_another_keep_their_times_and_qualify_for_no_tier() -> None:
    tiers = (tier("silver", 0), tier("gold", 150))
    giver, taker = rich(tiers=tiers), rich(tiers=tiers)
    giver.buys("A-2", line(1, 2_000), at=day(1))
    out, into = given(giver.member, taker.member, 110, at=day(2))
    giver.add(out, day(2))
    taker.add(into, day(2))
    assert isinstance(into[0], PointsTransferred) and [lot.origin for lot in into[0].lots] == [lot.lot_id for lot in out[0].lots]
    assert [(lot.points, lot.expires_at, lot.earned_at) for lot in into[0].lots] == [(lot.points, lot.expires_at, lot.earned_at) for lot in out[0].lots]
    assert (giver.member.ledger.available, taker.member.ledger.available) == (10, 210)
    assert (giver.member.ledger.transferred, taker.member.ledger.transferred) == (110, -110)
    assert taker.member.standing.tier == "silver"
    taker.until(day(365.5))
    assert taker.member.ledger.available == 10, "what came in expires with what it came from"


def test_no_more_is_given_than_could_be_spent_and_only_within_a_programme() -> None:
    giver, taker, other = rich(), rich(), rich(name="tea")
    refused("insufficient-points", given, giver.member, taker.member, 101, at=day(1))
    refused("other-programme", given, giver.member, other.member, 1, at=day(1))
    does(taker, life.suspend, day(1), reason="fraud")
    refused("suspended", given, giver.member, taker.member, 1, at=day(1))
    told = {"giver_id": named("member"), "taker_id": named("member"), "customers": (named("c"), named("c")), "transfer_id": named("t"), "points": 1}
    with pytest.raises(Invalid):
        life.transfer(giver.member, giver.member, **told, at=day(1))


def ladder(name: str = "", until: Any = None) -> Story:
    story = Story(published(tiers=(tier("silver", 0), tier("gold", 500), tier("black", 1100)), expiry={"months": None}))
    if name:
        by_hand(story, name, until)
    return story


def by_hand(story: Story, name: str, until: Any) -> list[Any]:
    return does(story, life.override, day(1), tier=name, holds_until=until, reason="complaint", exception=None, at=day(1))


def test_a_tier_set_by_hand_holds_until_its_day_and_then_points_decide() -> None:
    story = ladder()
    (event,) = by_hand(story, "gold", day(100))
    assert isinstance(event, TierOverridden) and (event.previous, story.member.standing.tier) == (None, "gold")
    assert by_hand(story, "gold", day(100)) == []
    assert story.until(day(99)).member.standing.tier == "gold"
    (ended,) = MEMBERS.advance(story.member, day(101))
    assert isinstance(ended.event, TierDowngraded) and (ended.event.tier, ended.occurred_at) == ("silver", day(100))


def test_a_tier_set_by_hand_and_earned_meanwhile_is_kept() -> None:
    story = ladder("gold", day(100))
    story.buys("A-1", line(1, 50_000), at=day(50))
    (kept,) = MEMBERS.advance(story.member, day(101))
    assert isinstance(kept.event, TierRetained) and kept.event.tier == "gold"


def test_a_purchase_lifts_above_a_tier_set_by_hand_but_not_out_of_one_that_was_lowered() -> None:
    raised = ladder("gold")
    raised.buys("A-1", line(1, 110_000), at=day(2))
    assert raised.member.standing.tier == "black"
    lowered = ladder()
    lowered.buys("A-1", line(1, 50_000), at=day(0))
    by_hand(lowered, "silver", day(100))
    lowered.buys("A-2", line(1, 110_000), at=day(2))
    assert lowered.member.standing.tier == "silver"
    (lifted,) = MEMBERS.advance(lowered.member, day(101))
    assert isinstance(lifted.event, TierQualified) and lifted.event.tier == "black"


def test_a_tier_set_by_hand_without_an_end_stands() -> None:
    assert ladder("black").until(day(3000)).member.standing.tier == "black"


def test_a_tier_that_is_none_of_the_programmes_is_refused() -> None:
    for name, until in (("wood", None), ("gold", day(0))):
        with pytest.raises(Invalid):
            by_hand(ladder(), name, until)
    without = Member(standing=ladder().member.standing)
    refused("no-programme", life.override, without, tier="gold", holds_until=None, reason="r", exception=None, at=day(1))
