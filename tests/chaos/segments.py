"""What is left of a partition when the broker's machine loses power? Its log without the last batches."""

import struct
from pathlib import Path

_HEAD = struct.Struct(">qi")  # a batch: its first offset, and how many bytes follow these twelve


def cut_short(log: Path, *, batches: int) -> int:
    """Cut so many batches off a segment, as far as it has them; how many they were. Its broker must not run."""
    starts, at = [], 0
    content = log.read_bytes()
    while at + _HEAD.size <= len(content):
        _, length = _HEAD.unpack_from(content, at)
        if length <= 0:
            break  # preallocated, never written
        starts.append(at)
        at += _HEAD.size + length
    lost = starts[-batches:]
    if lost:
        with log.open("r+b") as file:
            file.truncate(lost[0])
    return len(lost)
