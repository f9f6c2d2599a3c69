"""What did the stack's processes write, and what do they write now?"""

import time
from collections.abc import Iterator
from pathlib import Path

from crm_local.failures import CannotStart

_LAST = 20  # lines of each log to begin with
_PAUSE = 0.3  # seconds between two looks


def logs(data_dir: Path, name: str | None) -> dict[str, Path]:
    """Return the log files by name, all or the one asked for. Raises CannotStart if there is none of that name."""
    found = {file.stem: file for folder in ("logs", "postgres", "kafka") for file in sorted((data_dir / folder).glob("*.log"))}
    if name is None:
        return found
    if name not in found:
        raise CannotStart(f"There is no log named {name}; there are: {', '.join(found) or 'none yet'}.")
    return {name: found[name]}


def lines(files: dict[str, Path], *, follow: bool) -> Iterator[str]:
    """Yield the last lines of each log, then, if asked to follow, new ones as they come; several logs are told apart by name."""
    prefix = {name: f"{name:<10} | " if len(files) > 1 else "" for name in files}
    position = {}
    for name, file in files.items():
        text = file.read_bytes()
        position[name] = len(text)
        yield from (prefix[name] + line for line in text.decode(errors="replace").splitlines()[-_LAST:])
    while follow:
        time.sleep(_PAUSE)
        for name, file in files.items():
            with file.open("rb") as log:
                log.seek(position[name])
                fresh, _, _unfinished = log.read().rpartition(b"\n")
            if fresh:
                position[name] += len(fresh) + 1
                yield from (prefix[name] + line for line in fresh.decode(errors="replace").splitlines())
