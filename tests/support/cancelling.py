"""How is a task cancelled at exactly its n-th await, as a client that hangs up at that moment would cause?"""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def cancelled_at(work: Coroutine[Any, Any, T], await_number: int) -> T | None:
    """Run `work` in a task, and cancel it while it waits for the n-th time, from 1. None if it was cancelled; its result if it never waited so often."""
    task = asyncio.current_task()
    assert task is not None
    inner = asyncio.create_task(_watched(work, await_number))
    try:
        return await inner
    except asyncio.CancelledError:
        if task.cancelling():
            raise
        return None


async def _watched(work: Coroutine[Any, Any, T], await_number: int) -> T:
    return await _counted(work, await_number)


@types.coroutine
def _counted(work: Coroutine[Any, Any, T], await_number: int) -> Generator[Any, Any, T]:
    number, loop, task = 0, asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    told: BaseException | None = None
    while True:
        try:
            waits_for = work.send(None) if told is None else work.throw(told)
        except StopIteration as done:
            result: T = done.value
            return result
        number, told = number + 1, None
        if number == await_number:
            loop.call_soon(task.cancel)
        try:
            yield waits_for
        except BaseException as error:
            told = error
