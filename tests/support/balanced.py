"""How does a client behave that stands behind a balancer? It asks each replica for its readiness, sends only where that is given, and tries nothing twice."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2

EVERY = 0.1  # seconds between two looks
PATIENCE = 60.0
KEPT = 2.0  # seconds a silent connection is kept: less than the 5 s after which the server ends it, or the two would meet


class Balanced:
    """`failed` holds whatever was no plain answer, in words."""

    def __init__(self, replicas: Mapping[str, Sequence[str]], token: str) -> None:
        self._replicas = replicas
        self._ready: dict[str, bool] = dict.fromkeys(itertools.chain(*replicas.values()), False)
        self._turns = {service: itertools.cycle(urls) for service, urls in replicas.items()}
        limits = httpx2.Limits(max_connections=50, keepalive_expiry=KEPT)
        self._http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE, limits=limits, trust_env=False)
        self.failed = list[str]()
        self.answered = dict.fromkeys(self._ready, 0)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """For as long as it looks."""
        watches = [asyncio.create_task(self._watch(url)) for url in self._ready]
        try:
            yield
        finally:
            for each in watches:
                each.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            await self._http.aclose()

    async def send(self, service: str, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response | None:
        """One request to one ready replica; None if it failed."""
        told = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {})
        url = await self._next(service)
        try:
            answer = await self._http.request(method, f"{url}{path}", json=body, headers=told)
        except httpx2.TransportError as error:
            self.failed.append(f"{method} {service} {path}: {error!r}")
            return None
        if answer.is_success:
            self.answered[url] += 1
            return answer
        self.failed.append(f"{method} {service} {path}: {answer.status_code} {answer.text[:300]}")
        return None

    def ready(self, url: str) -> bool:
        """Whether it said so when it was asked last."""
        return self._ready[url]

    async def _next(self, service: str) -> str:
        async with asyncio.timeout(PATIENCE):
            while True:
                for url in itertools.islice(self._turns[service], len(self._replicas[service])):
                    if self._ready[url]:
                        return url
                await asyncio.sleep(0.01)

    async def _watch(self, url: str) -> None:
        while True:
            try:
                self._ready[url] = (await self._http.get(f"{url}/readyz", timeout=PATIENCE)).status_code == 200
            except httpx2.TransportError:
                self._ready[url] = False
            await asyncio.sleep(EVERY)
