"""Which day is it in the Persian calendar? The one place that knows the library."""

from datetime import date

from persiantools.jdatetime import JalaliDate


def jalali(day: date) -> str:
    """`jalali(date(2026, 11, 22))` = 1405/09/01."""
    return JalaliDate(day).strftime("%Y/%m/%d")  # type: ignore[no-untyped-call]


def gregorian(year: int, month: int, day: int) -> date:
    """The day of a Jalali date. Raises ValueError for one that is none."""
    return JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
