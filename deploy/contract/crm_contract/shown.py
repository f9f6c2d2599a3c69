"""Which requests and answers does a document show? Put together again from the parts of each operation, by their name."""

from collections.abc import Iterator, Mapping
from typing import Any


def examples_in(document: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """(operation id, name) → the example as `crm-contract record` wrote it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for item in document["paths"].values():
        for operation in item.values():
            for name, parts in _parts(operation):
                known = found.setdefault((operation["operationId"], name), {"operation": operation["operationId"], "name": name})
                for key, value in parts.items():
                    known[key] = known.get(key, {}) | value if isinstance(value, dict) and key != "body" else value
    return found


def _parts(operation: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for parameter in operation.get("parameters", ()):
        for name, each in parameter.get("examples", {}).items():
            yield name, {parameter["in"]: {parameter["name"]: each["value"]}}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for name, each in {**content.get("examples", {}), **content.get("x-refused", {})}.items():
            yield name, {"body": each["value"]}
    for status, answer in operation["responses"].items():
        for content in answer.get("content", {}).values():
            for name, each in content.get("examples", {}).items():
                yield name, {"answer": {"status": int(status), "body": each["value"]}}
        for header, told in answer.get("headers", {}).items():
            for name, each in told.get("examples", {}).items():
                yield name, {"headers": {header: each["value"]}}
