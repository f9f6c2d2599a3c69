"""How is one import done from beginning to end? Phase by phase, with a bar for each, and a tally at the end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from crm_importers.address import Address, clients
from crm_importers.command import Command
from crm_importers.duplicates import Duplicates
from crm_importers.sending import Sender
from crm_importers.tally import Refusal, Tally


@dataclass(frozen=True)
class Phase:
    """Commands that need those of the phases before, and may overtake each other but for their chains. `total`: how many, for the bar."""

    name: str
    commands: Iterable[Command]
    total: int


def phase(name: str, commands: Sequence[Command]) -> Phase:
    """A phase whose commands are made already."""
    return Phase(name, commands, len(commands))


@dataclass
class Import:
    """One import into the services at `address`. `options`: of the Sender, where its own do not fit. `answers`: bodies of answers worth keeping, by key."""

    address: Address
    console: Console
    options: Mapping[str, Any] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    keep: frozenset[str] = frozenset()  # operations whose answers are kept
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    duplicates: Duplicates | None = None  # to be told who is somebody known already

    async def run(self, phases: Iterable[Phase], refused: Sequence[Refusal] = ()) -> Tally:
        """Send the phases one after another. `refused`: what the reader of the file could not make a command of. Raises Stopped."""
        for refusal in refused:
            self.tally.refuse(refusal)
        columns = TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
        async with clients(self.address) as connected:
            with Progress(*columns, console=self.console) as bars:
                for each in phases:
                    bar = bars.add_task(each.name, total=each.total)

                    def answered(command: Command, answer: Mapping[str, Any], bar: Any = bar) -> None:
                        self.tally.answered(command, answer)
                        if self.duplicates:
                            self.duplicates.answered(command, answer)
                        if command.operation in self.keep and "body" in answer:
                            self.answers[command.key] = answer["body"]
                        bars.advance(bar)

                    await Sender(connected, answered, **self.options).send(each.commands)
            if self.duplicates:
                await self.duplicates.ask(connected["contacts"])
        return self.tally
