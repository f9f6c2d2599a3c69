"""What do the services' documents say, as the code is now? Made from their apps, without a database or a broker."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crm_contacts.app import contacts_app
from crm_contacts.settings import ContactsSettings
from crm_loyalty.app import loyalty_app
from crm_loyalty.settings import LoyaltySettings
from crm_reporting.app import reporting_app
from crm_reporting.settings import ReportingSettings
from crm_tickets.app import tickets_app
from crm_tickets.settings import TicketsSettings

from crm_contract.merging import merged
from crm_contract.places import DOCUMENTS, SERVICES, WHOLE

Document = dict[str, Any]
_KEY = base64.b64encode(bytes(32)).decode()
_NOWHERE: dict[str, Any] = {"database_url": "postgresql://nowhere", "index_key": _KEY, "auth_jwks": "/nowhere"}


def documents() -> Mapping[str, Document]:
    """Each service's document, and the merged one, by name."""
    apps = {
        "contacts": contacts_app(ContactsSettings(**_NOWHERE)),
        "tickets": tickets_app(TicketsSettings(**_NOWHERE)),
        "loyalty": loyalty_app(LoyaltySettings(**_NOWHERE)),
        "reporting": reporting_app(ReportingSettings(**_NOWHERE)),
    }
    each = {name: json.loads(json.dumps(apps[name].openapi())) for name in SERVICES}
    return {**each, WHOLE: merged(each)}


def committed(folder: Path = DOCUMENTS) -> Mapping[str, Document]:
    """The documents as they were promised last; without those that never were."""
    files = {name: folder / f"{name}.json" for name in (*SERVICES, WHOLE)}
    return {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}


def text_of(document: Document) -> str:
    """As it is kept: a difference shows line by line."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
