"""Can readers of one schema read what writers of another write? For development only: it needs `jsonsubschema`.

A writer is taken as closed (it writes only what it declares), a reader as open (it ignores the rest): only so is an added optional field compatible.
"""

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # compiling it warns of escapes in its own docstrings
    from jsonsubschema import isSubschema

_SILENT = ("$schema", "$id", "$defs", "title", "description", "default", "x-sealed", "format")


def broken(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What changing `old` into `new` would break, as sentences; none = either side may be deployed first."""
    if _shape(old, closed=True) == _shape(new, closed=True) and _sealed(old) == _sealed(new):
        return []  # the answer in most cases, without the search
    found = []
    if not readable(written=old, read=new):
        found.append("A new reader cannot read what was already written.")
    if not readable(written=new, read=old):
        found.append("An old reader cannot read what will be written.")
    if _sealed(old) & set(new["properties"]) != _sealed(new) & set(old["properties"]):
        found.append("A field became, or no longer is, sealed.")
    return found


def readable(*, written: dict[str, Any], read: dict[str, Any]) -> bool:
    """Is every document of a closed writer a document of an open reader?"""
    return bool(isSubschema(_shape(written, closed=True), _shape(read, closed=False)))


def _sealed(document: dict[str, Any]) -> set[str]:
    return {name for name, field in document["properties"].items() if field.get("x-sealed")}


def _shape(document: dict[str, Any], *, closed: bool) -> dict[str, Any]:
    """The same constraints in the words of draft 4, which the search knows."""

    def walk(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return walk(document["$defs"][node["$ref"].rpartition("/")[2]])
        drawn = {key: value for key, value in node.items() if key not in _SILENT and value != []}  # draft 4 knows no empty `required`
        if "format" in node:
            drawn["pattern"] = f"^{node['format']}:.*$"  # told apart by name: a time is no date, an id no text
        if "const" in drawn:
            drawn["enum"] = [drawn.pop("const")]
        if "prefixItems" in drawn:
            drawn |= {"items": drawn.pop("prefixItems"), "additionalItems": False}
        names = drawn.pop("propertyNames", {})
        if "enum" in names:
            drawn |= {"properties": dict.fromkeys(names["enum"], drawn.pop("additionalProperties")), "additionalProperties": False}
        elif isinstance(drawn.get("additionalProperties"), dict):  # names of any kind: what they stand for is compared
            drawn["additionalProperties"] = walk(drawn["additionalProperties"])
        elif closed and "properties" in drawn:
            drawn["additionalProperties"] = False
        if "properties" in drawn:
            drawn["properties"] = {name: walk(field) for name, field in drawn["properties"].items()}
        for key in ("anyOf", "items"):
            if key in drawn:
                drawn[key] = [walk(part) for part in drawn[key]] if isinstance(drawn[key], list) else walk(drawn[key])
        return drawn

    shape: dict[str, Any] = walk(document)
    return shape
