"""How does a test run the toy's program, as an operator would?"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from crm_chassis.issuer import Issuer

from desk.living import KEY

SUPPORT = str(Path(__file__).resolve().parent.parent)


def environment_of(database: str, issuer: Issuer) -> dict[str, str]:
    """All the program is told."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), SUPPORT))),
        "DATABASE_URL": database,
        "VAULT_DATABASE_URL": database,
        "MASTER_KEY": KEY,
        "INDEX_KEY": KEY,
        "AUTH_JWKS": str(issuer.jwks),
        "RELAY": "false",
    }


async def start(environment: Mapping[str, str], *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "desk", *words, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


async def told(environment: Mapping[str, str], *words: str) -> tuple[int, str]:
    """Exit code and output."""
    process = await start(environment, *words)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode()


@asynccontextmanager
async def served(environment: Mapping[str, str], role: str = "api") -> AsyncIterator[tuple[httpx2.AsyncClient, asyncio.subprocess.Process]]:
    """The program serving, and a client of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await start({**environment, "PORT": str(port)}, role)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            async with asyncio.timeout(60):
                while process.returncode is None:
                    try:
                        await http.get("/healthz")
                        break
                    except httpx2.ConnectError:
                        await asyncio.sleep(0.02)
            yield http, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
