"""Does anything grow that should not? Mixed load at 60 % of what the whole backbone carries, all processes on one machine, and everybody's memory watched."""

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping

import asyncpg
import orjson
import psutil
from crm_local.parts import PARTS
from crm_local.stack import Stack
from crm_local.telling import Surroundings
from rich.console import Console

from benchmarks.harness import Ground, Measure, many
from benchmarks.latency import paced
from benchmarks.posts import BODY, customers
from benchmarks.serving import bearer
from benchmarks.wire import Wire

MINUTES, SHARE, CONNECTIONS, LOOK, CATCHING_UP = 10.0, 0.6, 16, 5.0, 120.0


class Mix:
    """Half interactions, a tenth tickets, a tenth purchases, the rest views; each on a free connection of its service."""

    def __init__(self, around: Surroundings, told: Mapping[str, str], whom: list[str]) -> None:
        self._around, self._told, self._chosen = around, told, random.Random(7)
        self._whom, self.members = whom, list[str]()
        self._free: dict[str, asyncio.LifoQueue[Wire]] = {}
        self.numbers = itertools.count()

    async def __aenter__(self) -> "Mix":
        for name in ("contacts", "tickets", "loyalty", "reporting"):
            self._free[name] = asyncio.LifoQueue()
            for _ in range(CONNECTIONS):
                self._free[name].put_nowait(await Wire.connect(self._around.addresses.url(name)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for queue in self._free.values():
            while not queue.empty():
                queue.get_nowait().close()

    async def act(self, _: int) -> None:
        """One request, answered 2xx."""
        customer, number = self._chosen.choice(self._whom), next(self.numbers)
        match number % 10:
            case 0 | 1 | 2 | 3 | 4:
                await self._ask("contacts", "POST", f"/v1/contacts/{customer}/interactions", BODY)
            case 5:
                told = {"customer_id": customer, "kind": "question", "channel": "web", "priority": "normal", "subject": "سؤال", "text": "کی می‌رسد؟"}
                await self._ask("tickets", "POST", "/v1/tickets", orjson.dumps(told))
            case 6:
                line = {"sku": "tea", "category": "tea", "quantity": 1, "list_price": 900, "paid_price": 900}
                told = {"document": f"soak-{uuid.uuid4().hex}", "channel": "shop", "currency": "EUR", "lines": [line]}
                await self._ask("loyalty", "POST", f"/v1/members/{self._chosen.choice(self.members)}/transactions", orjson.dumps(told))
            case _:
                await self._ask("reporting", "GET", f"/v1/customers/{customer}", b"")

    async def enrol(self, customer: str) -> str:
        wire = await self._free["loyalty"].get()
        told = dict(self._told) | {"idempotency-key": uuid.uuid4().hex}
        member = (await wire.send("POST", "/v1/members", orjson.dumps({"customer_id": customer}), told)).ok().json()["id"]
        self._free["loyalty"].put_nowait(wire)
        return str(member)

    async def _ask(self, service: str, method: str, path: str, body: bytes) -> None:
        wire = await self._free[service].get()
        key = {"idempotency-key": uuid.uuid4().hex} if method == "POST" else {}
        (await wire.send(method, path, body, {**self._told, **key})).ok()
        self._free[service].put_nowait(wire)


def slope(points: list[tuple[float, float]]) -> float:
    """Least squares, in units of y an x."""
    mx, my = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    return sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points)


async def _behind(around: Surroundings) -> Callable[[], Awaitable[int]]:
    """How many events of all stores are not projected yet."""
    stores = {name: await asyncpg.connect(around.database_url(name)) for name in ("contacts", "tickets", "loyalty")}
    reporting = await asyncpg.connect(around.database_url("reporting"))

    async def count() -> int:
        behind = 0
        for name, connection in stores.items():
            head = await connection.fetchval("select coalesce(max(position), 0) from events")
            behind += head - await reporting.fetchval("select count(*) from journal where source = $1", name) if head else 0
        return behind

    return count


async def soak(ground: Ground) -> list[Measure]:
    """Ten minutes; the worst process's slope after the first fifth, in MB an hour. Fails if a backlog grows."""
    stack, around = await ground.stack()
    whom = await customers(stack, around, 300)
    async with Mix(around, bearer(stack), whom) as mix:
        mix.members += [await mix.enrol(customer) for customer in whom[:100]]
        capacity, _ = await many(CONNECTIONS, 15.0, mix.act)
        behind, points, lags = await _behind(around), dict[str, list[tuple[float, float]]](), list[int]()
        async with asyncio.timeout(CATCHING_UP):
            while await behind() > 100:
                await asyncio.sleep(0.2)
        stop = asyncio.Event()

        async def look() -> None:
            began = time.monotonic()
            while not stop.is_set():
                for part in PARTS:
                    points.setdefault(part.name, []).append(((time.monotonic() - began) / 3600, _memory(stack, part.name)))
                lags.append(await behind())
                await asyncio.sleep(LOOK)

        looking = asyncio.create_task(look())
        await paced(capacity * SHARE, MINUTES * 60, mix.act)
        stop.set()
        await looking
    half = len(lags) // 2
    if max(lags[half:]) > 2 * max(lags[:half]) + 2_000:
        raise AssertionError(f"a backlog grows: {lags}")
    slopes = {name: slope(each[len(each) // 5 :]) for name, each in points.items()}
    worst = max(slopes.values())
    Console().print({name: round(each, 1) for name, each in slopes.items()}, f"capacity {capacity:.0f}/s, behind at most {max(lags)}")
    Console().print({name: " ".join(f"{each:.0f}" for _, each in points[name][:: len(lags) // 20 or 1]) + " MB" for name in points})
    return [Measure("soak_rss_slope_mb_per_h", [worst], ours=list(slopes.values()))]


def _memory(stack: Stack, name: str) -> float:
    pid = stack.running(next(part for part in PARTS if part.name == name)).process.pid
    if pid is None:
        raise AssertionError(f"{name} has ended")
    return psutil.Process(pid).memory_info().rss / 1e6
