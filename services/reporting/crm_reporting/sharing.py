"""How do several processes do one stage of a rebuild? Each takes range after range; the rows of `rebuild_range` say which are done."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pkgutil import resolve_name

import orjson
import structlog
from crm_chassis import logs
from crm_chassis.collecting import collect_less
from crm_events.lease import Connection

from crm_reporting.connecting import UNHURRIED, connect

Stage = Callable[[Connection, str], Awaitable[None]]

MOST = 4  # processes: one database carries no more
YIELDING = 10  # how much more patient than others a helper is for a processor: reads and writes go on meanwhile
_PROGRAM = (sys.executable, "-c", "from crm_reporting.sharing import help_out; help_out()")

log = structlog.get_logger(__name__)


def usual() -> int:
    """How many processes share a rebuild where nobody says: one a core."""
    return min(os.cpu_count() or 1, MOST)


@dataclass(frozen=True, slots=True)
class Helpers:
    """At most `number` processes beside this one, each with a connection of its own to the database at `url`."""

    url: str
    number: int
    log_level: str = "info"


async def share(stage: Stage, connection: Connection, build: str, helpers: Helpers | None) -> None:
    """Do the stage, a function of a module, here and in helpers. One that dies costs nothing: its range is undone with its connection, and taken by another."""
    ranges = await connection.fetchval("select count(*) from rebuild_range where build = $1", build)
    number = min(helpers.number, ranges - 1) if helpers else 0
    others: list[Process] = []
    try:
        for _ in range(number):
            others.append(await asyncio.create_subprocess_exec(*_PROGRAM, stdin=PIPE))
            await _told(others[-1], stage, build, helpers)
        await stage(connection, build)
        for other in others:
            if code := await other.wait():
                log.warning("rebuild.helper_ended", build=build, code=code)
    finally:
        for other in others:
            if other.returncode is None:
                other.kill()


async def _told(other: Process, stage: Stage, build: str, helpers: Helpers | None) -> None:
    """Over its standard input, which then stays open: its end tells that whoever asked is dead. (The URL has a password: no argument, which all can see.)"""
    assert other.stdin is not None
    assert helpers is not None
    told = {"stage": f"{stage.__module__}:{stage.__qualname__}", "build": build, "url": helpers.url, "log_level": helpers.log_level}
    with suppress(OSError):  # it died at once, and will be noticed
        other.stdin.write(orjson.dumps(told) + b"\n")
        await other.stdin.drain()


def help_out() -> None:
    """A helper's whole life."""
    told = orjson.loads(sys.stdin.buffer.readline())
    logs.configure("reporting-rebuild", told["log_level"])
    os.nice(YIELDING)
    stage: Stage = resolve_name(told["stage"])
    collect_less()
    asyncio.run(_help(stage, told["build"], told["url"]))


async def _help(stage: Stage, build: str, url: str) -> None:
    asyncio.get_running_loop().add_reader(sys.stdin, os._exit, 1)
    connection = await connect(url, UNHURRIED)
    try:
        await stage(connection, build)
    finally:
        await connection.close()
