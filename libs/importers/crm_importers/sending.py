"""How do commands reach the services fast, in order, and through failures?

    commands ──▶ lane by chain ──▶ requests of up to 200 lines, one at a time a lane ──▶ answers
                  lane by chain ──▶ …

Commands of one chain share a lane, and a lane waits for each answer: so a later line never overtakes an earlier one. What could not be answered for now is sent
again, with the lines that follow it on its chain; keys make that harmless.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx2
import orjson

from crm_importers.command import Command, Service

NDJSON = "application/x-ndjson"
FOR_NOW = frozenset({408, 429, 502, 503, 504})
Answered: TypeAlias = Callable[[Command, Mapping[str, Any]], None]


class Stopped(Exception):
    """The import cannot go on; the message says why and what to do. What was acknowledged stays; the same import again goes on."""


@dataclass(frozen=True, slots=True)
class _Away:
    """No answer for now. `after`: seconds the service asked for, None if it said nothing. `slow`: it took the request and gave no answer in time."""

    why: str
    after: float | None = None
    slow: bool = False


@dataclass(frozen=True)
class Sender:
    """Sends commands by `clients` (base URL and token of each service) and tells `answered` of each final answer.

    `lanes`: requests in flight to one service; `together`: lines a request (the API takes 1,000); `size`: bytes a request (it takes 8 MiB);
    `patience`: seconds without any progress after which the import stops.
    """

    clients: Mapping[Service, httpx2.AsyncClient]
    answered: Answered
    lanes: int = 4
    together: int = 200
    size: int = 4 << 20
    patience: float = 300.0
    pause: float = 0.25  # before the first repetition; doubled up to 8 s
    _ahead: int = field(default=2, repr=False)  # requests' worth of lines kept ready a lane

    async def send(self, commands: Iterable[Command]) -> None:
        """Send all of them; returns when each is answered for good. Raises Stopped."""
        queues: dict[tuple[Service, int], asyncio.Queue[Command | None]] = {}
        try:
            async with asyncio.TaskGroup() as tasks:
                for command in commands:
                    lane = command.service, zlib.crc32(command.chain.encode()) % self.lanes
                    if lane not in queues:
                        queues[lane] = asyncio.Queue(self._ahead * self.together)
                        tasks.create_task(self._drain(lane[0], queues[lane]))
                    await queues[lane].put(command)
                for queue in queues.values():
                    await queue.put(None)
        except ExceptionGroup as failed:
            stopped, others = failed.split(Stopped)
            if stopped is None or others is not None:
                raise
            raise stopped.exceptions[0] from None

    async def _drain(self, service: Service, queue: asyncio.Queue[Command | None]) -> None:
        last = False
        while not last:
            batch: list[tuple[Command, bytes]] = []
            length = 0
            while len(batch) < self.together and length < self.size and not (batch and queue.empty()):
                command = await queue.get()
                if command is None:
                    last = True
                    break
                batch.append((command, command.encoded()))
                length += len(batch[-1][1])
            await self._deliver(service, batch)

    async def _deliver(self, service: Service, batch: Sequence[tuple[Command, bytes]]) -> None:
        waiting, part, pause, since = list(batch), len(batch), self.pause, time.monotonic()
        while waiting:
            sent, rest = waiting[:part], waiting[part:]
            answer = await self._ask(service, sent)
            if isinstance(answer, _Away):
                left, why, after = sent, answer.why, answer.after
                part = max(1, part // 2) if answer.slow else part  # it may have been too much for it at once
            else:
                left, why, after = self._taken(sent, answer), "the service could not take some lines for now", None
            if len(left) < len(sent):
                part, pause, since = 2 * part, self.pause, time.monotonic()
            waiting = left + rest
            if left:
                if time.monotonic() - since > self.patience:
                    raise Stopped(f"{service}: {why}, for {self.patience:.0f} s. Run the same import again once it is back: it goes on where it stopped.")
                await asyncio.sleep(min(pause if after is None else after, self.patience))
                pause = min(2 * pause, 8.0)

    def _taken(self, sent: Sequence[tuple[Command, bytes]], answers: Sequence[Mapping[str, Any]]) -> list[tuple[Command, bytes]]:
        """Tell of the final answers; return what must be sent again, with what follows it on its chain."""
        again: list[tuple[Command, bytes]] = []
        broken: set[str] = set()
        for each, answer in zip(sent, answers, strict=True):
            command = each[0]
            if command.chain in broken or _for_now(answer):
                broken.add(command.chain)
                again.append(each)
            else:
                self.answered(command, answer)
        return again

    async def _ask(self, service: Service, lines: Sequence[tuple[Command, bytes]]) -> _Away | list[dict[str, Any]]:
        try:
            response = await self.clients[service].post("/v1/commands", content=b"".join(line for _, line in lines), headers={"Content-Type": NDJSON})
        except httpx2.TransportError as error:
            return _Away(f"no answer ({type(error).__name__})", slow=isinstance(error, httpx2.ReadTimeout))
        if response.status_code in FOR_NOW:
            after = response.headers.get("Retry-After", "")
            return _Away(f"it answers {response.status_code}", float(after) if after.isdecimal() else None)
        if response.status_code == 413 and len(lines) > 1:
            half = len(lines) // 2
            first = await self._ask(service, lines[:half])
            second = await self._ask(service, lines[half:]) if not isinstance(first, _Away) else first
            return second if isinstance(first, _Away) or isinstance(second, _Away) else first + second
        if response.status_code == 413:
            return [{"status": 413, "problem": response.json()}]
        if response.status_code != 200:
            raise Stopped(f"{service}: it answers {response.status_code}: {_told(response)}")
        answers = [orjson.loads(line) for line in response.content.split(b"\n") if line]
        if len(answers) != len(lines):
            return _Away(f"{len(answers)} answers to {len(lines)} lines")
        return answers


def _for_now(answer: Mapping[str, Any]) -> bool:
    return answer["status"] in FOR_NOW or (answer["status"] == 409 and answer.get("problem", {}).get("type") == "/problems/conflict")


def _told(response: httpx2.Response) -> str:
    try:
        problem = response.json()
        return f"{problem['title']}. {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
