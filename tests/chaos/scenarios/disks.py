"""Is nothing lost or half done when a disk is full under the log of PostgreSQL or of Kafka, and does a disk that is slow only make batches larger?"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx2
from prometheus_client.parser import text_string_to_metric_families

from chaos.apart import waits
from chaos.broken import Broken
from chaos.disks import Disk, size_of, small_disk
from chaos.ground import Ground, Unfelt
from chaos.preload import Shim, shim
from chaos.scenario import scenario
from chaos.servers import start_postgres

ROOM = 200  # megabytes a server has beside what is there already, until somebody takes them
SLOW = 250_000  # microseconds a flush takes
TOGETHER = 40  # commands at once
BOUND = 4.0  # seconds within which all of them are acknowledged: 16 flushes, against 40 if each took its own


@scenario("disk-full-wal", faults=(9,), invariants="I1 I2 I3 I13 I15")
async def wal_full(ground: Ground) -> None:
    """No room for PostgreSQL's write-ahead log: it stops rather than promise; callers hear 503; room made and started, it has all it promised."""
    server = ground.stack.postgres()
    await asyncio.to_thread(server.stop)
    async with _standing_on(server.data_dir / "cluster" / "pg_wal") as disk:
        await asyncio.to_thread(server.start)
        await ground.load.more(ground.rng.randint(10, 40))
        disk.fill()
        ground.note("the disk under pg_wal is full")
        await ground.until(lambda: _pushed_to_the_end(ground), "PostgreSQL finds no room")
        await ground.until(lambda: _refused(ground), "contacts answers 503")
        assert (await ground.load.send("contacts", "GET", "/healthz")).is_success
        disk.free()
        await asyncio.to_thread(server.start)
        ground.notes["healed in"] = f"{await ground.recovered(time.monotonic()):.1f} s"
        await ground.load.more(20)
        await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


@scenario("disk-full-broker", faults=(9,), invariants="I4 I6 I15")
async def broker_full(ground: Ground) -> None:
    """No room for Kafka's log: writes go on, and what waits is sent once there is room and a broker again."""
    broker = ground.stack.kafka()
    ground.load.pause()
    await asyncio.to_thread(broker.stop)
    async with _standing_on(broker.data_dir / "logs") as disk:
        await asyncio.to_thread(broker.start)
        ground.load.resume()
        await ground.recovered(time.monotonic())
        disk.fill()
        ground.note("the disk under Kafka's log is full")
        await ground.load.more(ground.rng.randint(20, 60))
        await ground.until(lambda: _waits(ground), "the relay tells that events wait")
        ground.load.pause()
        disk.free()
        began = time.monotonic()
        await asyncio.to_thread(broker.stop)  # it has given up its log, or itself
        await asyncio.to_thread(broker.start)
        ground.load.resume()
        ground.notes["healed in"] = f"{await ground.recovered(began):.1f} s"
        ground.load.pause()
        await asyncio.to_thread(broker.stop)
    await asyncio.to_thread(broker.start)
    ground.load.resume()


@scenario("slow-fsync", faults=(10,), invariants="I1 I15", seeds=(1, 2))
async def slow_fsync(ground: Ground) -> None:
    """Each flush takes a quarter of a second: commands share flushes, so latency stays bounded."""
    slow = shim("fsync", ground.stack.data_dir / "shims")
    await _under(ground, slow)
    await ground.load.more(10)
    slow.tell(SLOW)
    ground.note("each flush takes 250 ms")
    await ground.load.more(ground.rng.randint(20, 40))
    before, began = await _appends(ground), time.monotonic()
    try:
        answers = await asyncio.gather(*(_register(ground) for _ in range(TOGETHER)))
    except httpx2.TimeoutException as late:
        raise Broken("I15", f"{TOGETHER} commands, not all acknowledged after {time.monotonic() - began:.1f} s: they share no flushes") from late
    took, appends = time.monotonic() - began, await _appends(ground) - before
    if not slow.counted:
        raise Unfelt("no flush waited")
    assert all(answer.status_code == 201 for answer in answers), [answer.status_code for answer in answers]
    if took >= BOUND:
        raise Broken("I15", f"{TOGETHER} commands took {took:.1f} s in {appends:.0f} flushes")
    ground.notes["together"] = f"{TOGETHER} commands in {appends:.0f} flushes and {took:.1f} s"
    slow.tell(0)
    await asyncio.to_thread(ground.stack.postgres().stop)
    await asyncio.to_thread(ground.stack.postgres().start)


async def _under(ground: Ground, shim: Shim) -> None:
    await asyncio.to_thread(ground.stack.postgres().stop)
    await asyncio.to_thread(start_postgres, ground.stack.postgres(), shim.environment)


@asynccontextmanager
async def _standing_on(folder: Path) -> AsyncIterator[Disk]:
    with small_disk(folder, megabytes=size_of(folder) + ROOM) as disk:
        yield disk


async def _pushed_to_the_end(ground: Ground) -> bool:
    """Use up the segments it has; true when it says that there is no room, or is gone."""
    try:
        async with ground.database("postgres") as postgres:
            await postgres.execute("select pg_logical_emit_message(true, 'chaos', 'x'), pg_switch_wal()")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return True
    return False


async def _register(ground: Ground) -> httpx2.Response:
    identity = str(uuid.UUID(int=ground.rng.getrandbits(128), version=4))
    return await ground.load.send("contacts", "POST", "/v1/contacts", {"id": identity, "kind": "person"}, Idempotency_Key=identity)


async def _refused(ground: Ground) -> bool:
    try:
        return (await _register(ground)).status_code == 503
    except httpx2.TransportError:
        return False


async def _waits(ground: Ground) -> bool:
    return "events wait" in await waits(ground, "contacts")


async def _appends(ground: Ground) -> float:
    """How many calls, each with one flush, the store of contacts has made."""
    answer = await ground.load.http.get(f"{ground.load.urls['contacts']}/metrics")
    samples = (sample for family in text_string_to_metric_families(answer.text) for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "crm_append_batch_commands_count")
