"""What do some events change in one build? Worked out in memory: documents, facts, and the customers whose fold failed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from crm_reporting.copying import line
from crm_reporting.documents import apply, digest, encode, merged_into
from crm_reporting.entry import Entry
from crm_reporting.facts import facts
from crm_reporting.heard import Heard
from crm_reporting.shapes import Document

Fold = tuple[str, str]  # (source, customer id): what a document and a mark belong to


class Folded(NamedTuple):
    """A document and how far it is."""

    document: Document
    upto: int
    recorded_at: str


@dataclass(slots=True)
class Change:
    """`documents`: as they are afterwards; `facts`: COPY lines by table; `marks`: the event a fold failed at, and why."""

    documents: dict[Fold, Folded] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    marks: dict[Fold, tuple[Heard, str]] = field(default_factory=dict)

    @property
    def fact_count(self) -> int:
        return sum(map(len, self.facts.values()))


def fold(heard: Iterable[Heard], known: Mapping[Fold, Folded], parked: frozenset[Fold] = frozenset()) -> Change:
    """The change that events make, in their order. A failing event marks its (source, customer): the document stays as it was before it; facts go on."""
    change = Change()
    for one in heard:
        where = (one.source, one.customer_id)
        reason = one.error or _facts_of(one, change)
        if one.left_out or (one.entry is not None and one.subject is None):  # about no customer: an input, kept elsewhere
            continue
        if where in parked or where in change.marks:
            continue
        if reason is None and one.entry is not None:
            before = change.documents.get(where) or known.get(where)
            try:
                document = apply(before.document if before else {}, one.entry)
                change.documents[where] = Folded(document, one.position, one.entry.recorded_at)
                continue
            except Exception as error:  # noqa: BLE001  one bad event stops one customer of one source, never the rest
                reason = f"{type(error).__name__}: {error}"
        change.marks[where] = (one, str(reason)[:500])
    return change


def _facts_of(one: Heard, change: Change) -> str | None:
    """Facts depend on their event alone, so a customer's broken fold loses none. The reason, if they cannot be made."""
    if one.entry is None:
        return None
    try:
        made = [(table, line(row)) for table, row in facts(one.entry)]
    except Exception as error:  # noqa: BLE001  as above
        return f"facts: {type(error).__name__}: {error}"
    for table, text in made:
        change.facts.setdefault(table, []).append(text)
    return None


def document_row(where: Fold, folded: Folded) -> tuple[str, str, str, bytes, int, str, str | None]:
    """customer_id, source, doc, digest, upto, recorded_at, merged_into."""
    source, customer_id = where
    text = encode(folded.document)
    return customer_id, source, text.decode(), digest(text), folded.upto, folded.recorded_at, merged_into(source, folded.document, customer_id)


def fold_all(entries: Iterable[Entry]) -> dict[Fold, Folded]:
    """Documents by (source, customer) of readable events in position order: how a view of the past is made. A fold that fails leaves its document as it was."""
    return fold((Heard(e.source, e.position, e.customer_id, e.subject, e.event_id, e.type, e) for e in entries), {}).documents
