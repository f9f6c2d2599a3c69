"""How does one document describe the whole product? Every path with the server that answers it; names that two services use differently get the service's."""

import json
import re
from collections.abc import Mapping
from typing import Any

from crm_local.parts import PARTS

_PORTS = {part.name: part.port for part in PARTS}
_REF = re.compile(r'"#/components/(\w+)/([\w.-]+)"')
ABOUT = "Contacts, tickets, loyalty and reporting in one document; each path names the service that answers it.\n"


def merged(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One document of several, by service. ValueError where two services answer one path differently."""
    clashing = _clashing(documents)
    whole: dict[str, Any] = {"paths": {}, "components": {}}
    tags: dict[str, str] = {}
    for service, document in documents.items():
        own = _renamed(document, service, clashing)
        for path, item in own["paths"].items():
            shared = sum(path in other["paths"] for other in documents.values()) > 1
            known, item = whole["paths"].get(path, {}), _exampled(item, service) if shared else item
            try:
                whole["paths"][path] = _joined(known, item) | {"servers": [*known.get("servers", ()), _server(service)]}
            except ValueError:
                raise ValueError(f"{service} answers {path} otherwise than another service: give one of them another path.") from None
        for kind, parts in own["components"].items():
            whole["components"].setdefault(kind, {}).update(parts)
        tags |= {tag["name"]: tag["description"] for tag in own["tags"]}
    first = next(iter(documents.values()))
    manner = first["info"]["description"].partition("\n")[2].strip()
    return {
        "openapi": first["openapi"],
        "info": {"title": "Customer interactions: the whole API", "description": f"{ABOUT}\n{manner}", "version": first["info"]["version"]},
        "servers": [_server(service) for service in documents],
        "tags": [{"name": name, "description": text} for name, text in tags.items()],
        "x-tagGroups": [{"name": service, "tags": [tag["name"] for tag in document["tags"]]} for service, document in documents.items()],
        **whole,
    }


def _exampled(part: Any, service: str) -> Any:
    """With the service's name before each example's: several services show theirs in one place."""
    if isinstance(part, list):
        return [_exampled(each, service) for each in part]
    if not isinstance(part, dict):
        return part
    names = {name: f"{service}{name[0].upper()}{name[1:]}" if "value" in each else name for name, each in part.get("examples", {}).items()}
    more = {"examples": {names[name]: each for name, each in part["examples"].items()}} if names else {}
    return {key: _exampled(value, service) for key, value in part.items() if key != "examples"} | more


def _joined(known: Any, more: Any) -> Any:
    """What both describe, with the examples of both. ValueError if they describe it differently."""
    if not known or known == more:
        return more
    if isinstance(known, list) and isinstance(more, list) and len(known) == len(more):
        return [_joined(one, other) for one, other in zip(known, more, strict=True)]
    if not isinstance(known, dict) or not isinstance(more, dict) or {*known, "examples", "servers"} != {*more, "examples", "servers"}:
        raise ValueError
    examples = {"examples": known.get("examples", {}) | more.get("examples", {})} if "examples" in {*known, *more} else {}
    return {key: _joined(known[key], more[key]) for key in more if key != "examples"} | examples


def _server(service: str) -> dict[str, Any]:
    there = f"http://127.0.0.1:{_PORTS[service]}"
    return {"url": f"{{{service}}}", "description": service, "variables": {service: {"default": there, "description": f"Where {service} is reached."}}}


def _clashing(documents: Mapping[str, Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(kind, name) of components that services use for different things; one that refers to such a one is different too."""
    clashing: set[tuple[str, str]] = set()
    while True:
        seen: dict[tuple[str, str], set[str]] = {}
        for service, document in documents.items():
            for kind, parts in document["components"].items():
                for name, part in parts.items():
                    text = json.dumps(part, sort_keys=True)
                    mine = any((found[1], found[2]) in clashing for found in _REF.finditer(text))
                    seen.setdefault((kind, name), set()).add(f"{service}:{text}" if mine else text)
        more = {key for key, texts in seen.items() if len(texts) > 1}
        if more == clashing:
            return clashing
        clashing = more


def _renamed(document: Mapping[str, Any], service: str, clashing: set[tuple[str, str]]) -> dict[str, Any]:
    def name_of(kind: str, name: str) -> str:
        return f"{service.title()}{name}" if (kind, name) in clashing else name

    text = _REF.sub(lambda found: f'"#/components/{found[1]}/{name_of(found[1], found[2])}"', json.dumps(document))
    own: dict[str, Any] = json.loads(text)
    own["components"] = {kind: {name_of(kind, name): part for name, part in parts.items()} for kind, parts in own["components"].items()}
    return own
