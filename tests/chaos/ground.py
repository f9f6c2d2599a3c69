"""What can a scenario do to the system? One stack of real processes with its load and its history, and hands to end, freeze and start any part of it."""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import psutil
from crm_local import issuing, ports, readiness
from crm_local.parts import PARTS, Part
from crm_local.processes import Detached
from crm_local.stack import Stack
from crm_local.telling import Surroundings, environment, program

from chaos.history import History
from chaos.load import Load

PATIENCE = 60.0  # seconds within which whatever a scenario waits for must have come


class Unfelt(AssertionError):
    """What the scenario did had no effect, so that it proves nothing."""


@dataclass
class Ground:
    """One run of one scenario. `load` runs while the scenario does; `rng` makes its choices.

    `injected`: (topic, partition, offset) of records the scenario itself sent, which no store has. `parked`: customers it left parked on purpose.
    """

    stack: Stack
    around: Surroundings
    name: str
    seed: int
    rng: random.Random
    history: History
    load: Load
    say: Callable[[str], None]
    injected: set[tuple[str, int, int]] = field(default_factory=set)
    parked: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)
    _beside: dict[str, Detached] = field(default_factory=dict)

    @classmethod
    def begin(cls, stack: Stack, around: Surroundings, scenario: str, seed: int, folder: Path, say: Callable[[str], None]) -> "Ground":
        """A scenario's ground on a stack that runs; its name and the seed make every choice."""
        name = f"{scenario}/{seed}"
        history = History(folder / f"{scenario}-{seed}.jsonl")
        urls = {part: around.addresses.url(part) for part in ("contacts", "tickets", "loyalty", "reporting")}
        load = Load(urls, issuing.token(stack.data_dir), name, history)
        return cls(stack, around, name, seed, random.Random(name), history, load, say)

    async def end(self) -> None:
        """Let go of everything that was started beside the stack."""
        for label in list(self._beside):
            await self.dismiss(label)
        await self.load.http.aclose()
        self.history.close()

    # -- processes

    def pid(self, name: str) -> int | None:
        """The process of a part of the stack, of `postgres`, `kafka`, or of what was started beside it; None if it does not run."""
        if name in self._beside:
            return self._beside[name].pid
        server = {"postgres": self.stack.postgres, "kafka": self.stack.kafka}.get(name)
        return server().pid if server else self.stack.running(part_of(name)).process.pid

    async def kill(self, name: str) -> None:
        """SIGKILL, and return when it is gone."""
        self._signal(name, signal.SIGKILL)
        await self.until(lambda: self.pid(name) is None, f"{name} is gone")

    def stop(self, name: str) -> None:
        """SIGSTOP: it answers nothing, and its connections stay open."""
        self._signal(name, signal.SIGSTOP)

    def cont(self, name: str) -> None:
        """SIGCONT."""
        self._signal(name, signal.SIGCONT)

    async def dead(self, name: str, *, seconds: float = PATIENCE) -> None:
        """Return when the process ended by itself, at its failpoint. Unfelt if it goes on."""
        await self.until(lambda: self.pid(name) is None, f"{name} has died", seconds=seconds)
        self.note(f"{name} died")

    async def frozen(self, name: str, *, seconds: float = PATIENCE) -> None:
        """Return when the process has stopped itself, at its failpoint. Unfelt if it goes on."""
        await self.until(lambda: psutil.Process(self.pid(name)).status() == psutil.STATUS_STOPPED, f"{name} is frozen", seconds=seconds)
        self.note(f"{name} is frozen")

    async def restart(self, name: str, *, prefix: tuple[str, ...] = (), ready: bool = True, **settings: str) -> None:
        """Start a part of the stack anew, with extra settings (CRM_FAILPOINT, LD_PRELOAD, …) or inside a command (`ip netns exec …`). Plain again without."""
        part = part_of(name)
        running, told = self.stack.running(part), environment(part, self.around) | settings

        def again() -> None:
            process = running.process
            process.stop(ask=signal.SIGTERM)
            until = time.monotonic() + PATIENCE
            while not ports.is_free(self.around.addresses.ports[name]) and time.monotonic() < until:
                time.sleep(0.02)  # the threads of a process that was killed let go of its sockets a moment after it counts as dead
            (self.stack.data_dir / "run" / f"{name}.told").unlink(missing_ok=True)  # `up` will find it other than it should be, unless started plainly
            if prefix or settings:
                ports.require(int(told[part.port_setting]), name, "")
                process.start([*prefix, program(part.service), part.role], env=told, cwd=self.stack.data_dir)
            else:
                process = running.start(told)
            if ready:
                running.await_ready(process, self.around.addresses.url(name))

        await asyncio.to_thread(again)
        self.note(f"{name} started {_short(settings)}")

    async def beside(self, label: str, service: str, role: str, **settings: str) -> str:
        """Start another process of a service, `relay`, `projector` or a second `api`, and return its URL when it is ready."""
        part, port = next(part for part in PARTS if part.service == service), ports.free_port()
        told = environment(part, self.around) | {"PORT": str(port), "METRICS_PORT": str(port), "INSTANCE": label} | settings
        process = Detached(label, self.stack.data_dir / "run" / f"beside-{label}.pid", self.stack.data_dir / "logs" / f"{label}.log")
        await asyncio.to_thread(process.start, [program(service), role], env=told, cwd=self.stack.data_dir)
        self._beside[label] = process
        url = f"http://127.0.0.1:{port}"
        await self.until(lambda: not readiness.reasons(url, 2), f"{label} is ready")
        self.note(f"{label} started {_short(settings)}")
        return url

    async def dismiss(self, label: str) -> None:
        """End what was started beside the stack: asked first, and by force in the end."""
        process = self._beside.pop(label)
        if process.pid is not None:
            os.kill(process.pid, signal.SIGCONT)
        await asyncio.to_thread(process.stop)

    async def up(self) -> None:
        """Bring back whatever does not run, or runs otherwise than it should."""
        self.around = await asyncio.to_thread(self.stack.up, fresh_ports=True)

    async def run(self, service: str, *words: str, seconds: float = 120, **settings: str) -> subprocess.CompletedProcess[str]:
        """An operator's command: `run("reporting", "rebuild")`."""
        told = environment(part_of(service), self.around) | settings
        return await asyncio.to_thread(subprocess.run, [program(service), *words], env=told, capture_output=True, text=True, timeout=seconds)

    # -- looking

    @asynccontextmanager
    async def database(self, name: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection to the database of contacts, tickets, loyalty, reporting or vault, as its owner; `postgres`: as the superuser."""
        url = self.around.server_url if name == "postgres" else self.around.database_url(name)
        connection = await asyncpg.connect(url, timeout=10, command_timeout=60)
        try:
            yield connection
        finally:
            await connection.close()

    async def until(self, holds: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> float:
        """Return how long it took until `holds()` (or, awaited, what it returns) is true. Unfelt after `seconds`."""
        began = time.monotonic()
        while True:
            answer = holds()
            if await answer if isinstance(answer, Awaitable) else answer:
                return time.monotonic() - began
            if time.monotonic() - began > seconds:
                raise Unfelt(f"not within {seconds:.0f} s: {what}")
            await asyncio.sleep(0.02)

    async def lasts(self, seconds: float) -> None:
        """Let a fault last: its length is part of it, no wait for anything."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def recovered(self, since: float) -> float:
        """Seconds from `since` (time.monotonic) until a fresh write was acknowledged and is seen in the view."""
        identity = f"{self.rng.getrandbits(128):032x}"
        identity = f"{identity[:8]}-{identity[8:12]}-4{identity[13:16]}-8{identity[17:20]}-{identity[20:]}"
        until = time.monotonic() + 2 * PATIENCE
        token = ""
        while True:
            try:
                if not token:
                    answer = await self.load.send(
                        "contacts", "POST", "/v1/contacts", {"id": identity, "kind": "person"}, Idempotency_Key=f"recovered-{identity}"
                    )
                    token = answer.headers.get("Consistency-Token", "") if answer.is_success else ""
                if token:
                    seen = await self.load.send("reporting", "GET", f"/v1/customers/{identity}", Consistency_Token=token, Prefer="wait=5")
                    if seen.is_success and seen.headers.get("View-State") == "current":
                        return time.monotonic() - since
            except httpx2.TransportError:
                pass
            if time.monotonic() > until:
                raise TimeoutError(f"a fresh write is {'not seen in the view' if token else 'not acknowledged'} after {2 * PATIENCE:.0f} s")
            await asyncio.sleep(0.05)

    def log(self, name: str) -> str:
        """What a part, or what was started beside the stack, has written."""
        return (self.stack.data_dir / "logs" / f"{name}.log").read_text(errors="replace")

    def note(self, text: str) -> None:
        """Something done to the system, for the history."""
        self.history.note(text)

    def _signal(self, name: str, what: signal.Signals) -> None:
        pid = self.pid(name)
        if pid is None:
            raise Unfelt(f"{name} does not run")
        os.kill(pid, what)
        self.note(f"{what.name} to {name}")


def _short(settings: dict[str, str]) -> str:
    return " ".join(f"{name}={value[:60]}" for name, value in settings.items())


def part_of(name: str) -> Part:
    """The part of the stack of that name."""
    return next(part for part in PARTS if part.name == name)
