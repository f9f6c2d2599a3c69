"""What does schemathesis not know by itself? How lines of JSON are written, and the ids of what is there, so that half of all questions are about something.

Read by the program `schemathesis` (SCHEMATHESIS_HOOKS); FUZZ_KNOWN is JSON: parameter or field name → an id.
"""

import json
import os
import zlib
from typing import Any

import schemathesis

KNOWN: dict[str, str] = json.loads(os.environ.get("FUZZ_KNOWN", "{}"))


@schemathesis.serializer("application/x-ndjson")
def lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """A command a line; what is no list is one line, three times."""
    if isinstance(value, bytes):
        return value
    return b"\n".join(json.dumps(line, ensure_ascii=False).encode(errors="surrogatepass") for line in (value if isinstance(value, list) else [value] * 3))


@schemathesis.hook
def map_path_parameters(_: schemathesis.HookContext, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Half of them name what is there."""
    return _acquainted(path_parameters) if path_parameters else path_parameters


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case, __: dict[str, Any]) -> None:
    """Nobody waits for a write that never was: ten seconds a question would be hours."""
    if case.headers and "Consistency-Token" in case.headers and "wait=" in str(case.headers.get("Prefer", "wait=")):
        case.headers["Prefer"] = "wait=0"


@schemathesis.hook
def map_body(_: schemathesis.HookContext, body: Any) -> Any:
    """Half of those that name a customer or a thing name one that is there."""
    return _acquainted(body) if isinstance(body, dict) else body


def _acquainted(told: dict[str, Any]) -> dict[str, Any]:
    known = {name: KNOWN[name] for name in told if name in KNOWN}
    if not known or zlib.crc32(repr(told).encode(errors="surrogatepass")) % 2:  # of the value itself: the same seed sends the same
        return told
    return told | known
