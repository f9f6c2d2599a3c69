"""What of the stack runs, where, and is it ready?"""

from dataclasses import dataclass

import psutil

from crm_local import addresses, readiness
from crm_local.parts import PARTS
from crm_local.stack import Stack


@dataclass(frozen=True, slots=True)
class Row:
    """One process: `wrong` holds the reasons why it is not ready, empty if it is; `megabytes` of memory, None if it does not run."""

    name: str
    where: str
    pid: int | None
    megabytes: int | None
    wrong: tuple[str, ...]


def overview(stack: Stack) -> list[Row]:
    """Return a row for each server and process of the stack; servers given by the environment are not ours to show."""
    rows = []
    for server, name in ((stack.postgres(), "postgres"), (stack.kafka(), "kafka")):
        if server.data_dir.exists():
            where = f"127.0.0.1:{server.listening}" if server.pid else ""
            rows.append(_row(name, where, server.pid, [] if server.ready() else ["does not answer"]))
    chosen = addresses.known(stack.data_dir)
    for part in PARTS:
        pid = stack.running(part).process.pid
        where = chosen.url(part.name) if chosen else ""
        rows.append(_row(part.name, where, pid, readiness.reasons(where) if pid and where else []))
    return rows


def _row(name: str, where: str, pid: int | None, wrong: list[str]) -> Row:
    if pid is None:
        return Row(name, where, None, None, ("does not run",))
    try:
        return Row(name, where, pid, psutil.Process(pid).memory_info().rss // 1_000_000, tuple(wrong))
    except psutil.NoSuchProcess:
        return Row(name, where, None, None, ("has just ended",))
