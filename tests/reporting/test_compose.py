"""Is one customer the same customer, however their history was split over ids? And does the view tell what time has done?"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from crm_events.consuming.record import Record
from crm_events.language.consent import ConsentDenied, ConsentExpired, ConsentGranted
from crm_events.language.contacts import ContactMerged, ContactUnmerged, InteractionRecorded
from crm_events.language.lots import Lot
from crm_events.language.loyalty import Line as SaleLine
from crm_events.language.loyalty import MemberEnrolled, PointsEarned, PointsReserved, RuleUsed, TransactionRecorded
from crm_events.language.sla import SlaClockMet, SlaClockPaused, SlaClockStarted
from crm_events.language.tickets import TicketOpened
from crm_reporting.business_time import business_seconds
from crm_reporting.compose import SECTIONS, Cluster, compose, view
from crm_reporting.folding import fold_all
from crm_reporting.summary import COLUMNS, summary_columns
from histories import history
from hypothesis import given
from hypothesis import strategies as st
from telling import START, Teller, entries

ANN, BOB, CAROL = (uuid.UUID(f"0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d1{n}") for n in (1, 2, 3))
DAY = timedelta(days=1)
OFFICE = {
    "name": "office",
    "version": 1,
    "valid_from": "2020-01-01T00:00:00.000Z",
    "time_zone": "Asia/Tehran",
    "week": {"sat": [["09:00", "13:00"], ["14:00", "18:00"]]},
    "holidays": [{"date": "2026-01-10", "name": "h"}],
}


def whole(records: Sequence[Record], *members: uuid.UUID) -> Cluster:
    folded = fold_all(entries(records))
    ids = [str(member) for member in members or {uuid.UUID(where[1]) for where in folded}]
    return compose(ids[0], ids, [(source, one.document) for (source, customer), one in folded.items() if customer in ids])


def seen(records: Sequence[Record], *members: uuid.UUID, now: datetime | None = None, calendars: Any = None) -> dict[str, Any]:
    return view(whole(records, *members), now=now, calendars=calendars or {})


def without_members(shown: Any) -> Any:
    """The view without the names of the ids it was told of, and what is shown because they are several."""
    if isinstance(shown, dict):
        return {name: without_members(value) for name, value in shown.items() if name not in ("member_id", "customer_id", "other_values")}
    return [without_members(item) for item in shown] if isinstance(shown, list) else shown


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_any_split_of_a_history_over_ids_composes_to_the_same_view(seed: int, ids: int) -> None:
    told, random = entries(history(seed, many=8).told), Random(seed)
    of_stream: dict[str, str] = {}
    members = [str(uuid.UUID(int=n)) for n in range(1, ids + 1)]
    told = [entry for entry in told if not entry.type.startswith("consent.")]  # these depend on when the ids were joined: below
    # a contact's events may be split one by one; those of a ticket or a member stay together, for their key never changes
    split = [
        entry._replace(customer_id=random.choice(members) if entry.source == "contacts" else of_stream.setdefault(entry.stream_id, random.choice(members)))
        for entry in told
    ]
    one = compose("r", ["r"], [(source, folded.document) for (source, _), folded in fold_all(told).items()])
    many = compose("r", members, [(source, folded.document) for (source, _), folded in fold_all(split).items()])
    assert without_members(view(one, now=None, calendars={})) == without_members(view(many, now=None, calendars={}))


def test_every_section_is_there_though_nothing_is_known() -> None:
    shown = view(compose("r", ["r"], []), now=START, calendars={})
    assert tuple(shown) == SECTIONS
    assert shown["profile"] is None
    assert shown["loyalty"] is None
    assert (shown["contact"]["interactions"], shown["service"]["open"], shown["purchases"]["count"], shown["consents"]) == (0, 0, 0, [])


def test_a_merge_adds_up_and_taking_it_back_takes_nothing_along() -> None:
    teller, merge = Teller(), uuid.uuid4()
    for customer, times in ((ANN, 1), (BOB, 2)):
        for _ in range(times):
            teller.tell(InteractionRecorded(interaction_id=uuid.uuid4(), channel="phone", direction="inbound"), customer, stream=uuid.uuid4())
    before = [seen(teller.told, one) for one in (ANN, BOB)]
    teller.tell(ContactMerged(merge_id=merge, survivor_id=ANN, cause="manual", evidence=()), BOB)
    assert seen(teller.told, ANN, BOB)["contact"]["interactions"] == 3
    teller.tell(ContactUnmerged(merge_id=merge, survivor_id=ANN), BOB)
    assert [seen(teller.told, one) for one in (ANN, BOB)] == before


def consent(event: type, customer: uuid.UUID, day: int, teller: Teller, **fields: Any) -> None:
    teller.tell(event(purpose="marketing", channel="sms", text_version="1", effective_from=START, **fields), customer, at=START + day * DAY)


def status(teller: Teller, *members: uuid.UUID, now: datetime | None = None) -> str:
    [told] = seen(teller.told, *members, now=now)["consents"]
    return str(told["status"])


def test_a_denial_of_the_merged_id_outlives_an_earlier_grant_and_ends_with_a_new_one() -> None:
    teller = Teller()
    consent(ConsentDenied, BOB, 1, teller)
    consent(ConsentGranted, ANN, 2, teller)
    assert (status(teller, ANN), status(teller, BOB)) == ("granted", "denied")
    teller.tell(ContactMerged(merge_id=uuid.uuid4(), survivor_id=ANN, cause="manual", evidence=()), BOB, at=START + 3 * DAY)
    assert status(teller, ANN, BOB) == "denied"  # the grant is later than the denial, but not than the joining
    consent(ConsentGranted, ANN, 4, teller)
    assert status(teller, ANN, BOB) == "granted"


def test_the_joining_that_counts_is_the_last_on_the_way_between_two_ids() -> None:
    teller = Teller()
    consent(ConsentDenied, CAROL, 1, teller)
    teller.tell(ContactMerged(merge_id=uuid.uuid4(), survivor_id=BOB, cause="manual", evidence=()), CAROL, at=START + 2 * DAY)
    consent(ConsentGranted, ANN, 3, teller)
    teller.tell(ContactMerged(merge_id=uuid.uuid4(), survivor_id=ANN, cause="manual", evidence=()), BOB, at=START + 4 * DAY)
    assert status(teller, ANN, BOB, CAROL) == "denied"


def test_a_grant_ends_at_its_time_whether_or_not_its_end_is_written() -> None:
    teller, until = Teller(), START + 5 * DAY
    consent(ConsentGranted, ANN, 0, teller, effective_to=until)
    assert (status(teller, ANN, now=until - DAY), status(teller, ANN, now=until)) == ("granted", "expired")
    teller.tell(ConsentExpired(purpose="marketing", channel="sms"), ANN, at=until)
    assert status(teller, ANN) == "expired"


def opened(teller: Teller, ticket: uuid.UUID) -> None:
    teller.tell(
        TicketOpened(kind="complaint", channel="web", priority="high", subject="s1.s", text="s1.t", author_kind="customer"), ANN, stream=ticket, at=START
    )


CLOCK = {"metric": "first_reply", "instance": 1, "target_minutes": 120, "policy": "p", "policy_version": 1, "calendar": "office", "calendar_version": 1}


@pytest.mark.parametrize(("minutes", "state", "elapsed"), [(60, "running", 60), (120, "running", 120), (121, "breached", 121), (239, "breached", 239)])
def test_a_running_clock_shows_what_time_has_done(minutes: int, state: str, elapsed: int) -> None:
    teller, ticket = Teller(), uuid.uuid4()
    opened(teller, ticket)
    teller.tell(SlaClockStarted(**CLOCK, due_at=START + timedelta(hours=2), pauses=()), ANN, stream=ticket, at=START)
    shown = seen(teller.told, now=START + timedelta(minutes=minutes))["service"]
    assert (shown["tickets"][0]["clocks"][0]["state"], shown["tickets"][0]["clocks"][0]["elapsed_minutes"]) == (state, elapsed)
    assert shown["breaches"] == (state == "breached")


def test_a_clock_counts_only_the_calendars_hours() -> None:
    teller, ticket = Teller(), uuid.uuid4()
    opened(teller, ticket)
    noon = datetime(2026, 1, 3, 8, 30, tzinfo=UTC)  # a Saturday, 12:00 in Tehran
    teller.tell(SlaClockStarted(**CLOCK, due_at=noon + timedelta(hours=3), pauses=()), ANN, stream=ticket, at=noon)
    calendars = {("office", 1): OFFICE}
    clock = seen(teller.told, now=noon + timedelta(hours=1, minutes=30), calendars=calendars)["service"]["tickets"][0]["clocks"][0]
    assert (clock["state"], clock["elapsed_minutes"]) == ("running", 60)
    clock = seen(teller.told, now=noon + timedelta(days=6), calendars=calendars)["service"]["tickets"][0]["clocks"][0]
    assert (clock["state"], clock["elapsed_minutes"]) == ("breached", 60 + 4 * 60)


def test_a_paused_and_a_stopped_clock_stand_still() -> None:
    teller, ticket = Teller(), uuid.uuid4()
    opened(teller, ticket)
    teller.tell(SlaClockStarted(**CLOCK, due_at=START + timedelta(hours=2), pauses=("pending",)), ANN, stream=ticket, at=START)
    paused = {"metric": "first_reply", "instance": 1, "business_seconds": 900, "status": "pending"}
    teller.tell(SlaClockPaused(**paused), ANN, stream=ticket, at=START + timedelta(minutes=15))
    clock = seen(teller.told, now=START + 9 * DAY)["service"]["tickets"][0]["clocks"][0]
    assert (clock["state"], clock["elapsed_minutes"], clock["due_at"]) == ("paused", 15, None)
    judged = {"revision": 1, "business_seconds": 1800, "started_at": START, "priority": "high", "due_at": START + timedelta(hours=2)}
    teller.tell(SlaClockMet(**CLOCK, **judged), ANN, stream=ticket, at=START + timedelta(minutes=30))
    clock = seen(teller.told, now=START + 9 * DAY)["service"]["tickets"][0]["clocks"][0]
    assert (clock["state"], clock["elapsed_minutes"], clock["stopped_at"]) == ("met", 30, "2026-01-01T09:30:00.000Z")


def test_business_time_knows_breaks_holidays_and_other_time_zones() -> None:
    saturday = datetime(2026, 1, 3, 0, 0, tzinfo=UTC)
    assert business_seconds(OFFICE, saturday, saturday + DAY) == 8 * 3600
    assert business_seconds(OFFICE, saturday, saturday + 14 * DAY) == 8 * 3600  # the next Saturday is a holiday
    assert business_seconds(None, saturday, saturday + DAY) == 24 * 3600


def test_points_are_shown_as_they_stand_at_the_moment() -> None:
    teller, member, lot = Teller(), uuid.uuid4(), uuid.uuid4()
    teller.tell(MemberEnrolled(programme="club"), ANN, stream=member, at=START)
    of = {"lot_id": lot, "points": 100, "rule": RuleUsed(programme="club", version=1, id="base"), "lines": (), "trace": ()}
    ends = START + 30 * DAY
    earned = PointsEarned(**of, activates_at=START + 5 * DAY, expires_at=ends, transaction_id=uuid.uuid4(), debt_repaid=20)
    teller.tell(earned, ANN, stream=member, at=START)
    held = Lot(lot_id=lot, points=30, earned_at=START, expires_at=ends, taken_from="available")
    reserved = {"programme": "club", "programme_version": 1, "redemption_id": uuid.uuid4(), "points": 30, "lots": (held,)}

    def points(day: int) -> tuple[int, ...]:
        shown = seen(teller.told, now=START + day * DAY)["loyalty"]
        return tuple(shown[name] for name in ("pending", "available", "reserved", "debt"))

    assert [points(1), points(6), points(31)] == [(80, 0, 0, -20), (0, 80, 0, -20), (0, 0, 0, -20)]
    teller.tell(PointsReserved(**reserved, expires_at=START + 7 * DAY), ANN, stream=member, at=START + 6 * DAY)
    assert [points(6), points(8)] == [(0, 50, 30, -20), (0, 80, 0, -20)]
    assert seen(teller.told, now=START + 6 * DAY)["loyalty"]["expiring_next"] == {"points": 50, "at": "2026-01-31T09:00:00.000Z"}


def test_different_currencies_are_never_added() -> None:
    teller = Teller()
    for currency, paid in (("EUR", 900), ("IRR", 5000), ("EUR", 900)):
        line = SaleLine(line=1, sku="s", category="tea", quantity=2, list_price=1000, paid_price=paid)
        head = {"member_id": uuid.uuid4(), "document": uuid.uuid4().hex, "channel": "shop", "currency": currency, "lines": (line,)}
        teller.tell(TransactionRecorded(transaction_id=uuid.uuid4(), **head), ANN, stream=uuid.uuid4())
    shown = seen(teller.told)["purchases"]
    assert shown["spend"] == [{"amount": 10000, "currency": "IRR"}, {"amount": 3600, "currency": "EUR"}]
    assert (shown["count"], shown["discount_rate"]) == (3, None)


@given(st.integers(0, 2**32))
def test_a_summary_has_a_value_for_every_column(seed: int) -> None:
    cluster = whole(history(seed).told)
    columns = summary_columns(cluster, view(cluster, now=None, calendars={}))
    assert set(columns) == set(COLUMNS) - {"digest", "view"}
