"""Is the worked example of docs/points-ledger.md what happens?"""

import re
from collections.abc import Callable
from pathlib import Path

from loyalty_words import Story, cancel, confirm, day, line, published, reserve

PAGE = Path(__file__).resolve().parents[2] / "docs" / "points-ledger.md"
ACCOUNTS = ("pending", "available", "reserved", "redeemed", "expired", "reversed", "debt")


def rows() -> list[tuple[int, ...]]:
    told = re.findall(r"^\| \d+ \w+ \|[^|]*\|((?: \d+ \|){7})$", PAGE.read_text(), re.MULTILINE)
    return [tuple(int(number) for number in re.findall(r"\d+", row)) for row in told]


def test_the_worked_example_of_the_page_happens_row_by_row() -> None:
    story = Story(published(pending_days=14))
    steps: list[Callable[[], object]] = [
        lambda: story.buys("A-1", line(2, 3000), line(1, 4000, number=2), at=day(0)),
        lambda: story.until(day(14)),
        lambda: story.does(lambda member: reserve(member, 80, at=day(15)), day(15)),
        lambda: story.does(confirm, day(15)),
        lambda: story.returns("A-1", {1: 1}, at=day(20)),
        lambda: story.buys("A-2", line(1, 5000), at=day(22)),
        lambda: story.until(day(36)),
        lambda: story.does(lambda member: cancel(member, at=day(41)), day(41)),
        lambda: story.until(day(365)),
    ]
    seen = []
    for step in steps:
        step()
        seen.append(tuple(story.accounts()[name] for name in ACCOUNTS))
    assert len(seen) == 9 and seen == rows()
