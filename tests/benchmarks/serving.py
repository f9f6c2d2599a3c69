"""How many requests a second does a service answer? Kept connections, each asking again as soon as it is answered."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from crm_local import issuing, ports
from crm_local.stack import Stack

from benchmarks.harness import many
from benchmarks.wire import Answer, Wire

CONNECTIONS, SECONDS = 32, 5.0


@asynccontextmanager
async def rival(kind: str, *words: str) -> AsyncIterator[str]:
    """The address of a rival that answers."""
    port = ports.free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.rivals", kind, str(port), *words)
    try:
        until = time.monotonic() + 30
        while ports.is_free(port):
            if process.returncode is not None or time.monotonic() > until:
                raise AssertionError(f"{kind} does not start")
            await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def bearer(stack: Stack) -> dict[str, str]:
    """The header of somebody who may do everything."""
    return {"authorization": f"Bearer {issuing.token(stack.data_dir)}"}


@asynccontextmanager
async def wires(url: str, number: int = CONNECTIONS) -> AsyncIterator[list[Wire]]:
    made = [await Wire.connect(url) for _ in range(number)]
    try:
        yield made
    finally:
        for wire in made:
            wire.close()


async def rate(url: str, ask: Callable[[Wire], Awaitable[Answer]], seconds: float = SECONDS) -> tuple[float, list[float]]:
    """Answers a second (all of them 2xx), and the seconds each took; after a second's warming."""
    async with wires(url) as made:

        async def act(number: int) -> Any:
            (await ask(made[number])).ok()

        await many(CONNECTIONS, 1.0, act)
        return await many(CONNECTIONS, seconds, act)
