"""How does each event look on its topic? One of each type, told by a running stack, sealed fields as they are there."""

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import orjson

from crm_events.registry import REGISTRY


class Example(NamedTuple):
    """`headers` as on the topic; `data`: the payload; the record's key is `ce_partitionkey`."""

    headers: dict[str, str]
    data: dict[str, Any]


def example(type_: str, schema_base_url: str) -> Example:
    """The example of a type of the registry. KeyError where nobody wrote one."""
    told, kind = _told()[type_], REGISTRY[type_]
    fixed = {"specversion": "1.0", "source": f"/{kind.owner}", "type": type_, "dataschema": f"{schema_base_url}/schemas/{type_}/{kind.schema_version}"}
    headers = {f"ce_{name}": value for name, value in (fixed | told["attributes"]).items()}
    return Example({**headers, "content-type": "application/json"}, told["data"])


@cache
def _told() -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(files("crm_events").joinpath("examples.json").read_bytes())
    return told
