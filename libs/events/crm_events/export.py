"""How do the committed schemas follow the models? `python -m crm_events.export` writes libs/events/schemas, and refuses a change that would break somebody."""

import sys
from pathlib import Path

from crm_events.compatibility import broken
from crm_events.registry import REGISTRY
from crm_events.schemas import PUBLISHED, of_model, published, text


def export(place: Path = PUBLISHED) -> list[str]:
    """Write what is new or changed compatibly; return why the rest was not written."""
    refused = []
    for kind in REGISTRY.values():
        document, file = of_model(kind.model), place / kind.type / f"{kind.schema_version}.json"
        found = broken(published(kind.type, kind.schema_version, place), document) if file.exists() else []
        refused += [f"{kind.type}/{kind.schema_version}: {sentence}" for sentence in found]
        if not found:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text(document))
    return refused


if __name__ == "__main__":
    if refused := export():
        sys.exit("\n".join([*refused, "Raise schema_version and add an upcaster, or choose a new type; see docs/events.md."]))
