"""How is everything known of a customer written down for them: for a program, and for a person to read?"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from html import escape
from typing import Any, Protocol

import orjson
from persiantools.jdatetime import JalaliDate

SOURCES_FA = {"contacts": "تماس‌ها", "tickets": "درخواست‌ها", "loyalty": "باشگاه و خرید", "reporting": "گزارش"}
_STYLE = """
body{font:1rem/1.7 Vazirmatn,Tahoma,system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
article{border-block-start:1px solid #bbb;padding-block:.6rem}h2{font-size:1rem;margin:0}
dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.1rem 1rem;margin:.3rem 0}dt{color:#555}dd{margin:0;overflow-wrap:anywhere}
"""


class Document(Protocol):
    """Bytes, piece by piece: a customer's events may be more than fit into memory."""

    media_type: str

    def begin(self, head: Mapping[str, Any]) -> bytes:
        """Who, when, and the view: `customer_id`, `member_ids`, `made_at`, `view`."""

    def events(self, told: Sequence[Mapping[str, Any]]) -> bytes:
        """Some events more, each a CloudEvent with its source."""

    def end(self, readers: Sequence[Mapping[str, Any]]) -> bytes:
        """Who read what about them, the newest first; and the end."""


class Json:
    """One JSON object: `customer_id`, `member_ids`, `made_at`, `view`, `events`, `read_by`."""

    media_type = "application/json"

    def __init__(self) -> None:
        self._between = b""

    def begin(self, head: Mapping[str, Any]) -> bytes:
        """Its beginning."""
        return orjson.dumps(head)[:-1] + b',"events":['

    def events(self, told: Sequence[Mapping[str, Any]]) -> bytes:
        """Each after a comma."""
        pieces = []
        for each in told:
            pieces.append(self._between + orjson.dumps(each))
            self._between = b",\n"
        return b"".join(pieces)

    def end(self, readers: Sequence[Mapping[str, Any]]) -> bytes:
        """Its end."""
        return b'],"read_by":' + orjson.dumps(list(readers)) + b"}"


class Html:
    """A page in Persian, dates by both calendars; every text in its own direction."""

    media_type = "text/html; charset=utf-8"

    def begin(self, head: Mapping[str, Any]) -> bytes:
        """Title, ids and the view."""
        title = "آنچه از شما می‌دانیم"
        return (
            f'<!doctype html><html lang="fa" dir="rtl"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head><body>'
            f"<h1>{title}</h1><p>{_day(head['made_at'])}</p>{_fields({'شناسه‌ها': list(head['member_ids'])})}"
            f"<h2>در یک نگاه</h2>{_fields(head['view'])}<h2>رویدادها و منبع هر یک</h2>"
        ).encode()

    def events(self, told: Sequence[Mapping[str, Any]]) -> bytes:
        """An article each: when, where from, what."""
        return "".join(map(_article, told)).encode()

    def end(self, readers: Sequence[Mapping[str, Any]]) -> bytes:
        """Who read it."""
        rows = "".join(
            f"<article><h2>{_day(each['at'])} · <bdi>{escape(each['actor'])}</bdi></h2>{_fields({'operation': each['operation']})}</article>"
            for each in readers
        )
        return f"<h2>چه کسی آن را خوانده است</h2>{rows}</body></html>".encode()


def _article(event: Mapping[str, Any]) -> str:
    source = str(event["source"]).strip("/")
    told = event["data"] if event["data"] is not None else {"withheld": event.get("withheld")}
    head = f"{_day(event['time'])} · {escape(SOURCES_FA.get(source, source))} · <bdi>{escape(event['type'])}</bdi>"
    return f"<article><h2>{head}</h2>{_fields(told)}<small><bdi>{escape(event['id'])}</bdi></small></article>"


def _fields(told: Mapping[str, Any]) -> str:
    shown = (f"<dt><bdi>{escape(name)}</bdi></dt><dd dir=auto>{_value(value)}</dd>" for name, value in told.items() if value not in (None, [], {}))
    return f"<dl>{''.join(shown)}</dl>"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return _fields(value)
    if isinstance(value, list):
        return "".join(map(_value, value)) if value and isinstance(value[0], Mapping) else "، ".join(escape(str(each)) for each in value)
    return escape(str(value))


def _day(moment: str) -> str:
    at = datetime.fromisoformat(moment)
    return f"<time datetime={moment}>{_jalali(at.date())} · {at:%Y-%m-%d %H:%M} UTC</time>"


def _jalali(day: date) -> str:
    return str(JalaliDate(day).strftime("%Y/%m/%d", locale="fa"))  # type: ignore[no-untyped-call]
