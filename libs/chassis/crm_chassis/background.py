"""What keeps running beside the requests, and what if it stops? Started with the app, restarted when it fails, ended before the store closes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry, Counter

from crm_chassis.metrics import FAILURES
from crm_chassis.places import places

Work = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set."""

END = 8.0  # seconds to finish what is under way; below the server's own patience
_FIRST, _MOST = 0.5, 5.0  # seconds between restarts: what is away must not cost much more time than it is away
_WELL = 30.0  # seconds of work after which a failure is a new one
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def running(works: Mapping[str, Work], registry: CollectorRegistry) -> AsyncIterator[None]:
    """Keep all of them running for the time of the block; their failures are counted in the registry."""
    stop, failures = asyncio.Event(), FAILURES.on(registry)
    tasks = [asyncio.create_task(_kept(name, work, stop, failures.labels(name)), name=name) for name, work in works.items()]
    try:
        yield
    finally:
        stop.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=END)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _kept(name: str, work: Work, stop: asyncio.Event, failures: Counter) -> None:
    pause = _FIRST
    while not stop.is_set():
        began = asyncio.get_running_loop().time()
        try:
            await work(stop)
        except Exception as error:  # noqa: BLE001  the loop that keeps the process alive: it logs and backs off
            failures.inc()
            _log.error("background_failed", work=name, error=type(error).__name__, places=places(error))
        if stop.is_set():
            return
        pause = _FIRST if asyncio.get_running_loop().time() - began > _WELL else min(2 * pause, _MOST)
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue
