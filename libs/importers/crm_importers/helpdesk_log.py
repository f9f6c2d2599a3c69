"""What does the help desk's log say? Its rows as steps of cases, in the order of the log."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from crm_importers.reading import opened
from crm_importers.sending import Stopped
from crm_importers.tally import Refusal

Activity: TypeAlias = Literal[
    "Insert ticket", "Assign seriousness", "Take in charge ticket", "Wait", "Require upgrade", "Schedule intervention", "Create SW anomaly",
    "Resolve SW anomaly", "Resolve ticket", "Closed", "VERIFIED", "RESOLVED", "INVALID", "DUPLICATE",
]  # fmt: skip
ACTIVITIES: tuple[str, ...] = get_args(Activity)
ZONE = ZoneInfo("Europe/Rome")  # the company is Italian, and the log names no zone
COLUMNS = {
    "Case ID": "case", "Activity": "activity", "Resource": "agent", "Complete Timestamp": "at", "seriousness_2": "seriousness", "customer": "customer",
    "product": "product", "responsible_section": "section", "service_level": "level", "service_type": "type", "support_section": "support",
    "workgroup": "workgroup",
}  # fmt: skip
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One row. `line`: of the file, the heading being 1; `at`: UTC, later than the step before by a millisecond at least."""

    line: int
    activity: str
    agent: str
    at: datetime
    customer: str
    product: str
    section: str
    seriousness: str
    level: str
    type: str
    support: str
    workgroup: str


@dataclass(frozen=True, slots=True)
class Case:
    """One ticket's steps; at least one."""

    id: str
    steps: tuple[Step, ...]

    @property
    def customer(self) -> str:
        """Whose the ticket is: seven cases of the log name another customer later; a ticket keeps its own."""
        return self.steps[0].customer


def read(file: Path) -> tuple[list[Case], list[Refusal]]:
    """The cases in the order in which they first appear, and the rows that say nothing that can be understood. Raises Stopped for another kind of file."""
    cases: dict[str, list[Step]] = {}
    refused: list[Refusal] = []
    with opened(file) as text:
        for line, row in _rows(file, csv.reader(text)):
            try:
                step = _step(line, row)
            except ValueError as error:
                refused.append(Refusal(line, "row", "unreadable", str(error)))
                continue
            steps = cases.setdefault(row["case"], [])
            steps.append(_after(steps[-1], step) if steps else step)
    return [Case(name, tuple(steps)) for name, steps in cases.items()], refused


def _rows(file: Path, rows: Iterator[list[str]]) -> Iterator[tuple[int, dict[str, str]]]:
    heading = next(rows, [])
    missing = [column for column in COLUMNS if column not in heading]
    if missing:
        raise Stopped(f"{file}: is no help desk log: the columns {', '.join(missing)} are missing.")
    places = [(heading.index(column), name) for column, name in COLUMNS.items()]
    for line, row in enumerate(rows, 2):
        if row:
            yield line, {name: row[place].strip() if place < len(row) else "" for place, name in places}


def _step(line: int, row: dict[str, str]) -> Step:
    if empty := [name for name, value in row.items() if not value]:
        raise ValueError(f"nothing is said of {', '.join(empty)}.")
    if row["activity"] not in ACTIVITIES:
        raise ValueError("the activity is none of the fourteen known.")
    at = datetime.strptime(row["at"], "%Y/%m/%d %H:%M:%S.%f").replace(tzinfo=ZONE).astimezone(UTC)
    return Step(line, at=at, **{name: row[name] for name in Step.__dataclass_fields__ if name in row and name != "at"})


def _after(previous: Step, step: Step) -> Step:
    """Two steps of one second happened in the order of the log: a millisecond apart, so that each moment is one step's own."""
    if step.at > previous.at:
        return step
    return Step(**{name: getattr(step, name) for name in Step.__dataclass_fields__} | {"at": previous.at + _TICK})
