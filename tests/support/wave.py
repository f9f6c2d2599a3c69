"""How is a service sent more than it can carry? Arrivals by the clock, whoever is still being answered: an open loop, as a crowd is one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks.wire import Answer, Wire

CROWD = 3_000  # connections at most
TICK = 0.005  # seconds between two looks at how many are due


@dataclass(frozen=True)
class Arrival:
    """One request: its number, how it was answered, how long that took, in seconds."""

    number: int
    answer: Answer
    seconds: float


class Crowd:
    """Kept connections to `url`; an arrival takes a free one or opens another."""

    def __init__(self, url: str, send: Callable[[Wire, int], Awaitable[Answer]]) -> None:
        self._url, self._send = url, send
        self._free: list[Wire] = []
        self._open, self.arrived, self.answers = 0, 0, list[Arrival]()

    async def wave(self, rate: float, seconds: float) -> None:
        """`rate` arrivals a second for so long, then wait until all are answered.

        ConnectionError where one is left without an answer; RuntimeError when the crowd grows beyond CROWD: then they are not answered at once.
        """
        began, under_way = time.perf_counter(), set[asyncio.Task[None]]()
        already = self.arrived
        while (now := time.perf_counter()) < began + seconds:
            for _ in range(int((now - began) * rate) - (self.arrived - already)):
                task = asyncio.create_task(self._arrive(self.arrived))
                self.arrived += 1
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(TICK)
        await asyncio.gather(*under_way)

    async def closed(self, clients: int, seconds: float) -> float:
        """Answers a second where each client sends its next request once the last is answered."""
        until, began = time.perf_counter() + seconds, len(self.answers)

        async def client() -> None:
            while time.perf_counter() < until:
                self.arrived += 1
                await self._arrive(self.arrived - 1)

        await asyncio.gather(*(client() for _ in range(clients)))
        return (len(self.answers) - began) / seconds

    def close(self) -> None:
        for wire in self._free:
            wire.close()

    async def _arrive(self, number: int) -> None:
        began = time.perf_counter()
        wire = self._free.pop() if self._free else await self._another()
        answer = await self._send(wire, number)
        self.answers.append(Arrival(number, answer, time.perf_counter() - began))
        self._free.append(wire)

    async def _another(self) -> Wire:
        self._open += 1
        if self._open > CROWD:
            raise RuntimeError("More requests wait for an answer than there are connections.")
        return await Wire.connect(self._url)


def percentile(arrivals: Sequence[Arrival], share: float) -> float:
    """The seconds within which that share was answered."""
    took = sorted(each.seconds for each in arrivals)
    return took[min(len(took) - 1, int(share * len(took)))]
