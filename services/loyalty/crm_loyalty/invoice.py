"""What does a customer still owe of one invoice, since when is it late, and what was given up?

The entries are kept in the order in which they happened, whenever they were told, and measured anew after each: what a late one moved is told again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, assert_never
from uuid import UUID

from crm_events.deciding import Aggregate, At, Claim, Fact, Happened
from crm_events.language.invoice import InvoiceDueDateChanged, InvoiceEvent, InvoiceIssued, InvoicePaid, InvoicePartPaid, InvoiceWrittenOff
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

DAY = timedelta(days=1)
MOST_ENTRIES = 200  # payments and changes of one invoice: each is measured again after each


@dataclass(frozen=True, slots=True)
class Measure:
    """What an entry's event says of the account after it. `due_at`: by which it was judged; `previous`: what was due before a change of it."""

    kind: Literal["part_paid", "paid", "due_date_changed", "written_off"]
    amount: int
    outstanding: int
    due_at: datetime
    days_late: int
    previous: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that befell the invoice: a payment of `paid`, a new due date, or (neither) that the rest was given up. `told`: how it was last measured."""

    entry_id: UUID
    at: datetime
    paid: int = 0
    due_at: datetime | None = None
    reason: str | None = None
    revision: int = 0
    told: Measure | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """As it was issued, and its entries in the order told."""

    issued: InvoiceIssued | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def outstanding(self) -> int:
        """What no payment has covered, written off or not."""
        return (self.issued.amount if self.issued else 0) - sum(each.paid for each in self.entries)

    @property
    def given_up_at(self) -> datetime | None:
        """When the rest was written off."""
        return next((each.at for each in self.entries if not each.paid and each.due_at is None), None)

    @property
    def state(self) -> str:
        """`open`, `part_paid`, `paid` or `written_off`."""
        if not self.outstanding:
            return "paid"
        return "written_off" if self.given_up_at else "part_paid" if any(each.paid for each in self.entries) else "open"

    @property
    def ended_at(self) -> datetime | None:
        """When the last of it came in, or was given up; None while something is owed."""
        if self.state in ("open", "part_paid"):
            return None
        return self.given_up_at if self.outstanding else max(each.at for each in self.entries if each.paid)

    def due_at(self, at: datetime | None = None) -> datetime:
        """By when it was to be paid, as it stood at `at`; without it, as it stands."""
        if self.issued is None:
            raise AssertionError("only an issued invoice is due")
        due_at = self.issued.due_at
        for each in sorted(self.entries, key=lambda each: each.at):
            if each.due_at and (at is None or each.at <= at):
                due_at = each.due_at
        return due_at

    def days_late(self, now: datetime) -> int:
        """Days begun since it was due, until it was settled or until `now`."""
        at = self.ended_at or now
        return days_late(self.due_at(at), at)


def days_late(due_at: datetime, at: datetime) -> int:
    """Days begun: a minute late is one day late, so that late and more than 0 days late are one thing."""
    return max(0, -((due_at - at) // DAY))


def evolve(invoice: Invoice, fact: Fact[InvoiceEvent]) -> Invoice:
    """The invoice after this event; an entry told again keeps its place."""
    match fact.event:
        case InvoiceIssued() as event:
            return Invoice(event)
        case InvoicePartPaid() | InvoicePaid() as event:
            entry = Entry(event.entry_id, fact.occurred_at, paid=event.amount)
        case InvoiceDueDateChanged() as event:
            entry = Entry(event.entry_id, fact.occurred_at, due_at=event.due_at)
        case InvoiceWrittenOff() as event:
            entry = Entry(event.entry_id, fact.occurred_at, reason=event.reason)
        case _:
            assert_never(fact.event)
    entry = replace(entry, revision=event.revision, told=_said(event))
    if any(each.entry_id == entry.entry_id for each in invoice.entries):
        return replace(invoice, entries=tuple(entry if each.entry_id == entry.entry_id else each for each in invoice.entries))
    return replace(invoice, entries=(*invoice.entries, entry))


def _said(event: InvoiceDueDateChanged | InvoicePartPaid | InvoicePaid | InvoiceWrittenOff) -> Measure:
    kind, previous = event.type.partition(".")[2], getattr(event, "previous_due_at", None)
    return Measure(kind, event.amount, event.outstanding, event.due_at, event.days_late, previous)  # type: ignore[arg-type]


def _claims(_: Invoice, event: InvoiceEvent) -> list[Claim]:
    return [Claim("invoice", event.document)] if isinstance(event, InvoiceIssued) else []


def _columns(invoice: Invoice) -> dict[str, Any]:
    """By which invoices are listed, the earliest due first."""
    return {"invoice_state": invoice.state, "invoice_due": int(invoice.due_at().timestamp() * 1_000_000)} if invoice.issued else {}


INVOICES: Aggregate[Invoice, InvoiceEvent] = Aggregate("invoice", Invoice, evolve, claims=_claims, columns=_columns)


def issue(invoice: Invoice, *, event: InvoiceIssued) -> list[InvoiceEvent]:
    """AlreadyExists, if the id given is another's; Invalid, if it is due before it is issued."""
    if invoice.issued is not None:
        raise AlreadyExists("There is an invoice of this id. Choose another, or use that one.", event.invoice_id)
    if event.due_at < event.issued_at:
        raise Invalid("/due_at", "order", "An invoice is due after it is issued.")
    return [event]


