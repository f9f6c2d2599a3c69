"""How do real requests and their answers get into a document? Each under one name in all parts of its operation, to be put together again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def exemplify(document: dict[str, Any], examples: Sequence[Mapping[str, Any]]) -> None:
    """Put each example where its operation is described. KeyError names what the document does not have: an operation, a parameter, a status."""
    operations = {operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()}
    for shown in examples:
        operation, name = operations[shown["operation"]], shown["name"]
        parameters = {(each["in"], each["name"]): each for each in operation.get("parameters", ())}
        for place, key, value in sent(shown):
            parameters[place, key].setdefault("examples", {})[name] = {"value": value}
        if shown.get("body") is not None:
            (content,) = operation["requestBody"]["content"].values()
            fits = shown["answer"]["status"] not in (400, 422)  # what does not fit the schema is no example of it, but of the answer
            content.setdefault("examples" if fits else "x-refused", {})[name] = {"summary": shown["summary"], "value": shown["body"]}
        answer = _own(document, operation, str(shown["answer"]["status"]))
        for key, value in shown["answer"]["headers"].items():
            answer["headers"][key].setdefault("examples", {})[name] = {"value": value}
        if shown["answer"].get("body") is not None:
            (content,) = answer["content"].values()
            content.setdefault("examples", {})[name] = {"summary": shown["summary"], "value": shown["answer"]["body"]}


def sent(shown: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(place, name, value) of each parameter of an example."""
    for place in ("path", "query", "header"):
        for key, value in shown.get(place, {}).items():
            yield place, key, value


def _own(document: dict[str, Any], operation: dict[str, Any], status: str) -> dict[str, Any]:
    """The operation's answer of this status, with all its parts no longer shared with others: an example is shown where it was answered."""
    answer = _followed(document, operation["responses"][status])
    answer["headers"] = {name: _followed(document, header) for name, header in answer.get("headers", {}).items()}
    answer["content"] = {media: dict(content) for media, content in answer.get("content", {}).items()}
    operation["responses"][status] = answer
    return answer


def _followed(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return dict(part)
    kind, name = part["$ref"].split("/")[-2:]
    return dict(document["components"][kind][name])
