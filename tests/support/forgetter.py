"""What forgets customers in a test of contacts: the eraser, which waits for no cache unless it is told to, and the certifier beside it."""

from datetime import timedelta
from typing import Any

from crm_contacts.certificate import Signer
from crm_contacts.certifying import Certifier
from crm_contacts.eraser import Eraser
from crm_events.store.store import EventStore

AT_ONCE = timedelta(0)
SIGNER = Signer(bytes(range(32)))  # by the master key of these tests


def certifier_of(store: EventStore, *owed: str) -> Certifier:
    return Certifier(store, SIGNER, owed)


def eraser_of(store: EventStore, vault: Any = None, *, settled: timedelta = AT_ONCE) -> Eraser:
    return Eraser(store, vault or store.vault, certifier_of(store), settled=settled)
