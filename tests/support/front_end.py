"""How does a front-end team's client of the four services look? Synchronous, patient: what was not acknowledged is sent again with the same key."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

TRYING = 120.0  # seconds a request is sent again and again: longer than any process needs to come back

PAUSE = 0.1  # seconds before it is sent again: a client that hammers keeps the machine from bringing the service back


class Client:
    """`stack` is what build/stack.env tells."""

    def __init__(self, stack: Mapping[str, str], token: str | None = None) -> None:
        limits = httpx2.Limits(max_keepalive_connections=20)
        self._urls = {name: stack[f"{name.upper()}_URL"] for name in ("contacts", "tickets", "loyalty", "reporting")}
        self._http = httpx2.Client(headers={"Authorization": f"Bearer {token or stack['TOKEN']}"}, timeout=20, limits=limits)
        self.bearer = token or stack["TOKEN"]
        self.retried, self._patience = 0, threading.Event()

    def close(self) -> None:
        self._http.close()

    def send(self, service: str, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        told = {name.replace("_", "-"): value for name, value in headers.items() if value}
        if method == "POST":
            told.setdefault("Idempotency-Key", uuid.uuid4().hex)
        return self._http.request(method, f"{self._urls[service]}{path}", json=body, headers=told)

    def get(self, service: str, path: str, **headers: str) -> Any:
        return ok(self.send(service, "GET", path, **headers))

    def post(self, service: str, path: str, body: Any, **headers: str) -> httpx2.Response:
        answer = self.send(service, "POST", path, body, **headers)
        ok(answer)
        return answer

    def put(self, service: str, path: str, body: Any, **headers: str) -> httpx2.Response:
        answer = self.send(service, "PUT", path, body, **headers)
        ok(answer)
        return answer

    def until_done(self, service: str, path: str, body: Any) -> httpx2.Response:
        """Post until it is acknowledged, always with the same key: refused connections, lost answers and 503 are tried again."""
        key, began = uuid.uuid4().hex, time.monotonic()
        while True:
            try:
                answer = self.send(service, "POST", path, body, Idempotency_Key=key)
                if answer.status_code != 503:
                    ok(answer)
                    return answer
            except httpx2.TransportError:
                pass
            if time.monotonic() - began > TRYING:
                raise TimeoutError(f"not acknowledged within {TRYING} s: {path}")
            self.retried += 1
            self._patience.wait(PAUSE)

    def until(self, service: str, path: str, holds: Callable[[Any], bool]) -> bool:
        """Read again and again until it holds: what one service does on hearing another. False when it does not within `TRYING`."""
        began = time.monotonic()
        while not holds(self.get(service, path)):
            if time.monotonic() - began > TRYING:
                return False
            self._patience.wait(PAUSE)
        return True

    def view(self, customer: str, *tokens: str, **more: str) -> Any:
        """The unified view once it shows the writes of these tokens."""
        answer = self.send("reporting", "GET", f"/v1/customers/{customer}", Consistency_Token=",".join(tokens), Prefer="wait=10", **more)
        ok(answer)
        assert answer.headers["View-State"] == "current", answer.headers
        return answer.json()


def ok(answer: httpx2.Response) -> Any:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


def token(answer: httpx2.Response) -> str:
    """What to read one's own write with."""
    return str(answer.headers["Consistency-Token"])
