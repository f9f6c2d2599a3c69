"""Does a process end, or freeze, at its failpoint and nowhere else?"""

import os
import signal
import subprocess
import sys

import psutil
import pytest

WALK = "from crm_events.failpoints import reached\nfor point in ('a.b', 'c.d', 'a.b', 'a.b'): reached(point); print(point, flush=True)"


def walk(failpoint: str | None) -> subprocess.CompletedProcess[str]:
    told = {name: value for name, value in os.environ.items() if name != "CRM_FAILPOINT"} | ({} if failpoint is None else {"CRM_FAILPOINT": failpoint})
    return subprocess.run([sys.executable, "-c", WALK], env=told, capture_output=True, text=True)


@pytest.mark.parametrize(("failpoint", "steps"), [("a.b", 0), ("c.d", 1), ("a.b@2", 2), ("a.b@3", 3)])
def test_it_dies_the_nth_time_it_is_there(failpoint: str, steps: int) -> None:
    done = walk(failpoint)
    assert (done.returncode, len(done.stdout.splitlines())) == (-signal.SIGKILL, steps)


@pytest.mark.parametrize("failpoint", [None, "", "a.b@4", "a.bc"])
def test_it_passes_every_other_point(failpoint: str | None) -> None:
    done = walk(failpoint)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 4), done.stderr


def test_a_failpoint_that_cannot_be_is_refused() -> None:
    assert "is not name, name@n or name@n:stop" in walk("a.b@soon").stderr


def test_it_freezes_and_goes_on_when_it_is_woken() -> None:
    with subprocess.Popen([sys.executable, "-c", WALK], env=os.environ | {"CRM_FAILPOINT": "c.d:stop"}, stdout=subprocess.PIPE, text=True) as walking:
        os.waitpid(walking.pid, os.WUNTRACED)
        assert psutil.Process(walking.pid).status() == psutil.STATUS_STOPPED
        os.kill(walking.pid, signal.SIGCONT)
        told, _ = walking.communicate(timeout=20)
    assert told.split() == ["a.b", "c.d", "a.b", "a.b"]
