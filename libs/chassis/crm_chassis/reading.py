"""How do bytes become a request? JSON read strictly: UTF-8, no NaN, no lone surrogates, no NUL, text in NFC, bounded depth."""

import unicodedata
from typing import Any

import orjson
from crm_events.refusals import Invalid

from crm_chassis.problems import Problem

DEEPEST = 64  # orjson writes at most 254 levels; no command needs ten


def read_json(raw: bytes) -> Any:
    """The JSON value in `raw`. Problem `malformed` if it is none; Invalid with a pointer where a text holds NUL."""
    try:
        tree = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Problem("malformed", f"The body is not JSON (line {error.lineno}, column {error.colno}).") from None
    return tree if is_clean(raw) else clean(tree)


def clean(tree: Any) -> Any:
    """The same tree with every text in NFC. Works on a stack of its own: depth is the client's choice, the interpreter's stack is not."""
    root = [tree]
    todo: list[tuple[Any, str, int]] = [(root, "", 0)]
    while todo:
        node, pointer, depth = todo.pop()
        if depth > DEEPEST + 1:
            raise Problem("malformed", f"The body is nested deeper than {DEEPEST} levels.")
        for key, value in list(node.items()) if isinstance(node, dict) else list(enumerate(node)):
            here = "" if node is root else f"{pointer}/{str(key)[:100].replace('~', '~0').replace('/', '~1')}"
            if isinstance(key, str) and "\x00" in key:
                raise Invalid(pointer, "nul", "A name holds the character NUL; remove it.")
            if isinstance(value, str):
                if "\x00" in value:
                    raise Invalid(here, "nul", "The text holds the character NUL; remove it.")
                if not unicodedata.is_normalized("NFC", value):
                    node[key] = unicodedata.normalize("NFC", value)
            elif isinstance(value, dict | list):
                todo.append((value, here, depth + 1))
    return root[0]


def is_clean(raw: bytes) -> bool:
    """Whether the text of the JSON shows at once that there is nothing to clean: in NFC as a whole, no escapes that could hide NUL, hardly nested."""
    if b"\\u" in raw or raw.count(b"[") + raw.count(b"{") > DEEPEST:
        return False
    return raw.isascii() or unicodedata.is_normalized("NFC", raw.decode())
