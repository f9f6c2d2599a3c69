"""What does the catalogue of events say? A page a service: of every event its meaning, owner, version, fields, example, readers and sample code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crm_events.asyncapi import first_line
from crm_events.examples import example
from crm_events.registry import REGISTRY, Kind
from crm_events.schemas import of_model
from crm_events.topics import FEED, SOURCES

from crm_contract.consumed import consumers
from crm_contract.places import ROOT

PLACE = ROOT / "docs" / "events"
_INDEX = """# Catalogue of events

Which events are there, what do they mean, and who reads them? These pages are made from the code (`make contract`), and a test compares them with it.
[Events](../events.md) tells how they are built, [reading events](../consuming.md) how to read them, [the change log](changes.md) what changed in them.
[asyncapi.json](asyncapi.json) says the same to programs; each service serves its part at `/asyncapi.json`.
"""
_OR_NOBODY = "; about none: keyed by its stream"
_PAGE = """# Events of {owner}

What does {owner} tell? Topic `{topic}`; each event's JSON Schema is served at its `dataschema`, and kept beside the sources. Personal fields are sealed on
the topic; [`GET /v1/events`](../consuming.md#plain-text-and-no-kafka) opens them for those who may see.

The samples go into the loop of [the ten lines](../consuming.md#in-ten-lines); `told` is the event, `told.event` typed.
"""


def pages() -> Mapping[Path, str]:
    """Each page with its text."""
    return {PLACE / "index.md": _index(), **{PLACE / f"{owner}.md": _page(owner) for owner in SOURCES}}


def _kinds(owner: str) -> list[Kind]:
    return [kind for kind in REGISTRY.values() if kind.owner == owner]


def _index() -> str:
    parts = [_INDEX]
    for owner, topic in SOURCES.items():
        rows = [
            f"| [{kind.type}]({owner}.md#{anchor(kind.type)}) | {kind.schema_version} | {cell(first_line(of_model(kind.model)['description']))} | "
            f"{', '.join(f'`{name}`' for name in sorted(kind.personal))} |"
            for kind in _kinds(owner)
        ]
        parts.append("\n".join([f"## {owner}, on `{topic}`\n", "| Event | Version | Meaning | Personal |", "|---|---|---|---|", *rows]) + "\n")
    parts.append(f"Beside the logs there is `{FEED}`: each customer's newest view, `customer.changed`; no value: merged away or erased.\n")
    return "\n".join(parts)


def _page(owner: str) -> str:
    return "\n".join([_PAGE.format(owner=owner, topic=SOURCES[owner]), *(_event(kind) for kind in _kinds(owner))])


def _event(kind: Kind) -> str:
    schema, name = of_model(kind.model), kind.model.__name__
    file = f"../../libs/events/schemas/{kind.type}/{kind.schema_version}.json"
    about = (
        "about no customer: keyed by its stream" if kind.keyed_by_stream else "about a customer, who is the key" + _OR_NOBODY * kind.model.may_be_about_nobody
    )
    rows = [
        ("Owner", f"{kind.owner}, `{kind.topic}`; {about}"),
        ("Version", f"{kind.schema_version}, [schema]({file})"),
        ("Personal", ", ".join(f"`{each}`" for each in sorted(kind.personal)) or "nothing"),
        ("Read by", "; ".join(consumers(kind.type))),
    ]
    fields = [
        f"| `{field}` | {cell(_kind_of(part, schema.get('$defs', {})))} | {'always' if field in schema.get('required', ()) else ''} |"
        for field, part in schema["properties"].items()
    ]
    shown = json.dumps(example(kind.type, "").data, ensure_ascii=False, indent=2)
    return "\n".join(
        [
            f"## {kind.type}\n",
            schema["description"] + "\n",
            "| | |",
            "|---|---|",
            *(f"| {one} | {text} |" for one, text in rows),
            "",
            *(["| Field | | |", "|---|---|---|", *fields, ""] if fields else []),
            f"```json\n{shown}\n```\n",
            f"```python\n{sample(kind, name)}\n```\n",
        ]
    )


def sample(kind: Kind, name: str) -> str:
    """Two lines that use it, for the body of a subscriber's loop."""
    fields = [field for field in kind.model.model_fields if field not in kind.personal]
    shown = f", told.event.{fields[0]}" if fields else ""
    whom = "told.record.key" if kind.keyed_by_stream or kind.model.may_be_about_nobody else "told.customer_id"
    return f"if isinstance(told.event, {name}):  # from {kind.model.__module__} import {name}\n    print({whom}{shown})"


def _kind_of(part: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    if part.get("x-sealed"):
        return "sealed text"
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return f"{name}: {', '.join(parts[name].get('properties', {}))}"
    if "enum" in part:
        return "one of " + ", ".join(map(str, part["enum"]))
    if "const" in part:
        return str(part["const"])
    if "anyOf" in part:
        return " or ".join(_kind_of(each, parts) for each in part["anyOf"])
    if part.get("type") == "array" and isinstance(part.get("items"), Mapping):
        return f"list of {_kind_of(part['items'], parts)}"
    return str(part.get("format") or part.get("type", "anything"))


def cell(text: str) -> str:
    """In one cell of a table."""
    return text.replace("\n", " ").replace("|", "\\|")


def anchor(heading: str) -> str:
    """How a heading of this name is linked to."""
    return heading.replace(".", "")
