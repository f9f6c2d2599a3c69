"""What stops the local stack from starting, in words that say what to do about it?"""

from pathlib import Path


class CannotStart(Exception):
    """A part of the local stack cannot run; the message is for a person and says what to do."""


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, indented; the empty log says that it is empty."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 65_536))
            last = file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        last = []
    return "\n".join(f"    {line}" for line in last) or "    (the log is empty)"
