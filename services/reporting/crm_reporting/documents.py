"""What is known of one customer from one source: how does an event change the document?"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import orjson

from crm_reporting import documents_contacts, documents_loyalty, documents_tickets
from crm_reporting.entry import Entry
from crm_reporting.shapes import Document, Shape

SHAPES: Mapping[str, Shape] = {"contacts": documents_contacts.SHAPE, "tickets": documents_tickets.SHAPE, "loyalty": documents_loyalty.SHAPE}
DELTAS: Mapping[str, Callable[[Entry], Document]] = {
    "contacts": documents_contacts.delta,
    "tickets": documents_tickets.delta,
    "loyalty": documents_loyalty.delta,
}


def apply(document: Document, entry: Entry) -> Document:
    """The document with one more event in it; `document` stays as it was. Total on any subset of events, in any order. Start from `{}`."""
    return combine(entry.source, document, DELTAS[entry.source](entry))


def combine(source: str, one: Document, other: Document) -> Document:
    """Two documents of the same source as one: the fold of the events of both."""
    merged: Document = SHAPES[source](one, other)
    return merged


def encode(document: Document) -> bytes:
    """Canonical JSON: sorted keys, no spaces. Raises TypeError where a sum left the 64 bits."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def decode(text: str | bytes) -> Document:
    """The inverse of `encode`."""
    document: Document = orjson.loads(text)
    return document


def digest(text: bytes) -> bytes:
    """16 bytes that name a canonical text."""
    return blake2b(text, digest_size=16).digest()


def merged_into(source: str, document: Document, customer_id: str) -> str | None:
    """The column by which clusters are found: the edge up, in documents of contacts."""
    found: Any = documents_contacts.edge(document, customer_id) if source == "contacts" else None
    return found[0] if found else None
