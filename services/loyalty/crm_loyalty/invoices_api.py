"""Which invoices are there, what was paid on them, and which are late?"""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID, uuid5

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.follower import cluster, erased
from crm_events.language.invoice import InvoiceIssued
from crm_events.refusals import Gone, Invalid, NotFound
from fastapi import APIRouter, Query
from uuid_utils.compat import uuid7

from crm_loyalty import invoice
from crm_loyalty.access import Admin, Read, ReadOwn, Write
from crm_loyalty.invoice import INVOICES
from crm_loyalty.invoice_shapes import DueDateBody, InvoiceAnswer, InvoiceBody, PaymentBody, State, WriteOffBody, invoice_answer
from crm_loyalty.transaction import TRANSACTIONS

router = APIRouter(tags=["invoices"])

_NOW = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
_OWED = "invoice_state in ('open', 'part_paid')"  # as the index on them says it


@router.post("/v1/invoices", **command(InvoiceAnswer))
async def issue_invoice(body: InvoiceBody, call: Write) -> Answer:
    """Ask a customer to pay. A document's number is given once."""
    if await erased(call.store.pool, [body.customer_id]):
        raise Gone("The customer was erased.")
    await _its_purchase(call, body)
    invoice_id, money = body.id or uuid7(), body.amount
    told: dict[str, Any] = {"invoice_id": invoice_id, "document": body.document, "currency": money.currency, "due_at": body.due_at, "days_late": 0}
    told |= {"amount": money.amount, "outstanding": money.amount} | ({"transaction_id": body.transaction_id} if body.transaction_id else {})
    done = await call.store.handle(
        INVOICES, invoice_id, call.command(body), lambda known, now: invoice.issue(known, event=InvoiceIssued(issued_at=now, **told)), key=body.customer_id
    )
    return await call.answer(done, invoice_answer(done.part, call.now), created=f"/v1/invoices/{done.part.stream_id}")


@router.get("/v1/invoices/{invoice_id}", **query(InvoiceAnswer))
async def get_invoice(invoice_id: UUID, call: ReadOwn) -> Answer:
    """One invoice and all that befell it, in the order in which it happened."""
    part = await call.store.read(INVOICES, invoice_id)
    if not part.version:
        raise NotFound("There is no invoice of this id.")
    call.own(part.customer_id)
    return await call.show(invoice_answer(part, call.now))


@router.get("/v1/invoices", **query(PageOf[InvoiceAnswer]))
async def list_invoices(
    page: Paging,
    call: Read,
    customer_id: Annotated[UUID | None, Query(description="whose; of a merged customer, all of them")] = None,
    state: Annotated[State | None, Query()] = None,
    late: Annotated[bool | None, Query(description="whether something is owed although the due date is past")] = None,
) -> Answer:
    """Invoices, the earliest due first."""
    whose = await cluster(call.store.pool, customer_id) if customer_id else None
    rows = await _rows(call, whose, state, late, page.after, page.limit + 1)
    shown = rows[: page.limit]
    parts = await call.store.read_many(INVOICES, [row["stream_id"] for row in shown])
    more = (shown[-1]["due"], str(shown[-1]["stream_id"])) if len(rows) > page.limit else None
    return await call.page([invoice_answer(part, call.now) for part in parts], more, page.limit)


@router.post("/v1/invoices/{invoice_id}/payments", **command(InvoiceAnswer))
async def record_payment(invoice_id: UUID, body: PaymentBody, call: Write) -> Answer:
    """Money came in: at most what is outstanding, in the invoice's currency, before it was written off. Told late, it is judged by its own day."""
    asked = call.command(body)
    payment_id, money = body.id or uuid5(asked.id, "payment"), body.amount
    done = await call.store.handle(
        INVOICES, invoice_id, asked, lambda known, now: invoice.pay(known, payment_id=payment_id, amount=money.amount, currency=money.currency, at=now)
    )
    return await call.answer(done, invoice_answer(done.part, call.now))


@router.put("/v1/invoices/{invoice_id}/due-date", **command(InvoiceAnswer))
async def set_due_date(invoice_id: UUID, body: DueDateBody, call: Write) -> Answer:
    """Give more time, or less. What was paid before is judged by the date that stood then."""
    asked = call.command(body)
    done = await call.store.handle(
        INVOICES, invoice_id, asked, lambda known, now: invoice.change_due_date(known, entry_id=uuid5(asked.id, "due-date"), due_at=body.due_at, at=now)
    )
    return await call.answer(done, invoice_answer(done.part, call.now))


@router.post("/v1/invoices/{invoice_id}/write-off", **command(InvoiceAnswer))
async def write_off_invoice(invoice_id: UUID, body: WriteOffBody, call: Admin) -> Answer:
    """Give up what is outstanding. A payment of before that, told later, makes it less."""
    asked = call.command(body)
    done = await call.store.handle(
        INVOICES, invoice_id, asked, lambda known, now: invoice.write_off(known, entry_id=uuid5(asked.id, "write-off"), reason=body.reason, at=now)
    )
    return await call.answer(done, invoice_answer(done.part, call.now))


async def _its_purchase(call: Call, body: InvoiceBody) -> None:
    if body.transaction_id is None:
        return
    part = await call.store.read(TRANSACTIONS, body.transaction_id)
    if part.state.sale is None or part.customer_id not in await cluster(call.store.pool, body.customer_id):
        raise Invalid("/transaction_id", "unknown", "The customer has no transaction of this id. Record it first, or leave it out.")
    if part.state.sale.currency != body.amount.currency:
        raise Invalid("/amount/currency", "currency", f"The purchase was in {part.state.sale.currency}.")


async def _rows(
    call: Call, whose: Sequence[UUID] | None, state: str | None, late: bool | None, after: Sequence[Any] | None, limit: int
) -> Sequence[Any]:  # fmt: skip
    """(stream_id, due) of the next invoices; `late` True reads the index of what is owed alone."""
    told: list[tuple[str, Any]] = [("customer_id = any(${}::uuid[])", whose), ("invoice_state = ${}", state)]
    values = [value for _, value in told if value is not None]
    where = ["invoice_due is not null", *(text.format(number) for number, (text, _) in enumerate([each for each in told if each[1] is not None], 1))]
    if late is not None:
        where += [_OWED, f"invoice_due < {_NOW}"] if late else [f"not ({_OWED} and invoice_due < {_NOW})"]
    if after is not None:
        where.append(f"(invoice_due, stream_id) > (${len(values) + 1}::bigint, ${len(values) + 2}::uuid)")
        values += [after[0], UUID(after[1])]
    sql = f"select stream_id, invoice_due as due from streams where {' and '.join(where)} order by invoice_due, stream_id limit ${len(values) + 1}"
    return await call.store.pool.fetch(sql, *values, limit)
