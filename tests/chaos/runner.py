"""How does one run go? Under load: do it, see that it was felt, undo it, measure the recovery; then, without load, everything must hold."""

import asyncio
import itertools
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crm_local.stack import Stack

from chaos.checks import Facts, everything_holds
from chaos.ground import Ground
from chaos.scenario import Scenario

BUILD = Path(__file__).resolve().parents[2] / "build"
BEFORE = AFTER = 30  # acknowledged commands before the fault, and after its end


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
    _folder: Path = field(default_factory=lambda: BUILD / f"chaos-{os.getpid()}")
    _shared: Stack | None = None
    _stacks: int = 0

    async def run(self) -> int:
        """The exit code: 1 if any failed."""
        began = time.monotonic()
        try:
            for run in self._runs(began + 60 * self.minutes):
                await self._one(run)
        finally:
            await self._drop(self._shared)
            shutil.rmtree(self._folder, ignore_errors=True)
        for line in self.failed:
            _say(line)
        _say(f"{time.monotonic() - began:.0f} s: {self.passed} passed, {len(self.failed)} failed")
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
        if run.scenario.own_stack:
            self._shared = None
        try:
            around = await asyncio.to_thread(stack.up, fresh_ports=True)
            ground = Ground.begin(stack, around, run.scenario.name, run.seed, BUILD / "chaos", _say)
            try:
                facts, recovery = await _experiment(run.scenario, ground)
            finally:
                await ground.end()
        except Exception as error:
            self.failed.append(
                f"FAILED {name} (make chaos ONLY={run.scenario.name} SEEDS={run.seed}): {_told(error)}; {BUILD / 'chaos'}/{name.replace('/', '-')}.jsonl"
            )
            _say(f"{name:28} FAILED after {time.monotonic() - began:.0f} s: {_told(error)}")
            await self._keep_logs(stack, name)
            await self._drop(stack)
            self._shared = None
        else:
            self.passed += 1
            history = ground.history
            _say(
                f"{name:28} passed in {time.monotonic() - began:4.0f} s, recovered in {recovery:4.1f} s; ok {history.of('ok')}, refused {history.of('fail')}, "
                f"unknown {history.of('unknown')}, sent again {history.retried}; {facts.events} events, {facts.repeats} repeated, "
                f"{facts.customers} customers{''.join(f', {name} {value}' for name, value in ground.notes.items())}"
            )
            if run.scenario.own_stack:
                await self._drop(stack)

    async def _keep_logs(self, stack: Stack, name: str) -> None:
        """A failure's logs outlive its stack."""
        kept = BUILD / "chaos" / f"{name.replace('/', '-')}.logs"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(stack.data_dir / "logs", kept, dirs_exist_ok=True)

    async def _drop(self, stack: Stack | None) -> None:
        if stack is not None:
            await asyncio.to_thread(stack.down)
            shutil.rmtree(stack.data_dir, ignore_errors=True)


async def _experiment(scenario: Scenario, ground: Ground) -> tuple[Facts, float]:
    async with ground.load.running():
        await ground.load.more(BEFORE)
        await scenario.act(ground)
        recovery = await ground.recovered(time.monotonic())
        await ground.load.more(AFTER)
    return await everything_holds(ground), recovery


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _say(line: str) -> None:
    print(line, flush=True)
    sys.stdout.flush()
