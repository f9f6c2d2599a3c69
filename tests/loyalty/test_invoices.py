"""Is what a customer owes right after every payment, whenever it is told, and is nothing taken twice?"""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from crm_events.deciding import At, Fact
from crm_events.language.invoice import InvoiceIssued
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_loyalty import invoice
from crm_loyalty.invoice import Invoice
from loyalty_client import Till, ok
from loyalty_edges import merged
from problem_asserts import problem

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def june(day: int, hour: int = 12) -> str:
    return f"2026-06-{day:02}T{hour:02}:00:00.000Z"


async def billed(till: Till, amount: int = 1000, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Issued on 1 June, due on the 10th at noon."""
    body = {"customer_id": str(uuid.uuid4()), "document": f"ف-{uuid.uuid4().hex}", "amount": euros(amount), "due_at": june(10), "occurred_at": june(1)}
    shown = ok(await till.post("/v1/invoices", body | fields), 201)
    return f"/v1/invoices/{shown['id']}", shown


async def pay(till: Till, path: str, amount: int, day: int, **more: Any) -> Any:
    return await till.post(f"{path}/payments", {"amount": euros(amount), "occurred_at": june(day)} | more)


def entries(shown: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(each[name] for name in ("kind", "amount", "outstanding", "days_late", "revision")) for each in shown["entries"]]


async def told(store: EventStore, invoice_id: str) -> list[tuple[str, int]]:
    rows = await store.pool.fetch(
        "select type, (payload ->> 'revision')::int as revision from events where stream_id = $1 order by version", uuid.UUID(invoice_id)
    )
    return [(row["type"], row["revision"]) for row in rows]


async def test_an_invoice_is_paid_in_parts_and_says_how_late(till: Till) -> None:
    path, issued = await billed(till)
    assert (issued["state"], issued["outstanding"], issued["late"], issued["issued_at"]) == ("open", 1000, True, june(1)), "it is long after June"
    part = ok(await pay(till, path, 400, 10))
    assert (part["state"], part["outstanding"], part["written_off"], entries(part)) == ("part_paid", 600, 0, [("part_paid", 400, 600, 0, 1)])
    paid = ok(await pay(till, path, 600, 13))
    assert (paid["state"], paid["late"], paid["days_late"], paid["ended_at"]) == ("paid", False, 3, june(13))
    assert ok(await till.get(path)) == paid
    refused = problem(await pay(till, path, 1, 14), 409, "rejected")
    assert (refused["rule"], refused["outstanding"], refused["asked"]) == ("over-payment", 0, 1)


async def test_a_payment_told_late_counts_by_its_own_day_and_moves_what_came_after(till: Till, store: EventStore) -> None:
    path, issued = await billed(till)
    ok(await pay(till, path, 700, 15))
    late = ok(await pay(till, path, 300, 9))
    assert entries(late) == [("part_paid", 300, 700, 0, 1), ("paid", 700, 0, 5, 2)]
    assert (late["state"], late["days_late"], late["ended_at"]) == ("paid", 5, june(15)), "settled when the last of it came in, not by what was told last"
    assert await told(store, issued["id"]) == [("invoice.issued", None), ("invoice.part_paid", 1), ("invoice.part_paid", 1), ("invoice.paid", 2)]
    assert (await verify(store)).whole


async def test_more_time_is_given_from_its_day_on_even_if_it_is_told_late(till: Till) -> None:
    path, _ = await billed(till)
    ok(await pay(till, path, 400, 14))
    body = {"due_at": june(20), "occurred_at": june(12)}
    moved = ok(await till.put(f"{path}/due-date", body))
    assert entries(moved) == [("due_date_changed", 1000, 1000, 0, 1), ("part_paid", 400, 600, 0, 2)], "the payment of the 14th was in time after all"
    assert ok(await till.put(f"{path}/due-date", body))["version"] == moved["version"], "due then already: nothing new"
    earlier = ok(await till.put(f"{path}/due-date", {"due_at": june(30), "occurred_at": june(11)}))
    assert earlier["due_at"] == june(20), "told last, but of before: it overwrites nothing"
    assert ok(await pay(till, path, 600, 22))["days_late"] == 2
    assert problem(await till.put(f"{path}/due-date", {"due_at": june(29), "occurred_at": june(23)}), 409, "rejected")["rule"] == "paid"


async def test_what_is_given_up_becomes_less_by_a_payment_of_before(till: Till) -> None:
    path, _ = await billed(till)
    ok(await pay(till, path, 200, 5))
    off = ok(await till.post(f"{path}/write-off", {"reason": "insolvent", "occurred_at": june(20)}))
    assert (off["state"], off["outstanding"], off["written_off"], off["late"], off["ended_at"]) == ("written_off", 0, 800, False, june(20))
    assert ok(await till.post(f"{path}/write-off", {}))["version"] == off["version"]
    refused = problem(await pay(till, path, 100, 21), 409, "rejected")
    assert (refused["rule"], refused["written_off_at"]) == ("written-off", june(20))
    assert problem(await till.put(f"{path}/due-date", {"due_at": june(29)}), 409, "rejected")["rule"] == "written-off"
    late = ok(await pay(till, path, 300, 12))
    assert (late["written_off"], entries(late)[-1]) == (500, ("written_off", 500, 0, 10, 2))
    whole = ok(await pay(till, path, 500, 13))
    assert (whole["state"], whole["written_off"], whole["ended_at"]) == ("paid", 0, june(13)), "nothing was given up after all"


async def test_what_does_not_fit_is_refused(till: Till) -> None:
    path, issued = await billed(till)
    assert problem(await till.post(f"{path}/payments", {"amount": {"amount": 1, "currency": "IRR"}}), 409, "rejected")["rule"] == "other-currency"
    problem(await pay(till, path, 1, 1, occurred_at="2026-05-31T00:00:00Z"), 422, "invalid-request")
    for amount in (0, -1, 10**16, 1.5, "1"):
        problem(await till.post(f"{path}/payments", {"amount": {"amount": amount, "currency": "EUR"}}), 422, "invalid-request")
    again = {"customer_id": issued["customer_id"], "document": issued["document"], "amount": euros(1), "due_at": june(10)}
    assert problem(await till.post("/v1/invoices", again), 422, "invalid-request")["errors"][0]["pointer"] == "/due_at", "due before it is issued"
    taken = problem(await till.post("/v1/invoices", again | {"occurred_at": june(1)}), 409, "already-exists")
    assert taken["existing_id"] == issued["id"]
    problem(await till.post("/v1/invoices", again | {"id": issued["id"], "document": "n", "occurred_at": june(1)}), 409, "already-exists")
    payment = str(uuid.uuid4())
    ok(await pay(till, path, 100, 3, id=payment))
    assert problem(await pay(till, path, 100, 3, id=payment), 409, "already-exists")["existing_id"] == payment
    assert problem(await till.post(f"{path}/write-off", {"occurred_at": june(2)}), 409, "rejected")["rule"] == "paid-since"
    ok(await pay(till, path, 900, 4))
    assert problem(await till.post(f"{path}/write-off", {}), 409, "rejected")["rule"] == "paid"
    problem(await till.post(f"/v1/invoices/{uuid.uuid4()}/payments", {"amount": euros(1)}), 404, "not-found")
    problem(await till.by("loyalty:write").post(f"{path}/write-off", {}), 403, "forbidden")
    problem(await till.by("self", customer=str(uuid.uuid4())).get(path), 404, "not-found")
    assert ok(await till.by("self", customer=issued["customer_id"]).get(path))["state"] == "paid"


async def test_an_invoice_names_only_a_purchase_of_its_customer(till: Till, store: EventStore) -> None:
    member = await till.member()
    sale = await till.buy(member, (1, 1000))
    body = {"document": uuid.uuid4().hex, "amount": euros(1000), "due_at": "2199-01-01T00:00:00Z", "transaction_id": sale["id"]}
    other = str(uuid.uuid4())
    problem(await till.post("/v1/invoices", body | {"customer_id": other}), 422, "invalid-request")
    rials = body | {"customer_id": member["customer_id"], "amount": {"amount": 1, "currency": "IRR"}}
    problem(await till.post("/v1/invoices", rials), 422, "invalid-request")
    await merged(store, member["customer_id"], other)
    assert ok(await till.post("/v1/invoices", body | {"customer_id": other}), 201)["transaction_id"] == sale["id"]


async def test_of_payments_at_once_only_what_is_owed_is_taken(till: Till, second_process: Till) -> None:
    for _ in range(10):
        path, _ = await billed(till)
        answers = await asyncio.gather(*(pay((till, second_process)[number % 2], path, 400, 5) for number in range(4)))
        assert Counter(answer.status_code for answer in answers) == {200: 2, 409: 2}
        assert {answer.json()["rule"] for answer in answers if answer.status_code == 409} == {"over-payment"}
        assert ok(await till.get(path))["outstanding"] == 200


async def test_the_same_number_at_once_is_given_once(till: Till, second_process: Till) -> None:
    body = {"customer_id": str(uuid.uuid4()), "document": uuid.uuid4().hex, "amount": euros(5), "due_at": "2199-01-01T00:00:00Z"}
    answers = await asyncio.gather(*(client.post("/v1/invoices", body) for client in (till, second_process) * 3))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 5}


async def test_invoices_are_listed_by_customer_state_and_lateness(till: Till, store: EventStore) -> None:
    one, other = str(uuid.uuid4()), str(uuid.uuid4())
    _, late = await billed(till, customer_id=one)
    part, partly = await billed(till, customer_id=other, due_at=june(8))
    ok(await pay(till, part, 1, 2))
    _, future = await billed(till, customer_id=one, due_at="2199-01-01T00:00:00Z")
    path, done = await billed(till, customer_id=one, due_at=june(9))
    ok(await pay(till, path, 1000, 2))
    await merged(store, other, one)

    async def listed(query: str) -> list[str]:
        return [each["id"] for each in ok(await till.get(f"/v1/invoices?customer_id={one}{query}"))["items"]]

    ids = [each["id"] for each in (partly, done, late, future)]
    assert await listed("") == ids, "of the whole customer, the earliest due first"
    assert await listed("&late=true") == [partly["id"], late["id"]]
    assert await listed("&late=false") == [done["id"], future["id"]]
    assert await listed("&state=part_paid") == [partly["id"]]
    assert await listed("&state=paid&late=true") == []
    problem(await till.get("/v1/invoices?state=wish"), 422, "invalid-request")
    assert partly["id"] in [each["id"] for each in ok(await till.get("/v1/invoices?late=true&limit=200"))["items"]]
    await merged(store, other, None)
    assert await listed("&state=part_paid") == [], "parted again"


def test_in_whatever_order_it_is_told_the_account_is_the_same() -> None:
    happened = [("pay", 300, 3), ("due", 25, 5), ("pay", 200, 12), ("pay", 100, 26), ("off", 0, 28)]
    ends = set()
    for order in permutations(happened):
        if order.index(happened[4]) < order.index(happened[3]) and order[-1] != happened[4]:
            continue  # that a payment came after the giving up is refused, and tested above
        known, last = _issued(), dict[uuid.UUID, Any]()
        for kind, what, day in order:
            at, name = JUNE + timedelta(days=day - 1), uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}{day}")
            match kind:
                case "pay":
                    said = invoice.pay(known, payment_id=name, amount=what, currency="EUR", at=at)
                case "due":
                    said = invoice.change_due_date(known, entry_id=name, due_at=JUNE + timedelta(days=what - 1), at=at)
                case _:
                    said = invoice.write_off(known, entry_id=name, reason=None, at=at)
            for each in said:
                assert isinstance(each, At)
                known = invoice.evolve(known, Fact(each.event, uuid.uuid4(), each.occurred_at))
                last[each.event.entry_id] = each.event  # type: ignore[union-attr]  # all but issued
        ends.add(tuple(sorted((event.type, event.amount, event.outstanding, event.days_late) for event in last.values())))
    assert ends == {
        (("invoice.due_date_changed", 700, 700, 0), ("invoice.part_paid", 100, 400, 1), ("invoice.part_paid", 200, 500, 0),
         ("invoice.part_paid", 300, 700, 0), ("invoice.written_off", 400, 0, 3))
    }  # fmt: skip


def _issued() -> Invoice:
    told = InvoiceIssued(
        invoice_id=uuid.uuid4(), document="F-1", amount=1000, outstanding=1000, currency="EUR", issued_at=JUNE, due_at=JUNE + timedelta(days=9), days_late=0
    )
    return invoice.evolve(Invoice(), Fact(told, uuid.uuid4(), JUNE))
