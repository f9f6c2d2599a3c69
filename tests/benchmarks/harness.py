"""How is a figure measured so that it can be trusted on a shared machine? Ours and its rival in turn, several rounds, and the median of their ratios.

A benchmark is an async function of a `Ground` that returns `Measure`s. `Ground` starts one PostgreSQL (durable: fsync on) and one Kafka when first asked.
"""

import asyncio
import functools
import json
import os
import shutil
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from crm_local.kafka import Kafka
from crm_local.parts import PARTS
from crm_local.postgres import STACK, Postgres
from crm_local.stack import Stack
from crm_local.telling import Surroundings

BUILD = Path(__file__).resolve().parents[2] / "build"
ROUNDS = 3


@dataclass(frozen=True)
class Target:
    """What a figure should reach: at least (`more` True) or at most `bound`. Sources: docs/performance.md."""

    bound: float
    more: bool
    unit: str

    def met(self, value: float) -> bool:
        return value >= self.bound if self.more else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.more else '≤'} {self.bound:g}"


@dataclass(frozen=True)
class Measure:
    """One figure: its rounds, and the rounds of both sides where it is a ratio (`ours` ÷ `rival`)."""

    name: str
    rounds: Sequence[float]
    ours: Sequence[float] = ()
    rival: Sequence[float] = ()

    @classmethod
    def ratio(cls, name: str, ours: Sequence[float], rival: Sequence[float]) -> "Measure":
        """Round by round: both sides of a round met the same machine."""
        return cls(name, [a / b for a, b in zip(ours, rival, strict=True)], ours, rival)

    def as_json(self, unit: str) -> dict[str, Any]:
        told = {"median": statistics.median(self.rounds), "min": min(self.rounds), "max": max(self.rounds), "unit": unit, "rounds": len(self.rounds)}
        sides = {name: statistics.median(side) if side else None for name, side in (("ours", self.ours), ("rival", self.rival))}
        return told | sides


@dataclass
class Ground:
    """Real servers of their own, under build/bench-<pid>, gone afterwards."""

    folder: Path = field(default_factory=lambda: BUILD / f"bench-{os.getpid()}")
    _stack: Stack | None = None

    @functools.cached_property
    def postgres(self) -> Postgres:
        self.folder.mkdir(parents=True, exist_ok=True)
        server = Postgres(self.folder / "postgres", settings=STACK, auth="trust")
        server.start()
        return server

    @functools.cached_property
    def kafka(self) -> Kafka:
        self.folder.mkdir(parents=True, exist_ok=True)
        broker = Kafka(self.folder / "kafka", memory="512m", brief=True)
        broker.start()
        return broker

    async def stack(self, *only: str) -> tuple[Stack, Surroundings]:
        """The backbone on these servers, every process started as `make up` starts it; then only the parts named go on running."""
        made = Stack(self.folder / "stack", given_postgres=self.postgres.url, given_kafka=self.kafka.url)
        around = await asyncio.to_thread(made.up, fresh_ports=True)
        for part in PARTS:
            if only and part.name not in only:
                await asyncio.to_thread(made.running(part).process.stop)
        self._stack = made
        return made, around

    async def database(self, template: str | None = None) -> str:
        """The URL of a new database."""
        name = f"b_{uuid.uuid4().hex[:12]}"
        admin = await asyncpg.connect(self.postgres.url)
        try:
            await admin.execute(f'CREATE DATABASE {name} TEMPLATE "{template or "template0"}"')
            await admin.execute("checkpoint")  # one round does not pay for the pages of another
        finally:
            await admin.close()
        return self.postgres.url_for(name, "postgres")

    async def drop(self, url: str) -> None:
        admin = await asyncpg.connect(self.postgres.url)
        try:
            await admin.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
        finally:
            await admin.close()

    def close(self) -> None:
        if self._stack is not None:
            self._stack.down()
        for name in ("postgres", "kafka"):
            if name in self.__dict__:
                self.__dict__[name].remove()
        shutil.rmtree(self.folder, ignore_errors=True)


async def many(clients: int, seconds: float, act: Callable[[int], Awaitable[Any]]) -> tuple[float, list[float]]:
    """`clients` do `act(client)` over and over for a time. Returns (acts a second, seconds each took)."""
    took: list[float] = []
    began = time.perf_counter()

    async def client(number: int) -> None:
        while (start := time.perf_counter()) < began + seconds:
            await act(number)
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(client(number) for number in range(clients)))
    return len(took) / (time.perf_counter() - began), took


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def peak_mb(pid: int) -> float:
    """The most memory a running process has held, in MB (10^6 bytes)."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e6


def write(found: dict[str, Any]) -> Path:
    """Keep the figures in build/bench.json, beside those of other benchmarks measured before."""
    BUILD.mkdir(exist_ok=True)
    path = BUILD / "bench.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | found, indent=2, sort_keys=True) + "\n")
    return path
