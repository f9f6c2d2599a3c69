"""Is business time counted as a person with a wall clock and a week's plan would count it, minute by minute?"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from crm_events.business_time import ALWAYS, Calendar, business_seconds, due, next_opening
from hypothesis import example, given, settings
from hypothesis import strategies as st

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "Asia/Tehran", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "UTC")
# Around each of these the wall clock of one of the zones jumps.
DAYS = tuple(
    datetime.fromisoformat(day) for day in ("2024-03-31", "2024-10-27", "2021-03-21", "2021-09-21", "2024-03-10", "2024-11-03", "2010-11-07", "2024-04-06")
)


def open_minute(calendar: Calendar, minute: datetime) -> bool:
    wall = minute.astimezone(calendar.zone)
    inside = any(opens <= wall.hour * 60 + wall.minute < closes for opens, closes in calendar.week[wall.weekday()])
    return inside and wall.date() not in calendar.holidays


def simulated(calendar: Calendar, start: datetime, end: datetime) -> int:
    minutes = int((end - start).total_seconds()) // 60
    return sum(60 for n in range(minutes) if open_minute(calendar, start + timedelta(minutes=n)))


@st.composite
def periods(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    edges = sorted(draw(st.sets(st.integers(0, 96), min_size=0, max_size=6)))
    return tuple((a * 15, b * 15) for a, b in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def plans(draw: st.DrawFn) -> tuple[Calendar, datetime, datetime]:
    day = draw(st.sampled_from(DAYS)).replace(tzinfo=UTC)
    start = day + timedelta(minutes=draw(st.integers(-2_000, 1_500)))
    end = start + timedelta(minutes=draw(st.integers(0, 3_000)))
    holidays = draw(st.sets(st.sampled_from([(day + timedelta(days=n)).date() for n in range(-2, 4)]), max_size=2))
    week = tuple(draw(periods()) for _ in range(7))
    return Calendar(ZoneInfo(draw(st.sampled_from(ZONES))), week, frozenset(holidays)), start, end


@settings(max_examples=120, deadline=None, derandomize=True)
@given(plans())
@example((Calendar(BERLIN, (((135, 165),),) * 7), datetime(2024, 10, 27, tzinfo=UTC), datetime(2024, 10, 28, tzinfo=UTC)))
def test_business_time_is_the_number_of_minutes_the_wall_clock_shows_open(plan: tuple[Calendar, datetime, datetime]) -> None:
    calendar, start, end = plan
    assert business_seconds(calendar, start, end) == simulated(calendar, start, end)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(plans(), st.integers(1, 1_500))
@example((Calendar(BERLIN, (((540, 720),),) * 7), datetime(2024, 3, 4, 10, tzinfo=UTC), datetime(2024, 3, 4, 10, tzinfo=UTC)), 60)
@example((Calendar(BERLIN, (((0, 1440),),) * 7), datetime(2024, 3, 4, 10, tzinfo=UTC), datetime(2024, 3, 4, 10, tzinfo=UTC)), 840)
def test_a_target_is_due_at_the_first_moment_it_is_used_up(plan: tuple[Calendar, datetime, datetime], minutes: int) -> None:
    calendar, start, _ = plan
    if not any(calendar.week):
        return
    ends = due(calendar, start, minutes * 60)
    assert business_seconds(calendar, start, ends) == minutes * 60
    assert business_seconds(calendar, start, ends - timedelta(seconds=1)) < minutes * 60
    opens = next_opening(calendar, ends)
    assert business_seconds(calendar, ends, opens) == 0
    assert business_seconds(calendar, ends, opens + timedelta(seconds=1)) == 1


WEEK = Calendar(BERLIN, (((540, 720), (780, 1020)),) * 5 + ((), ()), frozenset({date(2024, 5, 1)}))


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("start", "seconds", "expected"),
    [
        ("2024-03-01T16:30", 3600, "2024-03-04T09:30"),  # a weekend
        ("2024-03-04T11:45", 1500, "2024-03-04T13:10"),  # lunch
        ("2024-04-30T16:50", 1200, "2024-05-02T09:10"),  # a holiday
        ("2024-03-04T16:00", 3600, "2024-03-04T17:00"),  # used up at closing time, not at the next opening
        ("2024-03-02T12:00", 0, "2024-03-02T12:00"),  # nothing to use up
    ],
)
def test_a_promise_is_due_in_business_hours(start: str, seconds: int, expected: str) -> None:
    assert due(WEEK, berlin(start), seconds) == berlin(expected)


def test_what_is_used_up_at_closing_time_is_broken_at_the_next_opening() -> None:
    assert next_opening(WEEK, berlin("2024-03-01T17:00")) == berlin("2024-03-04T09:00")
    assert next_opening(WEEK, berlin("2024-03-04T09:30")) == berlin("2024-03-04T09:30")


def test_midnight_may_be_written_as_the_end_of_the_day() -> None:
    nights = Calendar(BERLIN, (((1320, 1440),),) * 7)
    assert business_seconds(nights, berlin("2024-03-04T00:00"), berlin("2024-03-05T00:00")) == 7200


def test_without_a_calendar_every_second_counts() -> None:
    assert business_seconds(ALWAYS, berlin("2024-03-01T16:30"), berlin("2024-03-04T09:30")) == 65 * 3600
    assert next_opening(ALWAYS, berlin("2024-03-02T03:00")) == berlin("2024-03-02T03:00")
    assert due(ALWAYS, berlin("2024-03-30T12:00"), 86_400) == berlin("2024-03-31T13:00")  # the night of summer time has 23 hours
