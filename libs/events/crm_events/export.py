"""How do the committed schemas follow the models? `python -m crm_events.export` writes libs/events/schemas, and refuses a change that would break somebody.

What is written is noted in the change log beside them.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from crm_events.changes import Change, differences, digest, note
from crm_events.compatibility import broken
from crm_events.registry import REGISTRY
from crm_events.schemas import PUBLISHED, of_model, published, text


def export(place: Path = PUBLISHED) -> list[str]:
    """Write what is new or changed compatibly; return why the rest was not written."""
    refused, noted, today = list[str](), list[Change](), datetime.now(UTC).date().isoformat()
    for kind in REGISTRY.values():
        document, file = of_model(kind.model), place / kind.type / f"{kind.schema_version}.json"
        found = broken(published(kind.type, kind.schema_version, place), document) if file.exists() else []
        refused += [f"{kind.type}/{kind.schema_version}: {sentence}" for sentence in found]
        if found or (file.exists() and file.read_bytes() == text(document)):
            continue
        what = "; ".join(differences(published(kind.type, kind.schema_version, place), document)) if file.exists() else "published"
        noted.append(Change(today, kind.type, kind.schema_version, what, digest(text(document))))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text(document))
    note(noted, place)
    return refused


if __name__ == "__main__":
    if refused := export():
        sys.exit("\n".join([*refused, "Raise schema_version and add an upcaster, or choose a new type; see docs/events.md."]))
