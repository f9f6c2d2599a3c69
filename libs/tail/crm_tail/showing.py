"""How does an event look to a person who watches? A line of who, what and when, and under it what was told."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

_ISOLATE, _END = "\u2068", "\u2069"
_TURNS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_COLOURS = {"contacts": "36", "tickets": "33", "loyalty": "35", "reporting": "34"}
_WIDEST = 28  # of a field's name; a longer one pushes its own value


def shown(line: bytes, *, coloured: bool) -> str:
    """One CloudEvent in several lines."""
    event: Mapping[str, Any] = orjson.loads(line)
    source = str(event["source"]).removeprefix("/")
    head = [
        _dim(_clock(str(event["time"])), coloured),
        _paint(safe(event["type"]), _COLOURS.get(source, "0"), coloured),
        f"customer {safe(event['subject'])}" if event.get("subject") else f"stream {safe(event['streamid'])}",
        _dim(f"by {safe(event.get('actor', '?'))}, {source} {event['position']}, journal {event['journalid']}", coloured),
    ]
    return "\n".join(["  ".join(head), *(f"    {name:<{_WIDEST}} {value}" for name, value in _fields(event))])


def _fields(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "withheld" in event:
        yield "withheld", safe(event["withheld"])
    redacted = event.get("redacted") or ()
    for name, value in (event.get("data") or {}).items():
        yield name, "(sealed)" if value is None and f"data.{name}" in redacted else safe(value)


def safe(value: object) -> str:
    """On one line, and unable to move a terminal's cursor or to turn what follows it around."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    text = "".join("�" if unicodedata.category(mark) == "Cc" or mark in _TURNS else mark for mark in text.replace("\n", " "))
    return f"{_ISOLATE}{text}{_END}" if any(unicodedata.bidirectional(mark) in ("R", "AL") for mark in text) else text


def _clock(moment: str) -> str:
    return moment.replace("T", " ").removesuffix("Z")


def _dim(text: str, coloured: bool) -> str:
    return _paint(text, "2", coloured)


def _paint(text: str, code: str, coloured: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if coloured else text
