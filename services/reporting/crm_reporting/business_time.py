"""How much business time lies between two moments?"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def business_seconds(calendar: Mapping[str, Any] | None, start: datetime, end: datetime) -> int:
    """Whole seconds of `calendar` (a `calendar.defined` payload; None = around the clock) in [start, end). Holidays and changes of the clock are respected."""
    if end <= start:
        return 0
    if calendar is None:
        return int((end - start).total_seconds())
    used = timedelta()
    for opens, closes in _spans(calendar, start, end):
        used += max(min(closes, end) - max(opens, start), timedelta())
    return int(used.total_seconds())


def _spans(calendar: Mapping[str, Any], start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    zone = ZoneInfo(calendar["time_zone"])
    holidays = {holiday["date"] for holiday in calendar["holidays"]}
    day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    while day <= last:
        if day.isoformat() not in holidays:
            for opens, closes in calendar["week"].get(_DAYS[day.weekday()], ()):
                yield _moment(day, opens, zone), _moment(day, closes, zone)
        day += timedelta(days=1)


def _moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)
