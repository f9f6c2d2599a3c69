"""Where exactly does a request not fit? Validation errors in the client's terms: JSON pointers (RFC 6901) and parameter names, never the input itself."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

_MOST = 50  # a list of a thousand wrong lines needs no thousand answers
_QUIET = {  # messages in which pydantic quotes a piece of the input
    "uuid_parsing": "Input should be a UUID.",
    "datetime_parsing": "Input should be an RFC 3339 time with an offset, as 2026-03-01T09:30:00Z.",
    "datetime_from_date_parsing": "Input should be an RFC 3339 time with an offset, as 2026-03-01T09:30:00Z.",
    "timezone_aware": "The time needs an offset, as 2026-03-01T09:30:00Z.",
    "date_from_datetime_parsing": "Input should be a date, as 2026-03-01.",
    "date_parsing": "Input should be a date, as 2026-03-01.",
    "model_attributes_type": "Input should be a JSON object.",
    "model_type": "Input should be a JSON object.",
    "extra_forbidden": "There is no such field; leave it out.",
    "string_unicode": "Input should be valid Unicode text.",
    "json_invalid": "Input should be JSON.",
}


def of_request(errors: Iterable[Any], body: Any) -> list[dict[str, str]]:
    """`{"pointer"|"parameter", "code", "detail"}` for each error; the body is only looked at to tell real path elements from the validator's own."""
    return [_one(error, body) for error, _ in zip(errors, range(_MOST), strict=False)]


def of_values(error: ValidationError, body: Any) -> list[dict[str, str]]:
    """The same for a model validated by hand from `body`."""
    return of_request([{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)], body)


def _one(error: Any, body: Any) -> dict[str, str]:
    kind, place = str(error["type"]), error["loc"]
    detail = _QUIET.get(kind) or str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind == "union_tag_invalid":  # it quotes the tag that was sent
        detail = f"{error['ctx']['discriminator']} should be one of {error['ctx']['expected_tags']}."
    if place and place[0] == "body":
        return {"pointer": _pointer(place[1:], body, missing=kind == "missing"), "code": kind, "detail": detail}
    return {"parameter": str(place[1]) if len(place) > 1 else "", "code": kind, "detail": detail}


def _pointer(place: Sequence[Any], body: Any, *, missing: bool) -> str:
    """Unions and validators put their own names into the place; only what can be walked in the body belongs to a pointer."""
    parts, here = [], body
    for number, part in enumerate(place):
        if (isinstance(here, dict) and part in here) or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            here = here[part]
        elif not (missing and number == len(place) - 1):
            continue
        parts.append(str(part)[:100].replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in parts)
