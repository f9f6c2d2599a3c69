"""How does a loop that waits for others end when it is told to? By itself if it can, within a grace; cancelled after that."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


async def stoppable(work: Coroutine[Any, Any, None], stop: asyncio.Event, *, grace: float) -> None:
    """Run `work` to its end; once `stop` is set, for `grace` more seconds at most. Raises what `work` raises."""
    task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=grace)
    finally:
        stopping.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
