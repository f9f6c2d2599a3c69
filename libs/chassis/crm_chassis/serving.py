"""How does a process serve, and how does it end without a client noticing? Unready first, then closed to newcomers, then done with all it has accepted."""

import asyncio
import sys
from contextlib import suppress
from select import select
from socket import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from crm_chassis import tracing
from crm_chassis.chassis import Chassis
from crm_chassis.collecting import collect_less
from crm_chassis.listening import listening

GRACE = 10  # seconds for requests under way when the process is asked to end
FIRST = 0.5  # seconds in which a connection made before the door was closed may still ask; one that was silent for longer expects no answer


class _Server(uvicorn.Server):
    """Asked to end, it goes on for `drain` seconds; asked again, it ends at once."""

    def __init__(self, config: uvicorn.Config, chassis: Chassis, drain: float) -> None:
        super().__init__(config)
        self._chassis, self._drain = chassis, drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        again, self._chassis.health.ending = self._chassis.health.ending, True
        if self._drain and self.started and not again:
            loop = asyncio.get_running_loop()
            loop.call_soon_threadsafe(loop.call_later, self._drain, self._enough, sig)
        else:
            self._enough(sig)

    def _enough(self, sig: int) -> None:
        if not self.should_exit:
            super().handle_exit(sig, None)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_in(), FIRST)
        for server in self.servers:
            server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_heard(), FIRST)
        self._chassis.streams.end()  # before it waits for the requests that end by themselves
        await super().shutdown(sockets)
        await asyncio.to_thread(tracing.end)

    async def _all_in(self) -> None:
        """Until nobody stands at the door: the kernel has told them that they are connected, and uvloop takes one in at a time."""
        doors = [door for server in self.servers for door in server.sockets]
        while select(doors, [], [], 0)[0]:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0)

    async def _all_heard(self) -> None:
        """Until each connection has asked something: uvicorn would close the others unheard."""
        while any(getattr(connection, "cycle", self) is None for connection in self.server_state.connections):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)


def serve(app: FastAPI, *, host: str, port: int, drain: float = 0) -> None:
    """Run an app until asked to end: one worker, scaled by replicas, for metrics and caches live in the process.

    `drain`: seconds it goes on serving when asked to end, telling `/readyz` and each client with a kept connection to go elsewhere.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config, app.state.chassis, drain)
    collect_less()
    server.run(sockets=listening(config))
    if not server.started:
        sys.exit(3)
