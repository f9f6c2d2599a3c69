"""Which files about events are made from the code?"""

import json
from collections.abc import Mapping
from pathlib import Path

from crm_events.asyncapi import BROKER, document
from crm_events.changes import page
from crm_reporting.feed_schema import FEED_SCHEMA

from crm_contract.catalogue import PLACE, pages

BASE = "https://crm.example"  # where schemas are served, in the kept document; a running service tells its own address
ASYNCAPI = PLACE / "asyncapi.json"


def event_files() -> Mapping[Path, str]:
    """Each with its text, as the code has it now."""
    told = json.dumps(document(BASE, BROKER, feed=FEED_SCHEMA), ensure_ascii=False, indent=1) + "\n"
    return {**pages(), PLACE / "changes.md": page(), ASYNCAPI: told}
