"""How is the system under load while something is done to it? Several clients, each at its seeded plan, through the public APIs, one command at a time each."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from chaos.history import History, Op
from chaos.plan import Plan, Request

WORKERS = 6
PACE = 0.05  # seconds between two commands of a client: the machine also has to bring back what was killed
TIMEOUT = 8.0  # seconds for an answer
PAUSE = 0.1  # seconds before what is unknown is sent again
DEFINITE = 120.0  # seconds it is sent again and again: longer than any process needs to come back
LEFT = 0.3  # share of unknown commands that are left unknown
EXCUSED = frozenset({409})  # refusals a plan may meet: a rule said no. Any other 4xx means that something acknowledged is not there, or that the plan is wrong
READ_BACK = 4  # one in so many interactions is read back by its token
RULE = {"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}
PROGRAMME = {
    "currency": "EUR", "earning": [RULE], "pending_days": 0, "expiry": {"months": 12}, "tiers": [], "point_value": {"points": 10, "amount": 5},
    "valid_from": "2020-01-01T00:00:00Z",
}  # fmt: skip


class Load:
    """`urls` by service, to be changed while it runs; `name` with its seed makes every choice. Clients stop by themselves when `running()` ends."""

    def __init__(self, urls: Mapping[str, str], token: str, name: str, history: History) -> None:
        self.urls, self.history = dict(urls), history
        self.http = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT, limits=httpx2.Limits(max_keepalive_connections=20), trust_env=False
        )
        self.programme = f"chaos-{uuid.uuid4().hex[:8]}"
        self._rngs = [random.Random(f"{name}/{number}") for number in range(WORKERS)]
        self.plans = [Plan(rng, self.programme) for rng in self._rngs]
        self.refused: dict[str, int] = {}
        self.read_back = 0
        self.excused = set(EXCUSED)
        self._going, self._stopping = asyncio.Event(), False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def acknowledged(self) -> int:
        """How many commands have been answered with 2xx so far."""
        return self.history.of("ok")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Under load inside; afterwards every command is ok, refused, or left unknown. Raises what a client met that no fault excuses."""
        await self._publish_programme()
        self._going.set()
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(WORKERS)]
        try:
            yield
        except BaseException:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            raise
        self._stopping = True
        self._going.set()
        await asyncio.gather(*self._tasks)

    def pause(self) -> None:
        """No new commands; those under way go on."""
        self._going.clear()

    def resume(self) -> None:
        self._going.set()

    async def more(self, count: int, *, seconds: float = 120.0) -> None:
        """Return once so many more commands were acknowledged. TimeoutError if they are not."""
        wanted, until = self.acknowledged + count, time.monotonic() + seconds
        while self.acknowledged < wanted:
            for task in self._tasks:
                if task.done():
                    await task
            if time.monotonic() > until:
                raise TimeoutError(f"only {self.acknowledged} of {wanted} commands were acknowledged within {seconds:.0f} s")
            await asyncio.sleep(0.02)

    async def send(self, service: str, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        """One request, outside any plan. Raises httpx2.TransportError."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, f"{self.urls[service]}{path}", json=body, headers=told)

    async def _publish_programme(self) -> None:
        answer = await self.send("loyalty", "PUT", f"/v1/programmes/{self.programme}", PROGRAMME)
        if not answer.is_success:
            raise AssertionError(f"the programme was refused: {answer.status_code} {answer.text[:500]}")

    async def _work(self, number: int) -> None:
        plan, rng, interactions = self.plans[number], self._rngs[number], 0
        while True:
            await self._going.wait()
            if self._stopping:
                return
            request = plan.next()
            answer = await self._command(number, rng, request)
            if answer is None:
                plan.ended(request)
            else:
                plan.done(request, answer)
                if request.op.kind == "interact":
                    interactions += 1
                    if interactions % READ_BACK == 0:
                        await self._read_back(request.op)
            await asyncio.sleep(PACE)

    async def _command(self, number: int, rng: random.Random, request: Request) -> dict[str, Any] | None:
        """The answer's body; None if it was refused or is left unknown."""
        op, began, again = request.op, time.monotonic(), True
        self.history.invoke(number, op)
        while True:
            try:
                answer = await self.send(request.service, request.method, request.path, request.body, Idempotency_Key=op.key)
            except httpx2.TransportError as error:
                self.history.end(number, op, "unknown", why=type(error).__name__)
            else:
                if answer.is_success:
                    told: dict[str, Any] = answer.json()
                    self.history.end(number, op, "ok", code=answer.status_code, id=told.get("id"), token=answer.headers.get("Consistency-Token"))
                    return told
                if answer.status_code < 500:
                    self._refused(number, request, answer)
                    return None
                if answer.status_code == 500:
                    self.history.wrong.append(f"500 to {request.method} {request.path}: {answer.text[:300]}")
                self.history.end(number, op, "unknown", code=answer.status_code)
            if self.history.outcomes[op.key].attempts == 1:
                again = request.certain or rng.random() >= LEFT
            if not again:
                return None
            if time.monotonic() - began > DEFINITE:
                raise TimeoutError(f"{op.kind} is not definite after {DEFINITE:.0f} s: {request.path}")
            await asyncio.sleep(PAUSE)

    async def _read_back(self, op: Op) -> None:
        """Read one's own write by its token: an answer that calls itself current must show it. No answer is no news: reads are tried again by nobody."""
        token = str(self.history.outcomes[op.key].answer["token"])
        path = f"/v1/customers/{op.customer}/timeline?types=interaction.recorded&limit=200"
        try:
            answer = await self.send("reporting", "GET", path, Consistency_Token=token, Prefer="wait=2")
        except httpx2.TransportError:
            return
        if answer.status_code == 500:
            self.history.wrong.append(f"500 to GET {path}: {answer.text[:300]}")
        elif answer.is_success and answer.headers["View-State"] == "current":
            self.read_back += 1
            if op.mark not in {("interaction.recorded", item["data"]["interaction_id"]) for item in answer.json()["items"]}:
                self.history.stale.append(f"{op.mark} of {op.customer} is not in a timeline that is current by {token}")

    def _refused(self, number: int, request: Request, answer: httpx2.Response) -> None:
        kind = f"{request.op.kind}: {answer.status_code} {answer.json().get('type', '').rpartition('/')[2]}"
        self.refused[kind] = self.refused.get(kind, 0) + 1
        self.history.end(number, request.op, "fail", code=answer.status_code, why=kind)
        if answer.status_code not in self.excused:
            self.history.wrong.append(f"{kind}: {answer.text[:300]}")
