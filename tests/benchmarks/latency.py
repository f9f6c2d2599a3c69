"""How soon is a write elsewhere? From commit to a subscriber, and from a request to the unified view over HTTP."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable

import asyncpg
from aiokafka import AIOKafkaConsumer
from crm_events.relay import Relay
from crm_events.store.store import open_store
from crm_events.topics import PARTITIONS

from benchmarks.append import opening, prepared, tell
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
    """The store with its relay in one process, as a service has them, and a subscriber; from the moment the store knows of the commit."""
    rounds = [await _committed_to_consumed(ground) for _ in range(ROUNDS)]
    middle, late = ([percentile(took, share) * 1000 for took in rounds] for share in (0.5, 0.99))
    return [Measure("relay_latency_p50_ms", middle, ours=middle), Measure("relay_latency_p99_ms", late, ours=late)]


async def _committed_to_consumed(ground: Ground) -> list[float]:
    url, name = await ground.database(), await topic(ground)
    await prepared(url)
    whom = [uuid.uuid4() for _ in range(200)]
    committed, seen, last = dict[str, float](), dict[str, float](), [0.0]
    relay = Relay("contacts", topic=name, database_url=url, bootstrap_servers=ground.kafka.url, schema_base_url=SCHEMAS)
    consumer = AIOKafkaConsumer(name, bootstrap_servers=ground.kafka.url, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    while len(consumer.assignment()) < PARTITIONS:
        await asyncio.sleep(0.01)

    def on_commit() -> None:
        last[0] = time.perf_counter()
        relay.wake()

    async def listen() -> None:
        async for record in consumer:
            seen[dict(record.headers)["ce_id"].decode()] = time.perf_counter()

    async with (
        asyncpg.create_pool(url, min_size=1, max_size=2) as keys,
        open_store(**opening(url, keys), on_commit=on_commit) as store,
    ):
        await store.vault.keys_for_writing(whom)
        stop = asyncio.Event()
        running, listening = asyncio.create_task(relay.run(stop)), asyncio.create_task(listen())

        async def act(number: int) -> None:
            done = await tell(store, whom[number % len(whom)])
            committed[str(done.facts[0].event_id)] = last[0]

        await paced(EVENTS_A_SECOND, 1.0, act)
        committed.clear()
        await paced(EVENTS_A_SECOND, SECONDS, act)
        async with asyncio.timeout(30):
            while not committed.keys() <= seen.keys():
                await asyncio.sleep(0.05)
        stop.set()
        await running
        listening.cancel()
    await consumer.stop()
    await ground.drop(url)
    return [seen[each] - moment for each, moment in committed.items()]


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
