"""How much business time lies between two moments, and when is so much of it used up?

A moment is open when the wall clock of the calendar's zone, at that moment, stands in one of the day's periods [from, to) and the day is no holiday.
That one sentence also settles summer time: an hour the wall clock skips is never open, an hour it repeats is open twice. Times are milliseconds since 1970,
as the store keeps no more; spans are milliseconds too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from crm_events.language.sla import CalendarDefined
from crm_events.language.words import Day

WEEKDAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 86_400_000
BLOCK = 128  # days that are summed together
HORIZON = 40 * 366  # days looked ahead; a target not used up by then is due at the horizon
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORDINAL = date(1970, 1, 1).toordinal()
_MILLISECOND = timedelta(milliseconds=1)

Span = tuple[int, int]


def ms(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def moment(at: int) -> datetime:
    """The UTC moment of so many milliseconds since 1970."""
    return _EPOCH + at * _MILLISECOND


@dataclass(frozen=True)
class Calendar:
    """Business hours. `week`: seven days from Monday, each a sorted tuple of disjoint periods in minutes of the day; `zone` None = always open."""

    zone: ZoneInfo | None = None
    week: tuple[tuple[Span, ...], ...] = ((),) * 7
    holidays: frozenset[date] = frozenset()
    # A pure function's memory: open spans by UTC day, and within each block of days how much was open before each of them.
    _days: dict[int, tuple[Span, ...]] = field(default_factory=dict, compare=False, repr=False)
    _blocks: dict[int, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def open_on(self, day: int) -> tuple[Span, ...]:
        """The open spans within one UTC day, counted from 1970-01-01."""
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = tuple(_spans(self, day))
        return found

    def open_between(self, first: int, last: int) -> int:
        """Milliseconds open on the UTC days [first, last). Years cost a few sums: old tickets are asked about for ever."""
        from_block, to_block = first // BLOCK, last // BLOCK
        whole = sum(self._block(block)[BLOCK] for block in range(from_block, to_block))
        return whole + self._block(to_block)[last % BLOCK] - self._block(from_block)[first % BLOCK]

    def _block(self, block: int) -> tuple[int, ...]:
        found = self._blocks.get(block)
        if found is None:
            lengths = (sum(b - a for a, b in self.open_on(day)) for day in range(block * BLOCK, (block + 1) * BLOCK))
            found = self._blocks[block] = tuple(accumulate(lengths, initial=0))
        return found


ALWAYS = Calendar()


def hours_of(calendar: CalendarDefined) -> Calendar:
    """The arithmetic of a calendar's version."""
    week = tuple(tuple(sorted((_minutes(start), _minutes(end)) for start, end in calendar.week.get(day, ()))) for day in WEEKDAYS)
    return Calendar(ZoneInfo(calendar.time_zone), week, frozenset(holiday.date for holiday in calendar.holidays))


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def business_ms(calendar: Calendar, start: int, end: int) -> int:
    """Milliseconds of business time in [start, end); 0 if end is not after start."""
    if end <= start:
        return 0
    if calendar.zone is None:
        return end - start
    first, last = start // DAY, (end - 1) // DAY
    if first == last:
        return sum(max(0, min(b, end) - max(a, start)) for a, b in calendar.open_on(first))
    edges = sum(max(0, b - max(a, start)) for a, b in calendar.open_on(first)) + sum(max(0, min(b, end) - a) for a, b in calendar.open_on(last))
    return edges + calendar.open_between(first + 1, last)


def business_seconds(calendar: Calendar, start: datetime, end: datetime) -> int:
    """Whole seconds of business time in [start, end)."""
    return business_ms(calendar, ms(start), ms(end)) // 1000


def due_ms(calendar: Calendar, start: int, target: int) -> int:
    """The earliest moment by which `target` milliseconds of business time have passed since `start`: the start itself if the target is 0 or less."""
    if target <= 0:
        return start
    if calendar.zone is None:
        return min(start + target, start + HORIZON * DAY)
    left = target
    for a, b in _ahead(calendar, start):
        if b - a >= left:
            return a + left
        left -= b - a
    return start + HORIZON * DAY


def due(calendar: Calendar, start: datetime, seconds: int) -> datetime:
    """The moment at which a target of so many business seconds is used up."""
    return moment(due_ms(calendar, ms(start), seconds * 1000))


def next_opening_ms(calendar: Calendar, at: int) -> int:
    """`at` itself if business time runs from there on, else the next moment from which it does."""
    if calendar.zone is None:
        return at
    return next((a for a, _ in _ahead(calendar, at)), at + HORIZON * DAY)


def next_opening(calendar: Calendar, at: datetime) -> datetime:
    """When a promise used up at `at` is broken, if still unanswered: at once in business hours, else at the next opening."""
    return moment(next_opening_ms(calendar, ms(at)))


def _ahead(calendar: Calendar, start: int) -> Iterator[Span]:
    """The open spans from `start` on, the first one cut to begin there."""
    for day in range(start // DAY, start // DAY + HORIZON):
        for a, b in calendar.open_on(day):
            if b > start:
                yield max(a, start), b


def _spans(calendar: Calendar, day: int) -> Iterator[Span]:
    """The open spans of a UTC day: within each stretch of one UTC offset the wall clock is plain arithmetic."""
    for start, end, offset in _stretches(calendar.zone, day):
        for local_day in range((start + offset) // DAY, (end - 1 + offset) // DAY + 1):
            on = date.fromordinal(_ORDINAL + local_day)
            for opens, closes in () if on in calendar.holidays else calendar.week[on.weekday()]:
                a = max(start, local_day * DAY + opens * 60_000 - offset)
                b = min(end, local_day * DAY + closes * 60_000 - offset)
                if a < b:
                    yield a, b


def _stretches(zone: ZoneInfo | None, day: int) -> Iterator[tuple[int, int, int]]:
    """The day cut where the zone's UTC offset changes (at most once a day): (start, end, offset)."""
    start, end = day * DAY, (day + 1) * DAY
    before, after = _offset(zone, start), _offset(zone, end - 1)
    if before == after:
        yield start, end, before
        return
    low, high = start // 1000, end // 1000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle * 1000) == before else (low, middle)
    yield start, high * 1000, before
    yield high * 1000, end, after


def _offset(zone: ZoneInfo | None, at: int) -> int:
    shift = moment(at).astimezone(zone).utcoffset()
    return shift // _MILLISECOND if shift else 0
