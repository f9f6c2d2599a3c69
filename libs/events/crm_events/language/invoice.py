"""What is a customer asked to pay, when, and what became of it?

Every entry says the whole account after it, in the order in which things happened. An entry told late moves those that happened after it: they are told
again by the same `entry_id`, `revision` + 1.
"""

from typing import TypeAlias
from uuid import UUID

from crm_events.event import Code, Currency, Event, Instant
from crm_events.language.words import Count, Maybe, MinorUnits, Ordinal


class InvoiceTold(Event):
    """What every event of one invoice repeats. `amount`: of this entry; `days_late`: days begun after `due_at`, by the due date that stood at that moment."""

    invoice_id: UUID
    document: Code
    transaction_id: Maybe[UUID] = None
    amount: MinorUnits
    outstanding: MinorUnits
    currency: Currency
    issued_at: Instant
    due_at: Instant
    days_late: Count


class InvoiceIssued(InvoiceTold):
    """The customer owes `amount`. Its own stream."""

    type = "invoice.issued"


class InvoiceEntry(InvoiceTold):
    """Something befell the invoice."""

    entry_id: UUID
    revision: Ordinal


class InvoiceDueDateChanged(InvoiceEntry):
    """`amount`, all that is outstanding, is due at another time."""

    type = "invoice.due_date_changed"
    previous_due_at: Instant


class InvoicePartPaid(InvoiceEntry):
    """`amount` came in, and something is left to pay."""

    type = "invoice.part_paid"


class InvoicePaid(InvoiceEntry):
    """`amount` came in, and nothing is left to pay."""

    type = "invoice.paid"


class InvoiceWrittenOff(InvoiceEntry):
    """`amount`, all that was outstanding, is given up. A payment of before that is told later makes it less."""

    type = "invoice.written_off"
    reason: Maybe[Code] = None


InvoiceEvent: TypeAlias = InvoiceIssued | InvoiceDueDateChanged | InvoicePartPaid | InvoicePaid | InvoiceWrittenOff
