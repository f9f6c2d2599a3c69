"""Is the process we started still running, and how is it started and ended without touching another's?

A detached process is known by a small file: its id, when it started and its command. An id alone is not
enough, as the kernel gives it to somebody else later; a process counts as ours only if it also started then.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_UN, flock
from pathlib import Path

import psutil

from crm_local.failures import CannotStart, tail

# The start time is computed from the machine's boot time, which moves by up to a second when its clock is corrected.
_SAME_START_SECONDS = 2.0


class _Outliving(subprocess.Popen[bytes]):
    """A child that is meant to outlive us: letting go of it is no leak to be warned of."""

    def __del__(self) -> None:
        pass


@dataclass(slots=True)
class Detached:
    """One long-running process with its pid file and log; it outlives the program that starts it."""

    name: str
    pid_file: Path
    log: Path
    _child: _Outliving | None = field(default=None, repr=False)

    def start(self, command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None, account: tuple[int, int] | None = None) -> None:
        """Start `command` in a session of its own, output to the log; secrets go in `env`, which other users cannot read.

        `account` is (user id, group id) to run as, for root only. Raises CannotStart.
        """
        words = [str(word) for word in command]
        user, group = account or (None, None)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.log.open("ab") as log:
                self._child = _Outliving(
                    words,
                    env=dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=user,
                    group=group,
                    extra_groups=[] if account else None,
                )
            self._remember(self._child.pid, words)
        except OSError as error:
            raise CannotStart(f"{self.name} cannot be started: {error}") from error

    def process(self) -> psutil.Process | None:
        """Return the running process, or None if it ended or its id now belongs to somebody else."""
        try:
            known = json.loads(self.pid_file.read_text())
            process = psutil.Process(known["pid"])
            same = abs(process.create_time() - known["started"]) < _SAME_START_SECONDS and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
            return None
        return process if same else None

    @property
    def pid(self) -> int | None:
        """The id of the running process, or None."""
        process = self.process()
        return process.pid if process else None

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return once `ready()`; raises CannotStart with the last log lines if the process ends first or time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process() is None:
                raise CannotStart(f"{self.name} stopped while starting{self._exit_code()}. Last lines of {self.log}:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise CannotStart(f"{self.name} was not ready within {seconds:.0f} s. Last lines of {self.log}:\n{tail(self.log)}")
            time.sleep(0.03)

    def stop(self, *, ask: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
        """End the process: ask, wait, and after `seconds` kill it with all its session. Harmless if it is not running."""
        process = self.process()
        if process is not None:
            try:
                process.send_signal(ask)
                process.wait(seconds)
            except psutil.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(seconds)
            except psutil.NoSuchProcess:
                pass  # it ended between the look and the signal
        if self._child is not None:
            self._child.poll()
        self.pid_file.unlink(missing_ok=True)

    def _remember(self, pid: int, command: list[str]) -> None:
        fresh = self.pid_file.with_suffix(".new")
        started = psutil.Process(pid).create_time()
        fresh.write_text(json.dumps({"pid": pid, "started": started, "command": command}))
        fresh.replace(self.pid_file)

    def _exit_code(self) -> str:
        code = self._child.poll() if self._child else None
        return "" if code is None else f" (exit code {code})"


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold `lock` so that two starters of the same thing take turns; the kernel releases it if we die."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        flock(file, LOCK_EX)
        try:
            yield
        finally:
            flock(file, LOCK_UN)
