"""How does a table stay a table when its text is Persian, or comes from somebody who means ill?

Widths are counted in cells of the terminal. Text from right to left is isolated, so that it turns nothing around it; what would move the cursor or the
direction of a line is shown as `�`.
"""

import unicodedata
from collections.abc import Iterable, Sequence

_ISOLATE, _END = "\u2068", "\u2069"
_TURNS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(value: object) -> str:
    """One cell: None as `-`, on one line, harmless."""
    text = "-" if value is None else "yes" if value is True else "no" if value is False else str(value)
    text = "".join("�" if unicodedata.category(mark) == "Cc" or mark in _TURNS else mark for mark in text.replace("\n", " "))
    return f"{_ISOLATE}{text}{_END}" if any(unicodedata.bidirectional(mark) in ("R", "AL") for mark in text) else text


def cells(text: str) -> int:
    """How many cells a terminal gives it: none to marks that sit on others and to marks of format, two to wide ones."""
    return sum(0 if unicodedata.category(mark) in ("Mn", "Me", "Cf") else 2 if unicodedata.east_asian_width(mark) in ("W", "F") else 1 for mark in text)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns side by side under their names, without a space at a line's end."""
    lines = [list(head), *([shown(value) for value in row] for row in rows)]
    widths = [max(cells(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(text + " " * (width - cells(text)) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines)
