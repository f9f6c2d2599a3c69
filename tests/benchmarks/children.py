"""What runs in a process of its own, to be watched by itself? `python -m benchmarks.children projector|rebuild`, settings in the environment."""

import asyncio
import json
import os
import resource
import sys
import time

import uvloop
from crm_reporting.connecting import UNHURRIED, connect
from crm_reporting.projector_process import ProjectorProcess
from crm_reporting.rebuilding import rebuild
from crm_reporting.settings import ReportingSettings
from prometheus_client import CollectorRegistry


async def projector() -> None:
    """`reporting projector` on topics of another name; runs until it is ended."""
    process = ProjectorProcess(ReportingSettings(), CollectorRegistry(), topics=json.loads(os.environ["TOPICS"]))
    await process.run(asyncio.Event())


async def remade() -> None:
    """`reporting rebuild`; prints seconds and the most memory held in MB."""
    connection = await connect(os.environ["DATABASE_URL"], UNHURRIED)
    began = time.perf_counter()
    await rebuild(connection)
    took, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    sys.stdout.write(json.dumps([took, peak]))
    await connection.close()


if __name__ == "__main__":
    uvloop.run({"projector": projector, "rebuild": remade}[sys.argv[1]]())
