"""Who works on this stream in this process? One command at a time: conflicts then come from other processes only."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import UUID


class StreamLocks:
    """A lock per id while anyone wants it. Several are taken in sorted order, so no two commands wait for each other in a circle."""

    def __init__(self) -> None:
        self._locks: dict[UUID, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, ids: Collection[UUID]) -> AsyncIterator[None]:
        """Hold all of these."""
        async with AsyncExitStack() as stack:
            for each in sorted(ids):
                await stack.enter_async_context(self._hold_one(each))
            yield

    @asynccontextmanager
    async def _hold_one(self, name: UUID) -> AsyncIterator[None]:
        lock, users = self._locks.get(name) or (asyncio.Lock(), 0)
        self._locks[name] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = (lock, users - 1)