def pay(invoice: Invoice, *, payment_id: UUID, amount: int, currency: str, at: datetime) -> list[Happened[InvoiceEvent]]:
    """Money came in. AlreadyExists for a payment told before; Rejected `other-currency`, `written-off`, `over-payment`."""
    issued = _open_to_entries(invoice, payment_id, at)
    if currency != issued.currency:
        raise Rejected("other-currency", f"The invoice is in {issued.currency}. Tell the payment in that currency, as it was booked.", currency=issued.currency)
    _not_given_up(invoice, at)
    if amount > invoice.outstanding:
        detail = f"There are {invoice.outstanding} minor units left to pay. Tell no more than that; the rest belongs to another invoice."
        raise Rejected("over-payment", detail, outstanding=invoice.outstanding, asked=amount)
    return _with(invoice, Entry(payment_id, at, paid=amount))


def change_due_date(invoice: Invoice, *, entry_id: UUID, due_at: datetime, at: datetime) -> list[Happened[InvoiceEvent]]:
    """It is due at another time from `at` on. Due then already: nothing new. Rejected `paid`, `written-off`."""
    issued = _open_to_entries(invoice, entry_id, at)
    if due_at < issued.issued_at:
        raise Invalid("/due_at", "order", "An invoice is due after it is issued.")
    if due_at == invoice.due_at(at):
        return []
    _not_given_up(invoice, at)
    if invoice.ended_at is not None and invoice.ended_at <= at:
        raise Rejected("paid", "The invoice was paid by then; nothing is due any more.")
    return _with(invoice, Entry(entry_id, at, due_at=due_at))


def write_off(invoice: Invoice, *, entry_id: UUID, reason: str | None, at: datetime) -> list[Happened[InvoiceEvent]]:
    """What is outstanding is given up. Given up already: nothing new. Rejected `paid`, and `paid-since` where a payment came after `at`."""
    _open_to_entries(invoice, entry_id, at)
    if invoice.given_up_at is not None:
        return []
    if not invoice.outstanding:
        raise Rejected("paid", "The invoice is paid; there is nothing to write off.")
    if any(each.paid and each.at >= at for each in invoice.entries):
        raise Rejected("paid-since", "A payment came in since then. Write off what is left now.")
    return _with(invoice, Entry(entry_id, at, reason=reason))


def _open_to_entries(invoice: Invoice, entry_id: UUID, at: datetime) -> InvoiceIssued:
    if invoice.issued is None:
        raise NotFound("There is no invoice of this id.")
    if any(each.entry_id == entry_id for each in invoice.entries):
        raise AlreadyExists("An entry of this id was told already.", entry_id)
    if at < invoice.issued.issued_at:
        raise Invalid("/occurred_at", "before-issue", "This happened before the invoice was issued. Tell when it happened.")
    if len(invoice.entries) >= MOST_ENTRIES:
        raise Rejected("too-many-entries", f"An invoice has at most {MOST_ENTRIES} entries. Write it off and issue another.")
    return invoice.issued


def _not_given_up(invoice: Invoice, at: datetime) -> None:
    if invoice.given_up_at is not None and invoice.given_up_at <= at:
        raise Rejected("written-off", "The invoice was written off by then. Issue another for what the customer pays now.", written_off_at=invoice.given_up_at)


def _with(invoice: Invoice, entry: Entry) -> list[Happened[InvoiceEvent]]:
    """The new entry, then those that it moved, each at its own moment."""
    if invoice.issued is None:
        raise AssertionError("only an issued invoice has entries")
    entries = (*invoice.entries, entry)
    measured = dict(_measured(invoice.issued, entries))
    moved = [each for each in entries if measured[each.entry_id] != each.told]
    return [At(_event(invoice.issued, each, measured[each.entry_id]), each.at) for each in sorted(moved, key=lambda each: each is not entry)]


def _measured(issued: InvoiceIssued, entries: tuple[Entry, ...]) -> Iterator[tuple[UUID, Measure]]:
    """The account after each entry, in the order in which they happened (of one moment: in which they were told)."""
    outstanding, due_at = issued.amount, issued.due_at
    for each in sorted(entries, key=lambda each: each.at):
        if each.due_at:
            yield each.entry_id, Measure("due_date_changed", outstanding, outstanding, each.due_at, days_late(each.due_at, each.at), due_at)
            due_at = each.due_at
        elif each.paid:
            outstanding -= each.paid
            yield each.entry_id, Measure("part_paid" if outstanding else "paid", each.paid, outstanding, due_at, days_late(due_at, each.at))
        else:
            yield each.entry_id, Measure("written_off", outstanding, 0, due_at, days_late(due_at, each.at))


_EVENTS: Mapping[str, Any] = {each.type.partition(".")[2]: each for each in (InvoicePartPaid, InvoicePaid, InvoiceDueDateChanged, InvoiceWrittenOff)}


def _event(issued: InvoiceIssued, entry: Entry, measure: Measure) -> InvoiceEvent:
    told: dict[str, Any] = {name: getattr(issued, name) for name in ("invoice_id", "document", "currency", "issued_at")}
    told |= {name: getattr(measure, name) for name in ("amount", "outstanding", "due_at", "days_late")}
    more = {"transaction_id": issued.transaction_id, "previous_due_at": measure.previous, "reason": entry.reason}
    told |= {name: value for name, value in more.items() if value is not None}
    event: InvoiceEvent = _EVENTS[measure.kind](**told, entry_id=entry.entry_id, revision=entry.revision + 1)
    return event
