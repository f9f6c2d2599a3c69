"""What is known of one customer, over all the ids that were merged into one?

`compose` adds the members' documents; documents combine commutatively, so any split of a history over ids composes to the same whole. `view` reads the
whole: as it is at a moment (`now`), or without the figures that move with the clock (None), which is what the summary and the feed keep.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any

from crm_reporting import sections_contacts, sections_loyalty, sections_service
from crm_reporting.clocks import Calendars
from crm_reporting.documents import SHAPES, combine
from crm_reporting.shapes import Document

SECTIONS = ("profile", "consents", "preferences", "relationships", "contact", "service", "loyalty", "purchases", "scores")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One customer: the canonical id, its members (the root first), and the sum of their documents by source (`{}` where a source knows nothing)."""

    root: str
    members: Sequence[str]
    documents: Mapping[str, Document] = field(default_factory=dict)

    @property
    def erased(self) -> bool:
        """Whether any member asked to be forgotten: erasure holds for the whole customer."""
        return bool(self.documents["contacts"].get("erasure"))

    @property
    def first(self) -> str | None:
        """When the first event of any source happened; None = no event."""
        return min((document["first"] for document in self.documents.values() if document), default=None)


def compose(root: str, members: Sequence[str], documents: Iterable[tuple[str, Document]]) -> Cluster:
    """The sum of (source, document) pairs of the members."""
    by_source: dict[str, list[Document]] = {source: [] for source in SHAPES}
    for source, document in documents:
        by_source[source].append(document)
    return Cluster(root, members, {source: reduce(lambda one, other: combine(source, one, other), found, {}) for source, found in by_source.items()})


def view(cluster: Cluster, *, now: datetime | None, calendars: Calendars) -> dict[str, Any]:
    """The unified view's sections, sealed text left sealed. Every one is there, though nothing is known: counts 0, lists empty, profile and loyalty null.

    `contact.two_way_ratio` and `scores.rfm` are None: they do not combine and come from facts. With `now` None, what only time has
    made true (a breach or an expiry whose event is not written yet), ages and elapsed minutes are left out.
    """
    contacts, tickets, loyalty = (cluster.documents[source] for source in ("contacts", "tickets", "loyalty"))
    return {
        "profile": sections_contacts.profile(contacts, sections_loyalty.customer_since(loyalty), now),
        "consents": sections_contacts.consents(contacts, now),
        "preferences": sections_contacts.preferences(contacts),
        "relationships": sections_contacts.relationships(contacts),
        "contact": sections_contacts.contact(contacts, tickets.get("last_message"), now),
        "service": sections_service.service(tickets, now, calendars),
        "loyalty": sections_loyalty.loyalty(loyalty, now),
        "purchases": sections_loyalty.purchases(loyalty),
        "scores": {"rfm": None},
    }
