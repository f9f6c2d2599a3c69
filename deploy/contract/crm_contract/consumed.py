"""Who of us consumes which event, and what for? Asked of the code itself: of what readers follow, and of what reporting makes of an example."""

from collections.abc import Iterator
from uuid import UUID

import orjson
from crm_contacts.basis import GROUNDS
from crm_contacts.certifying import HEARD as OBEYED
from crm_contacts.exports_api import DELIVERED
from crm_contacts.lifecycle import BOUGHT as PURCHASE
from crm_events.examples import example
from crm_events.follower import HEARD
from crm_events.obeying import ERASED
from crm_events.registry import REGISTRY
from crm_events.topics import partition_of
from crm_loyalty.app import FORGETS
from crm_loyalty.entitling import TIERS
from crm_loyalty.kinship import TIES
from crm_loyalty.recoveries import COMPLETED
from crm_loyalty.referring import HEARD as BOUGHT
from crm_reporting.documents import DELTAS
from crm_reporting.entry import Entry, payload_of
from crm_reporting.facts import facts
from crm_reporting.projector import NAMED
from crm_tickets.entitled import HEARD as RIGHTS
from crm_tickets.on_breach import HEARD as BROKEN

FOLLOWED = {
    "contacts": {*OBEYED, *GROUNDS, DELIVERED, PURCHASE},
    "tickets": HEARD | {*RIGHTS, BROKEN, ERASED},  # both by crm_events.follower.CustomerEdges
    "loyalty": HEARD | {*FORGETS, *TIERS, COMPLETED, *TIES, *BOUGHT},
}

_WHY: dict[str | tuple[str, str], str] = (
    dict.fromkeys(TIERS, "what a tier entitles to")
    | dict.fromkeys(RIGHTS, "whose tickets come first")
    | dict.fromkeys(OBEYED, "who has obeyed an erasure")
    | dict.fromkeys(GROUNDS, "for what reason we know the customer")
    | {DELIVERED: "whose request to see their data was answered"}
    | {("contacts", PURCHASE): "how far the relation is"}
    | {COMPLETED: "which points we owe for it", BROKEN: "who is called in"}
    | dict.fromkeys(TIES, "who of one household, or known alike, brings nobody")
    | dict.fromkeys(BOUGHT.keys() - HEARD, "which referrals are rewarded")
)


def consumers(type_: str) -> list[str]:
    """`service: what for`, the readers first that act on it. Reporting keeps every event in its journal; webhooks and `GET /v1/events` hand every one on."""
    return [*_followers(type_), *_of_reporting(type_), "reporting: journal, `GET /v1/events`, [webhooks](../webhooks.md)"]


def _followers(type_: str) -> Iterator[str]:
    for service, types in FOLLOWED.items():
        if type_ in types:
            yield f"{service}: {_WHY.get((service, type_)) or _WHY.get(type_, 'which ids are one customer, and who is to be forgotten')}"


def _of_reporting(type_: str) -> Iterator[str]:
    entry = entry_of_example(type_)
    if entry.source in DELTAS and entry.subject is not None and DELTAS[entry.source](entry):
        yield "reporting: the unified view"
    if tables := sorted({table for table, _ in facts(entry)} if entry.source in DELTAS else ()):
        yield f"reporting: figures, from the facts {', '.join(f'`{table}`' for table in tables)}"
    if type_ in NAMED:
        yield "reporting: looking customers up"
    if entry.subject is None and "valid_from" in entry.payload:
        yield "reporting: inputs of figures and clocks"


def entry_of_example(type_: str) -> Entry:
    """The example as reporting reads it from its topic."""
    shown, kind = example(type_, "http://localhost"), REGISTRY[type_]
    head = shown.headers
    return Entry(
        kind.owner,
        partition_of(UUID(head["ce_partitionkey"])),
        int(head["ce_position"]),
        head["ce_id"],
        type_,
        head["ce_partitionkey"],
        head.get("ce_subject"),
        head["ce_streamid"],
        head["ce_time"],
        head["ce_recordedtime"],
        payload_of(type_, kind.schema_version, orjson.dumps(shown.data)),
    )
