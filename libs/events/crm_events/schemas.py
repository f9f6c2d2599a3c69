"""What does an event look like on the wire, for those who do not read Python? One JSON Schema a type and version.

The content model is open: readers ignore what they do not know. A field marked `x-sealed` holds sealed text (`s1.…`).
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from crm_events.event import Event, personal_fields
from crm_events.registry import REGISTRY, Kind, UnknownType

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Where the published files are: beside the sources, or inside the installed package. Older versions are read there; the newest is the model's own.
_PACKAGE = Path(str(files("crm_events")))
PUBLISHED = next((place for place in (_PACKAGE / "published_schemas", _PACKAGE.parent / "schemas") if place.is_dir()), _PACKAGE.parent / "schemas")


class _Wire(GenerateJsonSchema):
    """What is not told is absent, never `null`; no titles that repeat a field's name."""

    def model_field_schema(self, schema: core_schema.ModelField) -> JsonSchemaValue:
        if "serialization_exclude_if" in schema:
            told: Any = schema["schema"]
            while told["type"] in ("default", "nullable"):
                told = told["schema"]
            return self.generate_inner(told)
        return super().model_field_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        drawn = super().default_schema(schema)
        if "default" in drawn and drawn["default"] is None:
            del drawn["default"]  # `null` means cleared; a reader must not fill it in
        return drawn

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def of_model(model: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a model; `$id` is the path that `ce_dataschema` ends with."""
    drawn = model.model_json_schema(schema_generator=_Wire)  # as read: written and read payloads are alike, and `format` is told
    for name in personal_fields(model):
        drawn["properties"][name]["x-sealed"] = True
    head = {"$schema": DIALECT, "$id": f"/schemas/{model.type}/{model.schema_version}", "title": model.type}
    return head | {key: drawn[key] for key in ("description", "type", "properties", "required", "$defs") if key in drawn}


def schema(type_: str, version: int, registry: Mapping[str, Kind] = REGISTRY, place: Path = PUBLISHED) -> dict[str, Any]:
    """The schema of a type at a version, as served at /schemas/{type}/{version}. Raises UnknownType."""
    kind = registry.get(type_)
    if kind is None or not 1 <= version <= kind.schema_version:
        raise UnknownType(f"{type_}/{version}")
    return of_model(kind.model) if version == kind.schema_version else published(type_, version, place)


def published(type_: str, version: int, place: Path = PUBLISHED) -> dict[str, Any]:
    """The schema that was committed. Raises FileNotFoundError."""
    document: dict[str, Any] = orjson.loads((place / type_ / f"{version}.json").read_bytes())
    return document


def text(document: dict[str, Any]) -> bytes:
    """A schema as it is committed: indented, keys in the order in which the model tells them."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
