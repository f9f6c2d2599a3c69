"""Can every event of every service be folded into a stream again when nothing but the event is known?"""

from collections import Counter

import pytest
from crm_contacts.app import AGGREGATES as CONTACTS
from crm_events.recovery import types_of
from crm_events.registry import REGISTRY
from crm_loyalty.app import AGGREGATES as LOYALTY
from crm_reporting.inputs import AGGREGATES as REPORTING
from crm_tickets.app import AGGREGATES as TICKETS


@pytest.mark.parametrize(("service", "aggregates"), [("contacts", CONTACTS), ("loyalty", LOYALTY), ("tickets", TICKETS), ("reporting", REPORTING)])
def test_each_type_of_event_belongs_to_one_kind_of_stream(service: str, aggregates) -> None:
    folded = Counter(kind for aggregate in aggregates for kind in types_of(aggregate))
    assert set(folded.values()) == {1}
    assert folded.keys() == {kind.type for kind in REGISTRY.values() if kind.owner == service}
