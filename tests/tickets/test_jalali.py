"""Is a Jalali date the day that people in Iran mean by it?"""

import uuid
from datetime import date, timedelta

import pytest
from crm_tickets.jalali import FIRST, LAST, iso
from tickets_client import CALENDAR, Desk, ok

LEAP = (1370, 1375, 1379, 1383, 1387, 1391, 1395, 1399, 1403, 1408, 1412)  # as Iran's official calendars had and have them


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("1357-11-22", "1979-02-11"), ("1399-12-30", "2021-03-20"), ("1403-01-01", "2024-03-20"), ("1404-01-01", "2025-03-21"),
        ("1405-01-13", "2026-04-02"), ("1405-09-02", "2026-11-23"), ("1408-12-30", "2030-03-20"),
    ],
)  # fmt: skip
def test_a_jalali_date_is_the_day_people_mean(told: str, day: str) -> None:
    assert iso(told) == date.fromisoformat(day)


def test_the_days_follow_one_another_and_leap_years_are_where_they_lie() -> None:
    days, found = list[date](), list[int]()
    for year in range(FIRST, LAST + 1):
        for month in range(1, 13):
            length = 31 if month <= 6 else 30 if month < 12 else 29
            days += [iso(f"{year}-{month:02}-{day:02}") for day in range(1, length + 1)]
        try:
            days.append(iso(f"{year}-12-30"))
            found.append(year)
        except ValueError:
            continue
    assert days == [days[0] + timedelta(days=number) for number in range(len(days))]
    assert tuple(year for year in found if 1370 <= year <= 1412) == LEAP


@pytest.mark.parametrize("told", ["1404-12-30", "1405-13-01", "1405-07-31", "1405-00-01", "1405-01-00", "1405-01-32", "0001-01-01", "9999-01-01"])
def test_a_day_that_is_not_there_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="no such day"):
        iso(told)


async def test_holidays_are_told_by_either_calendar_and_kept_by_one(desk: Desk) -> None:
    name = f"h{uuid.uuid4().hex[:8]}"
    holidays = [{"jalali": "1405-11-22", "name": "۲۲ بهمن"}, {"date": "2026-03-21", "name": "نوروز"}]
    made = ok(await desk.put(f"/v1/calendars/{name}", CALENDAR | {"holidays": holidays}))
    assert made["holidays"] == [{"date": "2027-02-11", "name": "۲۲ بهمن"}, {"date": "2026-03-21", "name": "نوروز"}]
    by_date = [{"date": "2027-02-11", "name": "۲۲ بهمن"}, {"jalali": "1405-01-01", "name": "نوروز"}]
    assert ok(await desk.put(f"/v1/calendars/{name}", CALENDAR | {"holidays": by_date}))["version"] == 1, "the same days: nothing new"
    for odd in ({}, {"date": "2026-03-21", "jalali": "1405-01-01"}, {"jalali": "1404-12-30"}, {"jalali": "۱۴۰۵-۰۱-۰۱"}, {"jalali": "1405-1-1"}):
        assert (await desk.put(f"/v1/calendars/{name}", CALENDAR | {"holidays": [odd | {"name": "x"}]})).status_code == 422
