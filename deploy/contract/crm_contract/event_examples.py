"""How do the examples of events come to be? As the story's stack told them on its topics: the first of each type that has no example yet."""

import asyncio
import json
from pathlib import Path
from typing import Any

from crm_events.registry import REGISTRY
from crm_events.subscriber import Events
from crm_events.told import Told

from crm_contract.places import ROOT

FILE = ROOT / "libs" / "events" / "crm_events" / "examples.json"
LEFT_OUT = {"specversion", "source", "type", "dataschema", "correlationid"}  # said by the type, or of no use to a reader of the page
QUIET = 5.0  # seconds without an event after which the story is taken to be told


def add(bootstrap: str, file: Path = FILE) -> list[str]:
    """Add what is missing, drop types that are no more; the types that still have none: write theirs by hand, a test compares them with the schema."""
    known: dict[str, Any] = json.loads(file.read_text())
    kept = {type_: shown for type_, shown in known.items() if type_ in REGISTRY}
    found = asyncio.run(_first_of_each(bootstrap, REGISTRY.keys() - kept.keys()))
    file.write_text(json.dumps(dict(sorted((kept | found).items())), ensure_ascii=False, indent=1) + "\n")
    return sorted(REGISTRY.keys() - kept.keys() - found.keys())


async def _first_of_each(bootstrap: str, wanted: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with Events(bootstrap, types=wanted) as events:
        while wanted - found.keys():
            try:
                told = await asyncio.wait_for(anext(events), QUIET)
            except TimeoutError:
                break
            found.setdefault(told.type, _shown(told))
    return found


def _shown(told: Told) -> dict[str, Any]:
    names = {name.removeprefix("ce_"): value for name, value in told.record.headers.items() if name.startswith("ce_")}
    return {"attributes": {name: value.decode() for name, value in names.items() if name not in LEFT_OUT}, "data": told.data}
