"""Which day is it by the calendar that Iran's holidays go by?

The year begins at the vernal equinox. From 1210 to 1634 that makes 8 leap years in 33, at the same places of each cycle (Borkowski, "The Persian calendar for
3000 years", 1996); to 1502 the days are those of ICU, too.
"""

from datetime import date, timedelta

FIRST, LAST = 1210, 1500
_BEGINNING = date(1831, 3, 21)  # 1 Farvardin 1210


def iso(text: str) -> date:
    """The day of `1405-01-01`. ValueError for a day that is not there."""
    year, month, day = (int(part) for part in text.split("-"))
    if not FIRST <= year <= LAST or not 1 <= month <= 12 or not 1 <= day <= _days(year, month):
        raise ValueError(f"There is no such day in the Jalali years {FIRST} to {LAST}.")
    return _new_year(year) + timedelta(days=31 * min(month - 1, 6) + 30 * max(month - 7, 0) + day - 1)


def _days(year: int, month: int) -> int:
    if month < 12:
        return 31 if month <= 6 else 30
    return (_new_year(year + 1) - _new_year(year)).days - 336


def _new_year(year: int) -> date:
    passed = year - FIRST
    return _BEGINNING + timedelta(days=365 * passed + passed // 33 * 8 + (passed % 33 + 3) // 4)
