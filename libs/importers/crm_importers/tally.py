"""What became of the commands? Counts, refusals with their lines, and the positions that a reader must have seen to see them all."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_events import token
from rich.console import Console
from rich.table import Table

from crm_importers.command import Command

SHOWN = 20  # refusals printed; all are counted


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was not taken. `line` 0: of no file."""

    line: int
    what: str
    problem: str
    detail: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.what}: {self.problem}: {self.detail}"


@dataclass(slots=True)
class Tally:
    """The count of one import so far. `there`: what was done before, by this caller with the same key or by another."""

    accepted: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    seen: dict[tuple[str, int], int] = field(default_factory=dict)

    def answered(self, command: Command, answer: Mapping[str, Any]) -> None:
        """Count an answer that will not change any more."""
        problem = answer.get("problem")
        if problem is None:
            (self.there if answer.get("replayed") else self.accepted)[command.operation] += 1
            for place, position in token.decode(answer["consistency_token"]).items() if answer.get("consistency_token") else ():
                self.seen[place] = max(self.seen.get(place, 0), position)
        elif made_before(command, problem):
            self.there[command.operation] += 1
        else:
            self.refuse(Refusal(command.line, command.operation, str(problem.get("type", "")).rpartition("/")[2], detail_of(problem)))

    def refuse(self, refusal: Refusal) -> None:
        """Count what was not taken, by the service or by the reader of the file."""
        self.refused[refusal.what] += 1
        self.refusals.append(refusal)

    @property
    def whole(self) -> bool:
        """Whether everything was taken."""
        return not self.refusals

    def token(self) -> str:
        """The consistency token of everything taken so far; empty if nothing was."""
        return ",".join(token.encode(source, {partition: position}) for (source, partition), position in sorted(self.seen.items()))

    def show(self, console: Console) -> None:
        """Print the refusals, the first ones with their reasons, and a table of counts."""
        for refusal in self.refusals[:SHOWN]:
            console.print(f"refused  {refusal}", style="red", markup=False, highlight=False)
        if len(self.refusals) > SHOWN:
            console.print(f"… and {len(self.refusals) - SHOWN} more were refused.", style="red")
        table = Table("command", "taken", "there before", "refused")
        for operation in sorted(self.accepted | self.there | self.refused):
            table.add_row(operation, *(f"{counts[operation]:,}" for counts in (self.accepted, self.there, self.refused)))
        table.add_row("all", *(f"{counts.total():,}" for counts in (self.accepted, self.there, self.refused)), style="bold")
        console.print(table)


def made_before(command: Command, problem: Mapping[str, Any]) -> bool:
    """Whether the thing is there by the id that the command gave it: it was made by another caller, or when the key was forgotten."""
    named = command.body.get("id") if command.body else None
    return problem.get("type") == "/problems/already-exists" and named is not None and problem.get("existing_id") == named


def detail_of(problem: Mapping[str, Any]) -> str:
    """What is wrong, and where; no value is repeated."""
    errors = problem.get("errors") or []
    places = [f"{error.get('pointer') or error.get('parameter')}: {error.get('detail')}" for error in errors]
    return "; ".join(places) or str(problem.get("detail", ""))
