"""What in a new document would break a client written for the old one? Each sentence names the operation and the place."""

from collections.abc import Iterator, Mapping
from typing import Any

from crm_contract.fitting import ANSWERED, SENT, Reader, misfits

Document = Mapping[str, Any]
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def breaking(old: Document, new: Document) -> list[str]:
    """Sentences, none if every client of `old` is served by `new`. More to send if one likes, more in answers, and new words in answers break nobody."""
    before, after = _operations(old), _operations(new)
    said: list[str] = []
    for name, (where, operation) in before.items():
        if name not in after:
            said.append(f"{name} is gone ({where}).")
        elif after[name][0] != where:
            said.append(f"{name} has moved from {where} to {after[name][0]}.")
        else:
            said += [f"{name} {text}" for text in _changed(operation, after[name][1], Reader(old), Reader(new))]
    return list(dict.fromkeys(said))


def _operations(document: Document) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Operation id → (method and path, operation)."""
    found = ((path, method, item[method]) for path, item in document["paths"].items() for method in _METHODS if method in item)
    return {operation["operationId"]: (f"{method.upper()} {path}", operation) for path, method, operation in found}


def _changed(old: Mapping[str, Any], new: Mapping[str, Any], before: Reader, after: Reader) -> Iterator[str]:
    yield from _scopes(old, new)
    yield from _parameters(old, new, before, after)
    yield from _body(old, new, before, after)
    for status, answer in old["responses"].items():
        if status not in new["responses"]:
            if status.startswith("2"):
                yield f"no longer answers {status}."
            continue
        yield from _answer(status, before.resolve(answer), after.resolve(new["responses"][status]), before, after)


def _scopes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    then, now = ({scope for each in operation.get("security", ()) for scope in each["bearer"]} for operation in (old, new))
    if "security" in new and "security" not in old:
        yield "now needs a token."
    elif now and not then:
        yield f"now needs a scope: {' or '.join(sorted(now))}."
    elif now:
        yield from (f"no longer admits the scope {scope}." for scope in sorted(then - now))


def _parameters(old: Mapping[str, Any], new: Mapping[str, Any], before: Reader, after: Reader) -> Iterator[str]:
    then, now = ({(each["in"], each["name"]): each for each in operation.get("parameters", ())} for operation in (old, new))
    for (place, name), told in then.items():
        asked = now.get((place, name))
        if asked is None:
            yield f"no longer takes the {place} parameter {name}."
            continue
        if asked.get("required") and not told.get("required"):
            yield f"now requires the {place} parameter {name}."
        yield from (f"{text} in the {place} parameter {name}." for text in misfits(told["schema"], asked["schema"], before, after, SENT))
    for (place, name), asked in now.items():
        if asked.get("required") and (place, name) not in then:
            yield f"now requires the {place} parameter {name}."


def _body(old: Mapping[str, Any], new: Mapping[str, Any], before: Reader, after: Reader) -> Iterator[str]:
    then, now = old.get("requestBody"), new.get("requestBody")
    if then is None:
        if now and now.get("required"):
            yield "now requires a body."
        return
    if now is None:
        yield "no longer takes a body."
        return
    if now.get("required") and not then.get("required"):
        yield "now requires a body."
    for media, content in then["content"].items():
        if media not in now["content"]:
            yield f"no longer takes {media}."
            continue
        yield from (f"{text} in the body." for text in misfits(content.get("schema", {}), now["content"][media].get("schema", {}), before, after, SENT))


def _answer(status: str, old: Mapping[str, Any], new: Mapping[str, Any], before: Reader, after: Reader) -> Iterator[str]:
    for name in old.get("headers", {}):
        if name not in new.get("headers", {}):
            yield f"no longer answers {status} with the header {name}."
    for media, content in old.get("content", {}).items():
        if media not in new.get("content", {}):
            yield f"no longer answers {status} in {media}."
            continue
        now = new["content"][media].get("schema", {})
        yield from (f"{text} in the answer {status}." for text in misfits(now, content.get("schema", {}), after, before, ANSWERED))
