"""What would an older release, or one with a bug, do here? Put on PYTHONPATH of a process, this makes it one, before anything of ours is imported.

CHAOS_UNKNOWN=<type>: it does not know this type of event. CHAOS_BROKEN=<customer id>: its fold fails at the events of contacts about this customer.
"""

import os
from types import MappingProxyType
from typing import Any

if unknown := os.environ.get("CHAOS_UNKNOWN"):
    from crm_events import registry

    known = MappingProxyType({name: kind for name, kind in registry.REGISTRY.items() if name != unknown})
    registry.REGISTRY = known
    registry.read.__defaults__ = (known,)

if broken := os.environ.get("CHAOS_BROKEN"):
    from crm_reporting import documents

    def failing(entry: Any, right: Any = documents.DELTAS["contacts"]) -> Any:
        if entry.customer_id == broken:
            raise ZeroDivisionError("a bug in the fold")
        return right(entry)

    documents.DELTAS = {**documents.DELTAS, "contacts": failing}
