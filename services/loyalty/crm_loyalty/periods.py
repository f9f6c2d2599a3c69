"""When does a whole number of calendar months begin and end? All in UTC; a day that a month lacks becomes its last day."""

from calendar import monthrange
from datetime import UTC, datetime

from crm_events.language.programme import TierWindow


def add_months(moment: datetime, months: int) -> datetime:
    """So many calendar months later (or earlier), at the same time of day: 31 January + 1 month = 28 or 29 February."""
    moment = moment.astimezone(UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def month_of(moment: datetime) -> datetime:
    """The beginning of its calendar month."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def whole_months(since: datetime, until: datetime) -> int:
    """How many calendar months have passed in full; negative before `since`."""
    months = (until.year - since.year) * 12 + until.month - since.month
    return months if add_months(since, months) <= until else months - 1


def window(kind: TierWindow, at: datetime, enrolled_at: datetime) -> tuple[datetime, datetime]:
    """The window [from, to) that `at` lies in.

    calendar: blocks of so many months, counted from the first January. anniversary: blocks counted from the enrolment.
    rolling: the running month and those before it.
    """
    match kind.kind:
        case "calendar":
            month = month_of(at)
            start = add_months(month, -((month.year * 12 + month.month - 1) % kind.months))
        case "rolling":
            start = add_months(month_of(at), 1 - kind.months)
        case "anniversary":
            block = whole_months(enrolled_at, at) // kind.months * kind.months
            return add_months(enrolled_at, block), add_months(enrolled_at, block + kind.months)
    return start, add_months(start, kind.months)


def standing(kind: TierWindow, at: datetime, enrolled_at: datetime) -> datetime:
    """Until when does a tier reached at `at` stand, without grace? To the end of its block; a rolling one for as long as its window."""
    return add_months(at, kind.months) if kind.kind == "rolling" else window(kind, at, enrolled_at)[1]


def bucket(at: datetime, enrolled_at: datetime) -> datetime:
    """The beginning of the stretch in which points are counted together: no window begins or ends inside it."""
    return max(month_of(at), add_months(enrolled_at, whole_months(enrolled_at, at)))
