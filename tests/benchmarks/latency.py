"""How soon is a write elsewhere? From commit to a subscriber, and from a request to the unified view over HTTP."""

import asyncio
import itertools
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from crm_events.relay import Relay
from crm_events.store.store import open_store

from benchmarks.append import opening, prepared, tell
from benchmarks.children import child
from benchmarks.harness import ROUNDS, Ground, Measure, percentile
from benchmarks.posts import BODY, customers
from benchmarks.relay import SCHEMAS, topic
from benchmarks.serving import bearer, wires

EVENTS_A_SECOND, POSTS_A_SECOND, SECONDS = 1_000, 300, 6.0


async def paced(a_second: float, seconds: float, act: Callable[[int], Awaitable[None]]) -> None:
    """Start `act(number)` at even intervals, whether or not the earlier ones have ended: a queue that grows is felt."""
    began, running = time.perf_counter(), set[asyncio.Task[None]]()
    for number in range(int(a_second * seconds)):
        if (early := began + number / a_second - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        task = asyncio.create_task(act(number))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


async def relay_latency(ground: Ground) -> list[Measure]:
    """The store with its relay in one process, as a service has them, and a subscriber in its own; from the moment the store knows of the commit."""
    rounds = [await _committed_to_consumed(ground) for _ in range(ROUNDS)]
    middle, late = ([percentile(took, share) * 1000 for took in rounds] for share in (0.5, 0.99))
    return [Measure("relay_latency_p50_ms", middle, ours=middle), Measure("relay_latency_p99_ms", late, ours=late)]


async def _committed_to_consumed(ground: Ground) -> list[float]:
    url, name = await ground.database(), await topic(ground)
    await prepared(url)
    whom = [uuid.uuid4() for _ in range(200)]
    committed, last, heard = dict[str, float](), [0.0], ground.folder / "heard"
    relay = Relay("contacts", topic=name, database_url=url, bootstrap_servers=ground.kafka.url, schema_base_url=SCHEMAS)

    def on_commit() -> None:
        last[0] = time.perf_counter()
        relay.wake()

    async with (
        _subscriber(ground, name, heard),
        asyncpg.create_pool(url, min_size=1, max_size=2) as keys,
        open_store(**opening(url, keys), on_commit=on_commit) as store,
    ):
        await store.vault.keys_for_writing(whom)
        stop = asyncio.Event()
        running = asyncio.create_task(relay.run(stop))

        async def act(number: int) -> None:
            done = await tell(store, whom[number % len(whom)])
            committed[str(done.facts[0].event_id)] = last[0]

        await paced(EVENTS_A_SECOND, 1.0, act)
        warming = len(committed)
        await paced(EVENTS_A_SECOND, SECONDS, act)
        async with asyncio.timeout(30):
            while heard.read_bytes().count(b"\n") < len(committed):
                await asyncio.sleep(0.1)
        stop.set()
        await running
    seen = {event: float(moment) for event, moment in map(str.split, heard.read_text().splitlines())}
    await ground.drop(url)
    return [seen[event] - moment for event, moment in list(committed.items())[warming:]]


@asynccontextmanager
async def _subscriber(ground: Ground, name: str, heard: Path) -> AsyncIterator[None]:
    """A process that writes down each event and when it had it; it has all partitions from here on."""
    with heard.open("wb") as file:
        async with child(["subscriber"], {**os.environ, "TOPIC": name, "KAFKA": ground.kafka.url}, stdout=file, stderr=asyncio.subprocess.PIPE) as process:
            assert process.stderr is not None
            while await process.stderr.readline() != b"ready\n":  # what the library has to say first
                assert not process.stderr.at_eof()
            yield


async def visible(ground: Ground) -> list[Measure]:
    """`POST` sent → the view over HTTP shows it, read with the write's token, all processes running."""
    stack, around = await ground.stack()
    whom, told = itertools.cycle(await customers(stack, around)), bearer(stack)
    rounds: list[list[float]] = []
    async with wires(around.addresses.url("contacts"), 64) as writing, wires(around.addresses.url("reporting"), 64) as reading:
        free, asks = list(writing), list(reading)

        async def act(_: int) -> None:
            customer, began = next(whom), time.perf_counter()
            while not free or not asks:
                await asyncio.sleep(0.001)
            wire, ask = free.pop(), asks.pop()
            answer = (await wire.send("POST", f"/v1/contacts/{customer}/interactions", BODY, told | {"idempotency-key": uuid.uuid4().hex})).ok()
            free.append(wire)
            read = {"consistency-token": answer.headers["consistency-token"], "prefer": "wait=10"}
            shown = (await ask.send("GET", f"/v1/customers/{customer}", headers=told | read)).ok()
            asks.append(ask)
            assert shown.headers["view-state"] == "current"
            rounds[-1].append(time.perf_counter() - began)

        for warming in (True, *[False] * ROUNDS):
            rounds.append([])
            await paced(POSTS_A_SECOND, 2.0 if warming else SECONDS, act)
    middle, late = ([percentile(took, share) * 1000 for took in rounds[1:]] for share in (0.5, 0.99))
    return [Measure("visible_p50_ms", middle, ours=middle), Measure("visible_p99_ms", late, ours=late)]
