"""Who works on this stream in this process? One command at a time: conflicts then come from other processes only."""

import asyncio
from collections.abc import Collection
from uuid import UUID


class _Lock:
    """A lock and how many hold it or wait for it."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock, self.users = asyncio.Lock(), 0


class StreamLocks:
    """A lock per id while anyone wants it. Several are taken in sorted order, so no two commands wait for each other in a circle."""

    def __init__(self) -> None:
        self._locks: dict[UUID, _Lock] = {}

    def hold(self, ids: Collection[UUID]) -> "_Hold":
        """Hold all of these: `async with locks.hold(ids):`."""
        return _Hold(self._locks, sorted(ids))


class _Hold:
    """On the path of every command, so no generators here: they cost more than the locks."""

    __slots__ = ("_ids", "_locks", "_taken")

    def __init__(self, locks: dict[UUID, _Lock], ids: list[UUID]) -> None:
        self._locks, self._ids, self._taken = locks, ids, 0

    async def __aenter__(self) -> None:
        for name in self._ids:
            one = self._locks.get(name)
            if one is None:
                one = self._locks[name] = _Lock()
            one.users += 1
            try:
                await one.lock.acquire()
            except BaseException:
                self._left(name, one)
                self._release()
                raise
            self._taken += 1

    async def __aexit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        for name in self._ids[: self._taken]:
            one = self._locks[name]
            one.lock.release()
            self._left(name, one)
        self._taken = 0

    def _left(self, name: UUID, one: _Lock) -> None:
        one.users -= 1
        if not one.users:
            del self._locks[name]
