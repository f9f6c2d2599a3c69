"""How is a service asked so that asking costs little? HTTP/1.1 over kept connections, a request a connection at a time, no more parsed than must be."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

IDLE = 4.0  # seconds after which a connection is made anew: a server hangs up on who has said nothing for 5, and a request sent at that moment gets no answer


class Answer:
    """Status, headers in lower case, body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> Any:
        return json.loads(self.body)

    def ok(self) -> "Answer":
        if not 200 <= self.status < 300:
            raise AssertionError(f"{self.status} {self.body[:500]!r}")
        return self


class Wire(asyncio.Protocol):
    """One connection. `await wire.send(...)`; raises ConnectionError when the other side hangs up."""

    def __init__(self, url: str) -> None:
        self._place, self._held = url.removeprefix("http://"), b""
        self._answer: asyncio.Future[Answer] | None = None
        self._heard = 0.0

    @classmethod
    async def connect(cls, url: str) -> "Wire":
        """To `http://host:port`."""
        made = cls(url)
        await made._open()
        return made

    async def _open(self) -> None:
        host, port = self._place.split(":")
        await asyncio.get_running_loop().create_connection(lambda: self, host, int(port))

    def connection_made(self, transport: Any) -> None:
        self._transport, self._heard = transport, time.monotonic()

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError(str(error)))

    def data_received(self, data: bytes) -> None:
        self._held += data
        end = self._held.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        first, *lines = self._held[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(self._held) >= end + 4 + length:
            body, self._held = self._held[end + 4 : end + 4 + length], self._held[end + 4 + length :]
            answer, self._answer = self._answer, None
            if not answer.done():
                answer.set_result(Answer(int(first.split()[1]), headers, body))

    async def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        told = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
        if self._transport.is_closing() or time.monotonic() - self._heard > IDLE:
            self._transport.close()
            await self._open()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(f"{method} {path} HTTP/1.1\r\nhost: {self._place}\r\n{kind}{told}\r\n".encode() + body)
        answer = await self._answer
        self._heard = time.monotonic()
        return answer

    def close(self) -> None:
        self._transport.close()
