"""Is what is written what is published, and would a change break a reader or a writer already running?"""

import copy
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crm_events.compatibility import broken, readable
from crm_events.event import Code, Event
from crm_events.export import export
from crm_events.registry import REGISTRY, Kind, UnknownType, read
from crm_events.schemas import PUBLISHED, of_model, published, schema, text
from jsonschema import Draft202012Validator, FormatChecker

Document = dict[str, Any]
SAMPLES = {
    "uuid": "0197f0c2-5a8e-7c41-9b1a-2f6f3f8f0d11",
    "date-time": "2026-03-01T12:00:00.000Z",
    "date": "2026-03-01",
    r"^-?\d{1,18}(\.\d{1,12})?$": "1.5",
    "^[A-Z]{3}$": "EUR",
    "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$": "09:00",
}


def sample(node: Document, root: Document, *, full: bool) -> Any:
    """A document that fits the schema: with every field it may have, or only those it must."""
    if "$ref" in node:
        return sample(root["$defs"][node["$ref"].rpartition("/")[2]], root, full=full)
    if "anyOf" in node:
        return sample(node["anyOf"][0], root, full=full) if full else None
    if "enum" in node:
        return node["enum"][-1]
    match node["type"]:
        case "object" if "properties" in node:
            return {name: sample(part, root, full=full) for name, part in node["properties"].items() if full or name in node.get("required", ())}
        case "object":
            return {name: sample(node["additionalProperties"], root, full=full) for name in node["propertyNames"].get("enum", ["نام"])} if full else {}
        case "array" if "prefixItems" in node:
            return [sample(part, root, full=full) for part in node["prefixItems"]]
        case "array":
            return [sample(node["items"], root, full=full)] * max(int(full), node.get("minItems", 0))
        case "string":
            return SAMPLES.get(str(node.get("format", node.get("pattern"))), "سلام")
        case "integer":
            return node.get("minimum", 1)
        case kind:
            return {"boolean": True}[kind]


@pytest.mark.parametrize("type_", sorted(REGISTRY))
@pytest.mark.parametrize("full", [True, False], ids=["every field", "what must be"])
def test_what_fits_the_schema_is_read_and_written_to_the_byte(type_: str, full: bool) -> None:
    document = schema(type_, REGISTRY[type_].schema_version)
    told = sample(document, document, full=full)
    payload = read(type_, document_version(document), json.dumps(told).encode()).payload()
    assert json.loads(payload) == told
    Draft202012Validator(document, format_checker=FormatChecker()).validate(json.loads(payload))


def document_version(document: Document) -> int:
    return int(document["$id"].rpartition("/")[2])


@pytest.mark.parametrize("type_", sorted(REGISTRY))
def test_the_committed_schema_is_the_models_own(type_: str) -> None:
    kind = REGISTRY[type_]
    file = PUBLISHED / type_ / f"{kind.schema_version}.json"
    assert file.read_bytes() == text(of_model(kind.model)), "Run `python -m crm_events.export` and commit what it writes."


@pytest.mark.parametrize("type_", sorted(REGISTRY))
def test_no_published_schema_has_changed_incompatibly(type_: str) -> None:
    kind = REGISTRY[type_]
    assert broken(published(type_, kind.schema_version), of_model(kind.model)) == []


def test_every_version_from_the_first_is_published_and_nothing_else() -> None:
    files = {(file.parent.name, int(file.stem)) for file in PUBLISHED.glob("*/*.json")}
    assert files == {(kind.type, version) for kind in REGISTRY.values() for version in range(1, kind.schema_version + 1)}


def test_a_schema_is_valid_named_by_its_path_and_open() -> None:
    for type_ in REGISTRY:
        document = schema(type_, 1)
        Draft202012Validator.check_schema(document)
        assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert document["$id"] == f"/schemas/{type_}/1"
        assert "additionalProperties" not in document
        assert {name for name, field in document["properties"].items() if field.get("x-sealed")} == REGISTRY[type_].personal


def test_an_optional_field_is_absent_and_never_null_but_what_can_be_cleared_is() -> None:
    registered, changed = schema("contact.registered", 1), schema("contact.details_changed", 1)
    assert registered["properties"]["name"] == {"type": "string", "x-sealed": True}
    assert "name" not in registered["required"]
    assert changed["properties"]["language"]["anyOf"][1] == {"type": "null"}
    assert "default" not in changed["properties"]["language"]


@pytest.mark.parametrize(("type_", "version"), [("parcel.sent", 1), ("ticket.closed", 2), ("ticket.closed", 0)])
def test_a_schema_that_nobody_published_is_unknown(type_: str, version: int) -> None:
    with pytest.raises(UnknownType):
        schema(type_, version)


# --- what would break somebody ---------------------------------------------------------------------------------------------------------------

OLD_READER, NEW_READER = "An old reader cannot read what will be written.", "A new reader cannot read what was already written."


def changed(type_: str, change: Callable[[Document], Any]) -> list[str]:
    new = copy.deepcopy(schema(type_, 1))
    change(new)
    return broken(schema(type_, 1), new)


def field(name: str, drawn: Document, *, required: bool = False) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        document["properties"][name] = drawn
        if required:
            document["required"].append(name)

    return change


def nested(name: str, change: Callable[[Document], Any]) -> Callable[[Document], Any]:
    return lambda document: change(document["$defs"][name])


