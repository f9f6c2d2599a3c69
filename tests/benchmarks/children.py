"""What runs in a process of its own, to be watched by itself? `python -m benchmarks.children projector|rebuild|subscriber`, settings in the environment."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil
import uvloop
from aiokafka import AIOKafkaConsumer
from crm_chassis.collecting import collect_less
from crm_events.topics import PARTITIONS
from crm_reporting.connecting import UNHURRIED, connect
from crm_reporting.projector_process import ProjectorProcess
from crm_reporting.rebuilding import rebuild
from crm_reporting.settings import ReportingSettings
from crm_reporting.sharing import Helpers, usual
from prometheus_client import CollectorRegistry


@asynccontextmanager
async def child(words: Sequence[str], environment: Mapping[str, str], **streams: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of `benchmarks.children`, ended at the end."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.children", *words, env=dict(environment), **streams)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def projector() -> None:
    """`reporting projector` on topics of another name; runs until it is ended."""
    process = ProjectorProcess(ReportingSettings(), CollectorRegistry(), topics=json.loads(os.environ["TOPICS"]))
    await process.run(asyncio.Event())


async def remade() -> None:
    """`reporting rebuild` by as many processes as there are cores; prints seconds and the most memory all of them together held, in MB."""
    url = os.environ["DATABASE_URL"]
    connection = await connect(url, UNHURRIED)
    held = [0.0]
    watching = asyncio.create_task(_watch(held))
    began = time.perf_counter()
    await rebuild(connection, helpers=Helpers(url, usual() - 1, "warning"))
    took = time.perf_counter() - began
    watching.cancel()
    sys.stdout.write(json.dumps([took, max(held)]))
    await connection.close()


async def _watch(held: list[float]) -> None:
    """What this process and those it started hold, ten times a second. (What `getrusage` tells was inherited from who forked them.)"""
    while True:
        with suppress(psutil.NoSuchProcess):  # one has just ended
            processes = (psutil.Process(), *psutil.Process().children(recursive=True))
            held.append(sum(one.memory_info().rss for one in processes) / 1e6)
        await asyncio.sleep(0.1)


async def subscriber() -> None:
    """Writes the id of each event and the moment it came, by the machine's monotonic clock; runs until it is ended."""
    consumer = AIOKafkaConsumer(os.environ["TOPIC"], bootstrap_servers=os.environ["KAFKA"], enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    while len(consumer.assignment()) < PARTITIONS:
        await asyncio.sleep(0.01)
    sys.stderr.write("ready\n")
    while True:
        for records in (await consumer.getmany(timeout_ms=1_000)).values():
            now = time.perf_counter()
            sys.stdout.writelines(f"{dict(record.headers)['ce_id'].decode()} {now}\n" for record in records)
        sys.stdout.flush()


if __name__ == "__main__":
    collect_less()  # as the command line does
    uvloop.run({"projector": projector, "rebuild": remade, "subscriber": subscriber}[sys.argv[1]]())
