"""How does an export into a file go on after it was cut off? After the last whole line; half a line is taken away."""

from pathlib import Path

import orjson

from crm_tail.journal import Wrong

_PIECE = 64 * 1024


def last_position(file: Path) -> int | None:
    """The position of the last whole line, None in an empty file. What follows it is cut off. Wrong for a file that is no export."""
    with file.open("r+b") as opened:
        size = opened.seek(0, 2)
        tail, start = b"", size
        while start > 0 and tail.count(b"\n") < 2:
            start = max(0, start - _PIECE)
            opened.seek(start)
            tail = opened.read(size - start)
        whole = tail.rfind(b"\n") + 1
        opened.truncate(start + whole)
        lines = tail[:whole].splitlines()
    if not lines:
        return None
    try:
        return int(orjson.loads(lines[-1])["journalid"])
    except (ValueError, KeyError, TypeError):
        raise Wrong(f"{file} is no export that can be gone on with.", 2) from None
