"""By which promises is the help desk's past judged? The log names levels of service but not their terms: these are ours, in force before its first row."""

from collections.abc import Iterator
from datetime import date, timedelta

from crm_importers.command import Command, id_of
from crm_importers.helpdesk_tickets import PRIORITIES, SYSTEM

SINCE = "2010-01-01T00:00:00+01:00"
DAY = 600  # business minutes: 07:00 to 17:30 with half an hour for lunch, the hours in which 99 of 100 rows of a working day were written
WEEK = {day: [["07:00", "12:30"], ["13:00", "17:30"]] if day not in ("sat", "sun") else [] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
DAYS = {"service-level-1": 10, "service-level-2": 5, "service-level-3": 7, "service-level-4": 10}  # to resolve a ticket of normal priority
SHARES = {"urgent": (1, 5), "high": (1, 2), "normal": (1, 1), "low": (2, 1)}  # of that time
_FIXED = {
    (1, 1): "Capodanno", (1, 6): "Epifania", (4, 25): "Liberazione", (5, 1): "Festa del lavoro", (6, 2): "Festa della Repubblica", (8, 15): "Ferragosto",
    (11, 1): "Ognissanti", (12, 8): "Immacolata", (12, 25): "Natale", (12, 26): "Santo Stefano",
}  # fmt: skip
_YEARS = range(2010, 2015)


def easter(year: int) -> date:
    """Easter Sunday (the anonymous Gregorian computus, Nature 1876)."""
    a, (b, c) = year % 19, divmod(year, 100)
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    w = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    month, day = divmod(h + w - 7 * ((a + 11 * h + 22 * w) // 451) + 114, 31)
    return date(year, month, day + 1)


def holidays() -> list[dict[str, str]]:
    """Italy's, in the years of the log."""
    fixed = {date(year, month, day): name for year in _YEARS for (month, day), name in _FIXED.items()}
    days = fixed | {easter(year) + timedelta(days=1): "Lunedì dell'Angelo" for year in _YEARS}
    return [{"date": day.isoformat(), "name": name} for day, name in sorted(days.items())]


def calendar() -> Command:
    """The hours, to be known before the policies that name them."""
    return _defined("defineCalendar", {"time_zone": "Europe/Rome", "week": WEEK, "holidays": holidays(), "valid_from": SINCE})


def policies() -> Iterator[Command]:
    """One for each level and priority."""
    for level, days in DAYS.items():
        for word in PRIORITIES.values():
            times, parts = SHARES[word]
            policy = {
                "rank": 10, "when": {"categories": [level], "priorities": [word]}, "calendar": SYSTEM, "on_reopen": "continue", "valid_from": SINCE,
                "targets": {"resolution": days * DAY * times // parts, "agent_work": days * DAY * times // parts // 2},
                "pauses": {"resolution": [], "agent_work": ["pending", "on_hold"]},
            }  # fmt: skip
            yield _defined("defineSlaPolicy", policy, f"-{level.removeprefix('service-')}-{word}")


def _defined(operation: str, body: dict[str, object], suffix: str = "") -> Command:
    name = SYSTEM + suffix
    return Command("tickets", operation, name, id_of(SYSTEM, operation, name), {"name": name}, body)
