"""Which fold does this code hold? A build made by another one must not be read or written by it."""

from functools import cache
from hashlib import blake2b
from importlib.resources import files

# Everything that decides what documents, facts and summaries look like. A change of one of these files is a new definition, and needs `reporting rebuild`.
_PARTS = (
    "business_time.py",
    "clocks.py",
    "compose.py",
    "documents.py",
    "documents_contacts.py",
    "documents_loyalty.py",
    "documents_tickets.py",
    "facts.py",
    "facts_contacts.py",
    "facts_loyalty.py",
    "facts_tickets.py",
    "sections_contacts.py",
    "sections_loyalty.py",
    "sections_service.py",
    "shapes.py",
    "summary.py",
    "surviving.py",
    "migrations/build.sql",
)


@cache
def definition() -> str:
    """16 hexadecimal characters that name the fold."""
    seen = blake2b(digest_size=8)
    for part in _PARTS:
        seen.update(part.encode() + b"\0" + files("crm_reporting").joinpath(part).read_bytes())
    return seen.hexdigest()