COMPATIBLE = {
    "an optional field is added": ("ticket.closed", field("note_id", {"type": "string", "format": "uuid"})),
    "an optional field is added to a nested value": ("transaction.recorded", nested("Line", field("size", {"type": "string"}))),
    "the description is said better": ("ticket.closed", lambda d: d.update(description="It is over.")),
    "the order of fields changes": ("ticket.closed", lambda d: d["required"].reverse()),
}
INCOMPATIBLE = {
    "a required field is added": ("ticket.closed", field("note", {"type": "string"}, required=True), [NEW_READER]),
    "a required field is added to a nested value": ("transaction.recorded", nested("Line", field("size", {"type": "string"}, required=True)), [NEW_READER]),
    "an enumeration is narrowed": ("ticket.closed", lambda d: d["properties"]["cause"]["enum"].remove("silence"), [NEW_READER]),
    "an enumeration is widened": ("ticket.closed", lambda d: d["properties"]["cause"]["enum"].append("boredom"), [OLD_READER]),
    "a required field is removed": ("ticket.closed", lambda d: (d["properties"].pop("cause"), d["required"].remove("cause")), [OLD_READER]),
    "a required field becomes optional": ("ticket.closed", lambda d: d["required"].remove("cause"), [OLD_READER]),
    "an optional field becomes required": ("ticket.categorised", lambda d: d["required"].append("previous"), [NEW_READER]),
    "a number becomes text": ("points.activated", lambda d: d["properties"].update(programme_version={"type": "string"}), [NEW_READER, OLD_READER]),
    "a time becomes a date": ("ticket.reopened", lambda d: d["properties"]["resolved_at"].update(format="date"), [NEW_READER, OLD_READER]),
    "an id becomes any text": ("contact.absorbed", lambda d: d["properties"]["absorbed_id"].pop("format"), [OLD_READER]),
    "a score's scale grows": ("ticket.csat_given", lambda d: d["properties"]["score"].update(maximum=10), [OLD_READER]),
    "what was never null can be": (
        "ticket.categorised",
        lambda d: d["properties"].update(previous={"anyOf": [d["properties"]["previous"], {"type": "null"}]}),
        [OLD_READER],
    ),
    "a metric is dropped": ("sla_policy.defined", lambda d: d["properties"]["targets"]["propertyNames"]["enum"].remove("update"), [NEW_READER]),
    "a pair grows a third": ("calendar.defined", lambda d: pairs(d).append({"type": "string"}), [NEW_READER, OLD_READER]),
    "an hour can be any text": ("calendar.defined", lambda d: hours(d)["prefixItems"][0].pop("pattern"), [OLD_READER]),
    "a field is no longer sealed": ("note.added", lambda d: d["properties"]["text"].pop("x-sealed"), ["A field became, or no longer is, sealed."]),
}


def hours(document: Document) -> Document:
    found: Document = document["properties"]["week"]["additionalProperties"]["items"]
    return found


def pairs(document: Document) -> list[Document]:
    span = hours(document)
    span["minItems"] = span["maxItems"] = 3
    found: list[Document] = span["prefixItems"]
    return found


@pytest.mark.parametrize("case", COMPATIBLE)
def test_it_breaks_nobody_when(case: str) -> None:
    assert changed(*COMPATIBLE[case]) == []


@pytest.mark.parametrize("case", INCOMPATIBLE)
def test_it_breaks_somebody_when(case: str) -> None:
    type_, change, expected = INCOMPATIBLE[case]
    assert changed(type_, change) == expected


@pytest.mark.parametrize("type_", sorted(REGISTRY))
def test_every_schema_can_be_judged_and_is_readable_by_its_own_reader(type_: str) -> None:
    assert readable(written=schema(type_, 1), read=schema(type_, 1))


# --- the exporter, and an installed package --------------------------------------------------------------------------------------------------


def test_the_exporter_writes_what_is_missing_and_leaves_what_would_break(tmp_path: Path) -> None:
    assert export(tmp_path) == []
    wider = published("ticket.closed", 1, tmp_path)
    wider["properties"]["cause"]["enum"].append("boredom")
    file = tmp_path / "ticket.closed" / "1.json"
    file.write_bytes(text(wider))
    assert export(tmp_path) == [f"ticket.closed/1: {NEW_READER}"]
    assert json.loads(file.read_bytes()) == wider
    file.unlink()
    assert export(tmp_path) == []
    assert json.loads(file.read_bytes()) == schema("ticket.closed", 1)


class TicketClosedAgain(Event):
    """A made-up second version."""

    type = "ticket.closed"
    schema_version = 2
    why: Code


def test_an_older_version_is_answered_as_it_was_published(tmp_path: Path) -> None:
    export(tmp_path)
    catalogue = {"ticket.closed": Kind(TicketClosedAgain, "tickets", {1: lambda told: {"why": told["cause"]}})}
    assert list(schema("ticket.closed", 1, catalogue, tmp_path)["properties"]) == ["cause"]
    assert list(schema("ticket.closed", 2, catalogue, tmp_path)["properties"]) == ["why"]
    with pytest.raises(UnknownType):
        schema("ticket.closed", 3, catalogue, tmp_path)


def test_an_installed_package_has_the_published_schemas(tmp_path: Path) -> None:
    library = PUBLISHED.parent
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=library, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    place = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(place)
    ask = "from crm_events.schemas import PUBLISHED, published; print(PUBLISHED, published('ticket.closed', 1)['$id'])"
    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(place)!r}); {ask}"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.split()
    assert answer == [str(place / "crm_events" / "published_schemas"), "/schemas/ticket.closed/1"]
