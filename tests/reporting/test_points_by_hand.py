"""Does reporting see what staff do to a member: points blocked, given to others, accounts closed, tiers and rights set by hand?"""

import uuid
from datetime import timedelta
from typing import Any

from crm_events.event import Event
from crm_events.language.by_hand import MemberClosed, PointsBlocked, PointsTransferred, PointsUnblocked, TierOverridden
from crm_events.language.entitlement import EntitlementGranted, EntitlementRevoked
from crm_events.language.lots import Lot, TransferredLot
from crm_events.language.loyalty import MemberEnrolled, PointsAdjusted, PointsRedeemed, PointsReserved, RedemptionReversed
from crm_reporting.documents import apply
from crm_reporting.facts import KEY, TABLES, facts
from crm_reporting.sections_loyalty import loyalty
from telling import START, Teller, entries, told

DAY = timedelta(days=1)
ANN, MEMBER, LOT = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
OF = {"programme": "club", "programme_version": 3}
TOLD: dict[str, Any] = {"lot_id": LOT, "earned_at": START, "taken_from": "available"}
GIVEN = PointsAdjusted(**OF, adjustment_id=LOT, points=100, reason="goodwill", lot_id=LOT, activates_at=START, lots=(), debt=0, debt_repaid=0)


def transferred(points: int, direction: str) -> PointsTransferred:
    head = {"transfer_id": uuid.uuid4(), "direction": direction, "other_member_id": uuid.uuid4(), "other_customer_id": uuid.uuid4(), "points": points}
    return PointsTransferred(**OF, **head, lots=(TransferredLot(**TOLD, points=points),))


def seen(*events: Event) -> dict[str, Any]:
    """The loyalty section of the unified view after these events of one member."""
    teller, document = Teller(), dict[str, Any]()
    for event in (MemberEnrolled(programme="club"), GIVEN, *events):
        teller.tell(event, ANN, stream=MEMBER, at=START)
    for entry in entries(teller.told):
        document = apply(document, entry)
    section = loyalty(document, None)
    assert section is not None
    return section


def rows(event: Event) -> list[dict[str, Any]]:
    return [dict(zip((*KEY, *TABLES[table]), row, strict=True)) for table, row in facts(told(event, ANN))]


def test_blocked_points_are_not_shown_as_available_until_they_are_given_back() -> None:
    blocked = PointsBlocked(**OF, points=60, lots=(Lot(**TOLD, points=60),), reason="fraud")
    assert seen(blocked)["available"] == 40
    assert seen(blocked, PointsUnblocked(**OF, points=50, lots=(Lot(**TOLD, points=50),), reason="cleared"))["available"] == 90
    assert [(row["from_account"], row["to_account"], row["points"], row["reason"]) for row in rows(blocked)] == [("available", "blocked", 60, "fraud")]


def test_points_that_went_to_another_are_gone_and_those_that_came_are_there() -> None:
    assert seen(transferred(30, "out"))["available"] == 70
    assert seen(transferred(30, "in"))["available"] == 130
    assert [(row["from_account"], row["to_account"]) for row in rows(transferred(30, "in"))] == [("transferred", "available")]
    assert rows(transferred(30, "out"))[0]["other_member_id"] is not None


def test_a_tier_set_by_hand_is_the_tier_shown() -> None:
    event = TierOverridden(**OF, tier="gold", previous="silver", reason="complaint")
    assert seen(event)["tier"] == "gold"
    assert [(row["funnel"], row["stage"], row["previous_stage"], row["reason"]) for row in rows(event)] == [("tier", "gold", "silver", "overridden")]


def test_the_end_of_a_membership_is_a_step_of_it() -> None:
    assert [(row["funnel"], row["stage"], row["reason"]) for row in rows(MemberClosed(reason="asked"))] == [("membership", "closed", "asked")]


def test_a_right_is_a_fact_and_makes_nobody_a_member() -> None:
    right = EntitlementGranted(entitlement_id=uuid.uuid4(), kind="priority", scope="urgent", valid_from=START, cause="tier")
    ended = EntitlementRevoked(entitlement_id=uuid.uuid4(), kind="priority", scope="urgent", reason="tier")
    shown = [(row["funnel"], row["stage"], row["origin"], row["group"], row["reason"]) for event in (right, ended) for row in rows(event)]
    assert shown == [("entitlement", "granted", "priority", "urgent", "tier"), ("entitlement", "revoked", "priority", "urgent", "tier")]
    assert loyalty(apply({}, told(right, ANN)), None) is None and "members" not in apply({}, told(right, ANN))


def test_what_came_back_to_a_lot_that_had_ended_is_shown_until_its_new_end() -> None:
    spend = {"redemption_id": uuid.uuid4(), "points": 60}
    old, new = (TOLD | {"points": 60, "expires_at": START + days * DAY} for days in (30, 50))
    earned = GIVEN.model_copy(update={"points": 60, "expires_at": START + 30 * DAY})
    story = [
        MemberEnrolled(programme="club"), earned, PointsReserved(**OF, **spend, lots=(Lot(**old),), expires_at=START + DAY),
        PointsRedeemed(**OF, **spend, lots=(Lot(**old),)), RedemptionReversed(**OF, **spend, lots=(Lot(**new, restored=True),)),
    ]  # fmt: skip
    teller, document = Teller(), dict[str, Any]()
    for event in story:
        teller.tell(event, ANN, stream=MEMBER, at=START)
    for entry in reversed(entries(teller.told)):
        document = apply(document, entry)
    for days, available in ((49, 60), (50, 0)):
        section = loyalty(document, START + days * DAY)
        assert section is not None and section["available"] == available, days
