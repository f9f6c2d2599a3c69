"""Does a process that is asked to end under load answer every request it has accepted, and send its clients elsewhere meanwhile?"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack

import psutil
from crm_chassis.issuer import Issuer
from desk.program import environment_of, served, told
from problem_asserts import keyed

SOON = 60.0


class Raw:
    """A client that decides itself when each byte is sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bool]:
        """Its status, and whether the connection ends with it."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SOON)).decode().lower()
        return int(head.split()[1]), "\r\nconnection: close\r\n" in head


def post(body: bytes, headers: dict[str, str]) -> bytes:
    lines = {"Host": "desk", "Content-Type": "application/json", "Content-Length": str(len(body))} | headers | keyed()
    return b"POST /v1/jars HTTP/1.1\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in lines.items()) + b"\r\n"


async def _rest(lines: AsyncIterator[str]) -> list[str]:
    return [line async for line in lines]


async def _stopped(process: psutil.Process) -> None:
    """Until the kernel has stopped it."""
    async with asyncio.timeout(SOON):
        while process.status() != psutil.STATUS_STOPPED:
            await asyncio.sleep(0.01)


async def test_asked_to_end_it_sends_its_clients_elsewhere_and_answers_whatever_it_has_accepted(database: str, issuer: Issuer) -> None:
    environment = environment_of(database, issuer) | {"DRAIN_SECONDS": "600", "TIMER": "false"}
    assert (await told(environment, "migrate"))[0] == 0
    staff, body = {"Authorization": f"Bearer {issuer.token()}"}, json.dumps({"text": "چای"}).encode()
    async with served(environment) as (http, process), AsyncExitStack() as closing:
        port, accepted = int(http.base_url.port or 0), 0

        async def jar() -> None:
            nonlocal accepted
            made = await http.post("/v1/jars", json={"text": "چای"}, headers=staff | keyed())
            assert made.status_code == 201
            assert (made.headers.get("connection") == "close") is asked
            accepted += 1

        async def raw() -> Raw:
            made = Raw(*await asyncio.open_connection("127.0.0.1", port))
            closing.callback(made.writer.close)
            return made

        asked = False
        await asyncio.gather(*(jar() for _ in range(10)))
        half, silent = await raw(), await raw()
        await half.send(post(body, staff) + body[:5])
        async with http.stream("GET", "/v1/ticks", headers=staff) as ticks:
            lines = ticks.aiter_lines()
            assert [await anext(lines), await anext(lines)] == [": begin", ""]
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(SOON):
                while (ready := await http.get("/readyz")).status_code == 200:
                    await asyncio.sleep(0.01)
            assert (ready.status_code, ready.json()["checks"]["process"]["reason"]) == (503, "ending")
            assert ready.headers["connection"] == "close" and (await http.get("/healthz")).status_code == 200
            asked = True
            for _ in range(3):  # whoever has not heard yet is answered, on kept connections and on new ones
                await asyncio.gather(*(jar() for _ in range(10)))
            ended = asyncio.create_task(_rest(lines))
            assert not (await asyncio.wait({ended}, timeout=0.01))[0], "streams go on as long as requests do"

            stopped = psutil.Process(process.pid)  # frozen, so that what follows is at the door when it is asked to end at once
            stopped.suspend()
            await _stopped(stopped)
            crowd = [await raw() for _ in range(20)]
            for each in crowd:
                await each.send(post(body, staff) + body)
            await half.send(body[5:])
            await silent.send(post(body, staff) + body)
            os.kill(process.pid, signal.SIGTERM)
            stopped.resume()

            answers: list[Awaitable[tuple[int, bool]]] = [each.answer() for each in (half, silent, *crowd)]
            assert await asyncio.gather(*answers, return_exceptions=True) == [(201, True)] * 22
            accepted += 22
            assert await asyncio.wait_for(ended, SOON) == [], "the stream is ended, and ended properly"
        output = (await asyncio.wait_for(process.communicate(), SOON))[0].decode()
    assert process.returncode in (0, -signal.SIGTERM), output
    assert {json.loads(line)["level"] for line in output.splitlines()} == {"info"}, output
    assert await told(environment, "verify") == (0, f"contacts: {accepted} streams, {accepted} events, equal to their folds.\n")
