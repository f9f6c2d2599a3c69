"""How does a front-end watch one customer of the running backbone?"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import httpx2


class Live:
    """One open stream, to be used as a context."""

    def __init__(self, stack: Mapping[str, str], customer: str) -> None:
        self._stack, self._customer, self._closing = stack, customer, ExitStack()

    def __enter__(self) -> "Live":
        bearer = {"Authorization": f"Bearer {self._stack['TOKEN']}"}
        http = self._closing.enter_context(httpx2.Client(base_url=self._stack["REPORTING_URL"], headers=bearer, timeout=60, trust_env=False))
        stream = self._closing.enter_context(http.sse(f"/v1/customers/{self._customer}/stream"))
        self._events: Iterator[httpx2.ServerSentEvent] = iter(stream)
        return self

    def next(self) -> httpx2.ServerSentEvent:
        return next(self._events)

    def __exit__(self, *_: object) -> None:
        self._closing.close()
