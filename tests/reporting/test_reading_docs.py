"""Do the pages about reads and figures say what the code does?"""

from pathlib import Path

import pytest
from crm_reporting import applied, fresh, listing, reading, rfm, stream_api
from crm_reporting.kpis import asking
from crm_reporting.kpis.catalogue import KPIS
from crm_reporting.kpis.definition import WINDOW
from crm_reporting.kpis_api import EARLIEST, YEAR

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (DOCS / page).read_text().splitlines() if line.startswith("| ")]


def test_the_table_of_figures_is_the_catalogue() -> None:
    told = [row for row in rows("kpis.md") if row[0].startswith("`")]
    known = [
        [f"`{kpi.name}`", kpi.number, kpi.unit, str(kpi.version), kpi.meaning, ", ".join(kpi.by) or "–", ", ".join(kpi.also) or "–"]
        for kpi in sorted(KPIS.values(), key=lambda kpi: int(kpi.number[1:]))
    ]
    assert told == known and len(known) == 17


def test_the_fixed_bounds_of_rfm_are_the_codes() -> None:
    told = [row for row in rows("kpis.md") if row[0] in "5432"]
    bounds = zip((5, 4, 3, 2), reversed(rfm._RECENT_DAYS), reversed(rfm._PURCHASES), reversed(rfm._MEANS), strict=True)
    assert told == [[str(digit), str(days), str(times), f"{share:g}"] for digit, days, times, share in bounds]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("kpis.md", f"default the last {YEAR.days} days"),
        ("kpis.md", f"W = {WINDOW.days} days"),
        ("kpis.md", f"before {EARLIEST.year}"),
        ("kpis.md", f"at most {asking.MOST_GROUPS}"),
        ("kpis.md", f"From {rfm.FEWEST} customers on"),
        ("kpis.md", f"every {'five' if rfm.FRESH == 300 else rfm.FRESH} minutes"),
        ("reading.md", f"looks every {applied.LOOK * 1000:.0f} ms"),
        ("reading.md", f"at most {applied.WAITERS},"),
        ("reading.md", f"({fresh.WAIT:.0f} by default, {fresh.MOST:.0f} at most)"),
        ("reading.md", f"believe the name for {'a second' if reading.ASK == 1 else reading.ASK}"),
        ("reading.md", f"ends after {stream_api.LIFE / 60:.0f} minutes"),
        ("reading.md", f"{stream_api.MOST} streams a process"),
        ("reading.md", f"or {stream_api.LOOK_AGAIN:.0f} s"),
    ],
)
def test_the_numbers_of_the_pages_are_the_codes(page: str, words: str) -> None:
    assert words in (DOCS / page).read_text()


def test_the_sort_that_meets_everybody_once_is_there() -> None:
    assert "customer_id" in listing.SORTS
