"""What may a client say of an invoice, and what is it shown?"""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from crm_chassis.body import Instant, Resource, Told
from crm_events.event import Code
from crm_events.store.loading import Loaded

from crm_loyalty.bodies import OfOurTime
from crm_loyalty.invoice import Entry, Invoice
from crm_loyalty.money_shapes import MoneyAnswer, SomeMoneyBody

State: TypeAlias = Literal["open", "part_paid", "paid", "written_off"]


class InvoiceBody(Told):
    """An invoice, issued at `occurred_at`. `transaction_id`: the purchase it is for, where there is one."""

    id: UUID | None = None
    customer_id: UUID
    document: Code
    amount: SomeMoneyBody
    due_at: OfOurTime
    transaction_id: UUID | None = None


class PaymentBody(Told):
    """Money that came in at `occurred_at`."""

    id: UUID | None = None
    amount: SomeMoneyBody


class DueDateBody(Told):
    """By when it is to be paid, from `occurred_at` on."""

    due_at: OfOurTime


class WriteOffBody(Told):
    """The rest is given up."""

    reason: Code | None = None


class EntryAnswer(Resource):
    """What befell the invoice, as it is known now. `days_late`: by the due date that stood then."""

    id: UUID
    kind: str
    amount: int
    outstanding: int
    due_at: Instant
    days_late: int
    revision: int
    occurred_at: Instant


class InvoiceAnswer(Resource):
    """An invoice as it stands now. `late`: something is owed and the due date is past; `ended_at`: when the last of it came in, or was given up."""

    id: UUID
    version: int
    customer_id: UUID
    document: str
    transaction_id: UUID | None
    amount: MoneyAnswer
    outstanding: int
    written_off: int
    state: State
    late: bool
    days_late: int
    issued_at: Instant
    due_at: Instant
    ended_at: Instant | None
    entries: list[EntryAnswer]
    occurred_at: Instant
    recorded_at: Instant | None


def invoice_answer(part: Loaded[Invoice], now: datetime) -> InvoiceAnswer:
    """An invoice that is there."""
    known, issued = part.state, part.state.issued
    if issued is None:
        raise AssertionError("only an issued invoice is shown")
    given_up = known.outstanding if known.given_up_at else 0
    late = not known.ended_at and known.days_late(now) > 0
    entries = [_entry(each) for each in sorted(known.entries, key=lambda each: each.at)]
    return InvoiceAnswer.model_validate(
        {name: getattr(issued, name) for name in ("document", "transaction_id", "issued_at")}
        | {"id": part.stream_id, "version": part.version, "customer_id": part.customer_id, "recorded_at": part.recorded_at}
        | {"amount": MoneyAnswer(amount=issued.amount, currency=issued.currency), "occurred_at": issued.issued_at, "entries": entries}
        | {"outstanding": known.outstanding - given_up, "written_off": given_up, "state": known.state, "late": late}
        | {"days_late": known.days_late(now), "due_at": known.due_at(), "ended_at": known.ended_at}
    )


def _entry(entry: Entry) -> EntryAnswer:
    if entry.told is None:
        raise AssertionError("only an entry that was told is shown")
    told = {name: getattr(entry.told, name) for name in ("kind", "amount", "outstanding", "due_at", "days_late")}
    return EntryAnswer(id=entry.entry_id, revision=entry.revision, occurred_at=entry.at, **told)
