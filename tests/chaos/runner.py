"""How does one run go? Under load: do it, see that it was felt, undo it, measure the recovery; then, without load, everything must hold."""

import asyncio
import itertools
import os
import shutil
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from crm_local.stack import Stack
from typer import echo

from chaos.broken import Broken
from chaos.checks import Facts, everything_holds
from chaos.ground import Ground, Unfelt
from chaos.needs import Missing
from chaos.scenario import Scenario

BUILD = Path(__file__).resolve().parents[2] / "build"
BEFORE = AFTER = 30  # acknowledged commands before the fault, and after its end
MOST_EVENTS = 8_000  # beyond, checking a stack takes longer than starting another one


@dataclass(frozen=True)
class Run:
    """One scenario with one seed."""

    scenario: Scenario
    seed: int


@dataclass
class Runner:
    """Runs scenarios one after another. `seeds` instead of their own; `minutes`: further seeds as long as there is time."""

    scenarios: Sequence[Scenario]
    seeds: Sequence[int] = ()
    minutes: float = 0
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    _folder: Path = field(default_factory=lambda: BUILD / f"chaos-{os.getpid()}")
    _shared: Stack | None = None
    _stacks: int = 0

    async def run(self) -> int:
        """The exit code: 1 if any failed."""
        began = time.monotonic()
        _sweep()
        try:
            for run in self._runs(began + 60 * self.minutes):
                await self._one(run)
        finally:
            await self._drop(self._shared)
            shutil.rmtree(self._folder, ignore_errors=True)
        for line in (*self.skipped, *self.failed):
            echo(line)
        echo(f"{time.monotonic() - began:.0f} s: {self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped")
        return 1 if self.failed else 0

    def _runs(self, until: float) -> Iterator[Run]:
        """Own stacks last: the shared one is stopped before them, for the machine is small."""
        ordered = sorted(self.scenarios, key=lambda each: each.own_stack)
        yield from (Run(each, seed) for each in ordered for seed in self.seeds or each.seeds)
        for seed in itertools.count(max([0, *self.seeds, *(seed for each in ordered for seed in each.seeds)]) + 1):
            for each in ordered:
                if time.monotonic() >= until:
                    return
                yield Run(each, seed)

    async def _one(self, run: Run) -> None:
        began, name = time.monotonic(), f"{run.scenario.name}/{run.seed}"
        if run.scenario.own_stack or self._shared is None:
            await self._drop(self._shared)
            self._stacks += 1
            self._shared = Stack(self._folder / f"stack-{self._stacks}")
        stack = self._shared
        try:
            around = await asyncio.to_thread(stack.up, fresh_ports=True)
            ground = Ground.begin(stack, around, run.scenario.name, run.seed, BUILD / "chaos", echo)
            try:
                facts, recovery = await experiment(run.scenario, ground)
            finally:
                await ground.end()
        except Missing as missing:
            self.skipped.append(f"SKIPPED {name}: this machine lacks {missing}")
            echo(self.skipped[-1])
            if run.scenario.own_stack:
                await self._drop(stack)
            return
        except Exception as error:
            await self._broken(run, stack, f"{type(error).__name__}: {error}{_where(error)}", time.monotonic() - began)
            return
        self.passed += 1
        echo(f"{name:26} passed in {time.monotonic() - began:3.0f} s, recovered in {recovery:4.1f} s: {_told(ground, facts)}")
        if run.scenario.own_stack or facts.events > MOST_EVENTS:
            await self._drop(stack)
            self._shared = None

    async def _broken(self, run: Run, stack: Stack, why: str, seconds: float) -> None:
        """A failure's history and logs outlive its stack, which nobody else starts from."""
        name, kept = f"{run.scenario.name}-{run.seed}", BUILD / "chaos"
        again = f"make chaos ONLY={run.scenario.name} SEEDS={run.seed}"
        self.failed.append(f"FAILED {why}\n  again: {again}; history: {kept}/{name}.jsonl; logs: {kept}/{name}.logs")
        echo(f"{run.scenario.name}/{run.seed} FAILED after {seconds:.0f} s: {why}")
        shutil.rmtree(kept / f"{name}.logs", ignore_errors=True)
        shutil.copytree(stack.data_dir / "logs", kept / f"{name}.logs", dirs_exist_ok=True)
        await self._drop(stack)
        self._shared = None

    async def _drop(self, stack: Stack | None) -> None:
        if stack is not None:
            await asyncio.to_thread(stack.down)
            shutil.rmtree(stack.data_dir, ignore_errors=True)


def _where(error: Exception) -> str:
    """The suite's own line at which something was raised that says too little by itself."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "chaos" in frame.filename]
    return "" if isinstance(error, Broken | Unfelt) or not frames else f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def _sweep() -> None:
    """Remove what a killed run left: its servers outlive it by design."""
    for folder in BUILD.glob("chaos-*"):
        if not psutil.pid_exists(int(folder.name.removeprefix("chaos-"))):
            for stack in folder.glob("stack-*"):
                if stack.is_dir():
                    Stack(stack).down()
            shutil.rmtree(folder, ignore_errors=True)


async def experiment(scenario: Scenario, ground: Ground) -> tuple[Facts, float]:
    """What the checks saw, and the seconds until a fresh write was seen again. Raises Broken, Unfelt, and whatever the scenario raises."""
    async with ground.load.running():
        await ground.load.more(BEFORE)
        await scenario.act(ground)
        recovery = await ground.recovered(time.monotonic())
        await ground.load.more(AFTER)
    return await everything_holds(ground), recovery


def _told(ground: Ground, facts: Facts) -> str:
    history = ground.history
    counts = {"ok": history.of("ok"), "refused": history.of("fail"), "unknown": history.of("unknown"), "sent again": history.retried}
    counts |= {"read back": ground.load.read_back, "events": facts.events, "sent twice": facts.repeats, "customers": facts.customers}
    return ", ".join(f"{name} {value}" for name, value in (counts | ground.notes).items())
