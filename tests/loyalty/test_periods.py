"""Do months end where people expect it?"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from crm_events.language.programme import TierWindow
from crm_loyalty.periods import add_months, bucket, standing, whole_months, window
from hypothesis import given as for_all
from hypothesis import strategies as st

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))
KINDS = st.builds(TierWindow, kind=st.sampled_from(["calendar", "rolling", "anniversary"]), months=st.integers(1, 40))


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (at(2026, 1, 31, 9, 30), 1, at(2026, 2, 28, 9, 30)),
        (at(2024, 1, 31), 1, at(2024, 2, 29)),
        (at(2024, 2, 29), 12, at(2025, 2, 28)),
        (at(2026, 11, 22, 23, 59, 59), 14, at(2028, 1, 22, 23, 59, 59)),
        (at(2026, 3, 31), -1, at(2026, 2, 28)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last_of_the_month(start: datetime, months: int, end: datetime) -> None:
    assert add_months(start, months) == end


def test_months_are_counted_in_utc() -> None:
    tehran = datetime(2026, 3, 31, 1, 0, tzinfo=timezone(timedelta(hours=3, minutes=30)))  # 30 March, 21:30 in UTC
    assert add_months(tehran, 1) == at(2026, 4, 30, 21, 30)


@for_all(MOMENTS, st.integers(-500, 500))
def test_whole_months_undo_added_months(moment: datetime, months: int) -> None:
    assert whole_months(moment, add_months(moment, months)) == months


@pytest.mark.parametrize(
    ("kind", "months", "expected"),
    [
        ("calendar", 12, (at(2026, 1, 1), at(2027, 1, 1))),
        ("calendar", 3, (at(2026, 10, 1), at(2027, 1, 1))),
        ("rolling", 12, (at(2025, 12, 1), at(2026, 12, 1))),
        ("anniversary", 12, (at(2026, 5, 31, 8), at(2027, 5, 31, 8))),
    ],
)
def test_a_window_begins_where_its_kind_says(kind: str, months: int, expected: tuple[datetime, datetime]) -> None:
    assert window(TierWindow(kind=kind, months=months), at(2026, 11, 22, 10), at(2024, 5, 31, 8)) == expected


@for_all(KINDS, MOMENTS, MOMENTS)
def test_a_moment_lies_in_its_window_and_no_stretch_crosses_a_border(kind: TierWindow, enrolled_at: datetime, moment: datetime) -> None:
    since, until = window(kind, moment, enrolled_at)
    assert since <= moment < until
    assert since <= bucket(moment, enrolled_at) <= moment
    assert standing(kind, moment, enrolled_at) > moment
