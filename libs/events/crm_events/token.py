"""How does a reader say which write it must see? `contacts.3.881`: source, partition, position there."""

import re
from collections.abc import Mapping

_PART = re.compile(r"^([a-z]{1,40})\.(\d{1,3})\.(\d{1,18})$")


def encode(source: str, positions: Mapping[int, int]) -> str:
    """One token for all partitions a command wrote, `~` between them."""
    return "~".join(f"{source}.{partition}.{position}" for partition, position in sorted(positions.items()))


def decode(header: str) -> dict[tuple[str, int], int]:
    """The highest position asked for per (source, partition), from one header of comma-separated tokens. ValueError if any part is no token."""
    wanted: dict[tuple[str, int], int] = {}
    for part in re.split(r"[~,]", header):
        match = _PART.match(part.strip())
        if not match:
            raise ValueError("not a consistency token")
        key = (match[1], int(match[2]))
        wanted[key] = max(wanted.get(key, 0), int(match[3]))
    return wanted
