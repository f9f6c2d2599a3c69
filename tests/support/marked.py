"""Which words and numbers belong to a person, and can be known again wherever they turn up, in whatever spelling?"""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import quote

# In order: a Persian name and free text, a Latin name, numbers of a phone and of an identity card, an e-mail address, a birthday.
RUN = secrets.randbelow(9000) + 1000  # who was registered in one run has a phone that is taken in the next
WORD, NAME, PHONE, NATIONAL, EMAIL, BIRTHDAY = "شاهدانه‌نشان", "Zofehmarked", f"912555{RUN}", "0499370899", f"zofeh{RUN}.marked", "1931-02-03"
MARKS = (WORD, NAME, PHONE, NATIONAL, EMAIL, BIRTHDAY)
TEXT = f"{WORD} {NAME}، تلفن 0{PHONE}، کد ملی {NATIONAL}، {EMAIL}@leak.example"
FREE = frozenset(
    {"name", "text", "subject", "reason", "resolution", "comment", "evidence", "address", "organisation_name"}
)  # where people write what they like
_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def spellings(mark: str) -> Iterable[bytes]:
    """As text, in JSON that is ASCII, in an address, in Python's own words, folded, and in Persian digits."""
    for text in {mark, mark.lower(), mark.translate(_PERSIAN), mark.replace("\u200c", " ")}:
        raw = text.encode()
        yield from {raw, json.dumps(text)[1:-1].encode(), quote(text).encode(), repr(raw)[2:-1].encode()}


NEEDLES = {needle: mark for mark in MARKS for needle in spellings(mark)}


def found_in(output: bytes) -> list[str]:
    """The marks in it, each with what stands around."""
    lower = output.lower()
    hits = [(mark, lower.find(needle.lower())) for needle, mark in NEEDLES.items()]
    return sorted({f"{mark}: {output[max(0, at - 160) : at + 80].decode(errors='replace')}" for mark, at in hits if at >= 0})


def marked(body: Any, *, spare: Collection[str] = (), everywhere: bool = False) -> Any:
    """The body with a person's words in each field that holds such, but in those to `spare`; `everywhere`: in whatever is text."""
    if isinstance(body, Mapping):
        return {name: value if name in spare else _value(name, value, body, spare, everywhere=everywhere) for name, value in body.items()}
    return [marked(each, spare=spare, everywhere=everywhere) for each in body] if isinstance(body, list | tuple) else body


def _value(name: str, value: Any, within: Mapping[str, Any], spare: Collection[str], *, everywhere: bool) -> Any:
    if not isinstance(value, str) or not value:
        return marked(value, spare=spare, everywhere=everywhere)
    if everywhere or name in FREE:
        return TEXT
    if name == "birthday":
        return BIRTHDAY
    if name == "value" and "kind" in within:
        return {"phone": f"+98{PHONE}", "email": f"{EMAIL}@leak.example", "national_id": NATIONAL}.get(str(within.get("kind")), f"{NAME}-{PHONE}")
    if name == "invitee":
        return f"{EMAIL}@leak.example"
    return f"{NAME}-{PHONE}" if name == "card_number" else value
