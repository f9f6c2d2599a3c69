"""Which lines must keep their order? Those that name the same thing; the others may run side by side."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SHARED = "customer_id"  # two tickets of one customer are two resources


def groups(lines: Sequence[dict[str, Any] | None]) -> list[list[int]]:
    """Line numbers in groups, each in the order sent: lines that share an id in their path or body, directly or over a third, are in one."""
    parent = list(range(len(lines)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = number = parent[parent[number]]
        return number

    first: dict[str, int] = {}
    for number, line in enumerate(lines):
        for name in _names(line) if line else ():
            parent[root(number)] = root(first.setdefault(name, number))
    found: dict[int, list[int]] = {}
    for number in range(len(lines)):
        found.setdefault(root(number), []).append(number)
    return list(found.values())


def _names(line: dict[str, Any]) -> Iterable[str]:
    path, body = line.get("path"), line.get("body")
    named = [*path.values()] if isinstance(path, dict) else []
    named += [value for name, value in body.items() if name != _SHARED] if isinstance(body, dict) else []
    ids = _ids(named)
    if isinstance(path, dict) and path and not ids:
        return [f"{line['operation']} {sorted(path.items(), key=str)}"]  # a policy or calendar by its name
    return ids


def _ids(values: Iterable[Any]) -> list[str]:
    return [value.lower() for value in values if isinstance(value, str) and _ID.fullmatch(value)]
