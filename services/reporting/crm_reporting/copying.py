"""How do many rows reach a table fastest? By COPY in text form: ids, times and JSON pass as the text they arrived in."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from crm_events.lease import Connection

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_LIMIT = 2**63


def _text(value: Any) -> str:
    """What is no text and not null, as COPY reads it, but for what `line` escapes."""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        if not -_LIMIT < value < _LIMIT:
            raise ValueError("an amount leaves the 64 bits of a column")
        return str(value)
    if isinstance(value, bytes):
        return rf"\x{value.hex()}"
    if isinstance(value, list | tuple):
        quoted = (str(item).replace("\\", "\\\\").replace('"', '\\"') for item in value)
        return "{" + ",".join(f'"{item}"' for item in quoted) + "}"
    return str(value)


def _escaped(value: Any, text: str) -> str:
    return r"\N" if value is None else _SPECIAL.sub(lambda found: _ESCAPES[found[0]], text)


def line(row: Sequence[Any]) -> str:
    """One row in COPY's text form. Raises ValueError for a number no column holds."""
    texts = [value if type(value) is str else "\0" if value is None else _text(value) for value in row]  # NUL: no text of PostgreSQL's holds it
    text = "\t".join(texts)
    if "\\" in text or "\n" in text or "\r" in text or text.count("\t") >= len(texts) or text.count("\0") != row.count(None):
        text = "\t".join(map(_escaped, row, texts))
    else:  # one look at the whole line: nearly none has anything to escape
        text = text.replace("\0", r"\N")
    return text + "\n"


async def copy(connection: Connection, table: str, columns: Sequence[str], lines: Iterable[str], *, schema: str | None = None) -> int:
    """Append lines made by `line` to a table; the number of rows written. A duplicate key is an error: nothing is ever written twice in silence."""

    async def chunks() -> Any:
        yield "".join(lines).encode()

    status = await connection.copy_to_table(table, source=chunks(), columns=list(columns), schema_name=schema, format="text")
    return int(status.split()[-1])
