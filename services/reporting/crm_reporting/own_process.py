"""How does work that takes minutes run beside the API? As `reporting …` in a process of its own: folding millions of events must not keep views waiting."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

import structlog
from pydantic import SecretStr

from crm_reporting.settings import ReportingSettings

_NOT_ITS = frozenset({"host", "port", "public_url", "cors_origins", "max_in_flight", "rate_limit", "instance", "metrics_port", "webhook_allowed_networks"})

log = structlog.get_logger(__name__)


class OwnProcesses:
    """The processes this API started, by name. Ended with it: what each does goes on where it stopped, when it is asked for again."""

    def __init__(self, settings: ReportingSettings) -> None:
        self._settings = settings
        self._running: dict[str, asyncio.Task[int]] = {}

    def start(self, name: str, *words: str, ended: Callable[[int], Awaitable[None]] | None = None) -> "asyncio.Task[int]":
        """`reporting <words>`, unless one of this name runs: then that one. The task's result is the exit code, which `ended` is told."""
        if name not in self._running:
            task = asyncio.create_task(self._run(name, words, ended))
            self._running[name] = task
            task.add_done_callback(lambda _: self._running.pop(name, None))
        return self._running[name]

    def runs(self, name: str) -> bool:
        """Whether one of this name is at work."""
        return name in self._running

    async def close(self) -> None:
        """End them all."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, name: str, words: tuple[str, ...], ended: Callable[[int], Awaitable[None]] | None) -> int:
        program = (sys.executable, "-c", "from crm_reporting.cli import app; app()", *words)
        told = {**os.environ, **_environment(self._settings)}
        process = await asyncio.create_subprocess_exec(*program, env=told, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE)
        try:
            if process.stdout is not None:
                async for line in process.stdout:
                    _handed_on(name, line.decode(errors="replace").rstrip())
            code = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
        log.info("own_process_ended", name=name, code=code)
        if ended is not None:
            await ended(code)
        return code


def _handed_on(name: str, line: str) -> None:
    """What it says becomes ours: its log as it is, and what it says to people (builds, counts, digests, ids of events) as a line of the log."""
    if line.startswith("{"):
        print(line, flush=True)  # noqa: T201  a line of the log already
    else:
        log.info("own_process_says", name=name, line=line)


def _environment(settings: ReportingSettings) -> Mapping[str, str]:
    """The settings as they were told to us, however that was."""
    told = settings.model_dump(exclude=set(_NOT_ITS), exclude_none=True)
    return {name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in told.items()}
