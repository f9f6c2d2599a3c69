"""Is a detached process found again, told from another's, and ended?"""

import json
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from crm_local.failures import CannotStart
from crm_local.processes import Detached

FOR_EVER = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
DEAF = [sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"]
FAILING = [sys.executable, "-c", "print('the reason why'); raise SystemExit(3)"]


@pytest.fixture
def detached(tmp_path: Path):
    process = Detached("sample", tmp_path / "sample.pid", tmp_path / "sample.log")
    yield process
    process.stop(seconds=5)


def start(detached: Detached, command: list[str]) -> int:
    detached.start(command, env={})
    detached.wait_until(lambda: detached.log.read_text().startswith("up"), seconds=20)
    assert detached.pid
    return detached.pid


def test_a_process_is_found_again_by_its_file(detached: Detached) -> None:
    pid = start(detached, FOR_EVER)
    assert Detached("sample", detached.pid_file, detached.log).pid == pid
    assert os.getsid(pid) == pid  # in a session of its own: closing the terminal does not end it


def test_a_stopped_process_is_gone_and_stopping_it_again_is_harmless(detached: Detached) -> None:
    pid = start(detached, FOR_EVER)
    detached.stop(seconds=10)
    detached.stop(seconds=10)
    assert not psutil.pid_exists(pid)
    assert detached.pid is None


def test_a_process_that_does_not_listen_is_killed_in_the_end(detached: Detached) -> None:
    pid = start(detached, DEAF)
    detached.stop(seconds=0.1)
    assert not psutil.pid_exists(pid)


def test_a_process_that_got_the_id_of_ours_is_left_alone(detached: Detached) -> None:
    stranger = Detached("stranger", detached.pid_file.with_name("stranger.pid"), detached.log)
    pid = start(stranger, FOR_EVER)
    known = json.loads(stranger.pid_file.read_text())
    detached.pid_file.write_text(json.dumps(known | {"started": known["started"] - 60}))
    detached.stop(seconds=1)
    assert stranger.pid == pid
    stranger.stop(seconds=5)


def test_a_process_killed_by_somebody_is_not_running(detached: Detached) -> None:
    pid = start(detached, FOR_EVER)
    os.kill(pid, signal.SIGKILL)
    detached.process() and psutil.Process(pid).wait(10)
    assert detached.pid is None


def test_one_that_ends_while_starting_is_told_with_its_last_words(detached: Detached) -> None:
    detached.start(FAILING, env={})
    with pytest.raises(CannotStart, match="sample stopped while starting") as told:
        detached.wait_until(lambda: False, seconds=20)
    assert "the reason why" in str(told.value)


def test_one_that_never_gets_ready_is_told_after_a_bound(detached: Detached) -> None:
    start(detached, FOR_EVER)
    with pytest.raises(CannotStart, match="not ready within"):
        detached.wait_until(lambda: False, seconds=0.05)


def test_a_program_that_is_not_there_is_told(detached: Detached) -> None:
    with pytest.raises(CannotStart, match="sample cannot be started"):
        detached.start(["/nowhere/program"], env={})
