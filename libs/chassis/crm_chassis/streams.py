"""Which answers never end by themselves, and who ends them when the process is asked to? Each would hold it for its whole grace otherwise."""

import asyncio
from typing import Any


class Streams:
    """The event streams open in this process. A client whose stream is ended comes back with its `Last-Event-ID`, to another replica."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.ending = False

    def __len__(self) -> int:
        return len(self._tasks)

    def opened(self) -> None:
        """The current task answers with a stream from now on."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if self.ending:
                task.cancel()

    def end(self) -> None:
        """End them all, and any that opens later."""
        self.ending = True
        for task in list(self._tasks):
            task.cancel()
