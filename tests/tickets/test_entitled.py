"""Does a customer who is entitled to come first come first: with tickets that are open, and with those to come?"""

import uuid
from typing import Any

from crm_events.consuming.record import Record
from crm_events.store.store import EventStore
from crm_tickets.entitled import by_right
from heard import record, stored
from tickets_client import Desk, ok

SINCE = "2020-01-01T00:00:00.000Z"


async def hears(store: EventStore, app: Any, *records: Record) -> None:
    handlers = by_right(store, app.state.desk)
    for each in records:
        async with store.pool.acquire() as connection:
            await handlers[each.type](connection, each)


def right(customer: str, *, scope: str = "urgent", kind: str = "priority", **fields: Any) -> Record:
    made = str(uuid.uuid4())
    told = {"entitlement_id": made, "kind": kind, "scope": scope, "valid_from": SINCE, "cause": "tier"} | fields
    return record("entitlement.granted", stream=made, customer=customer, data=told)


def ended(granted: Record) -> Record:
    made = str(granted.stream_id)
    return record("entitlement.revoked", stream=made, customer=str(granted.key), data={"entitlement_id": made, "kind": "priority", "reason": "tier"})


async def asks(desk: Desk, store: EventStore, app: Any, customer: str, **fields: Any) -> dict[str, Any]:
    """A ticket, its opening heard."""
    ticket = ok(await desk.open(customer_id=customer, **fields), 201)
    await hears(store, app, *await stored(store, "ticket.opened", stream=ticket["id"], customer=customer))
    return await now(desk, ticket)


async def now(desk: Desk, ticket: dict[str, Any]) -> dict[str, Any]:
    return ok(await desk.get(f"/v1/tickets/{ticket['id']}"))


async def test_open_tickets_and_those_to_come_get_the_priority_and_the_promise_that_goes_with_it(desk: Desk, store: EventStore, app: Any) -> None:
    customer, category = str(uuid.uuid4()), await desk.category()
    before = await asks(desk, store, app, customer, category=category)
    assert before["priority"] == "normal"
    granted = right(customer)
    await hears(store, app, granted, granted)
    raised = await now(desk, before)
    assert (raised["priority"], raised["version"]) == ("urgent", before["version"] + 1), "heard twice, raised once"
    assert (await asks(desk, store, app, customer))["priority"] == "urgent"
    assert (await asks(desk, store, app, str(uuid.uuid4())))["priority"] == "normal", "nobody else's"
    (told,) = await stored(store, "ticket.priority_set", stream=before["id"], customer=customer)
    assert b'"entitlement"' in told.value and str(granted.stream_id).encode() in told.value


async def test_a_right_lowers_no_ticket_and_leaves_what_an_agent_decided_later(desk: Desk, store: EventStore, app: Any) -> None:
    customer = str(uuid.uuid4())
    await hears(store, app, right(customer, scope="high"))
    assert (await asks(desk, store, app, customer, priority="urgent"))["priority"] == "urgent"
    ticket = await asks(desk, store, app, customer, priority="low")
    assert ticket["priority"] == "high"
    ok(await desk.put(f"/v1/tickets/{ticket['id']}/priority", {"priority": "low"}))
    await hears(store, app, *await stored(store, "ticket.opened", stream=ticket["id"], customer=customer))
    assert (await now(desk, ticket))["priority"] == "low"


async def test_the_highest_of_several_rights_counts_and_those_of_merged_ids_too(desk: Desk, store: EventStore, app: Any) -> None:
    customer, twin = str(uuid.uuid4()), str(uuid.uuid4())
    edge = "insert into customer_edge (customer_id, merged_into, position) values ($1, $2, 1)"
    await store.pool.execute(edge, uuid.UUID(twin), uuid.UUID(customer))
    await hears(store, app, right(customer, scope="high"), right(twin, scope="urgent"))
    assert (await asks(desk, store, app, customer))["priority"] == "urgent"


async def test_a_right_that_ended_or_has_not_begun_raises_nothing_more(desk: Desk, store: EventStore, app: Any) -> None:
    customer = str(uuid.uuid4())
    granted = right(customer)
    await hears(store, app, granted)
    before = await asks(desk, store, app, customer)
    await hears(store, app, ended(granted), right(customer, valid_from="2199-01-01T00:00:00.000Z"), right(customer, valid_to="2021-01-01T00:00:00.000Z"))
    await hears(store, app, right(customer, kind="special_price", scope="tea"))
    assert (await asks(desk, store, app, customer))["priority"] == "normal"
    assert (await now(desk, before))["priority"] == "urgent", "what was promised stays"


async def test_a_ticket_that_is_done_is_left_alone(desk: Desk, store: EventStore, app: Any) -> None:
    customer = str(uuid.uuid4())
    ticket = await asks(desk, store, app, customer)
    ok(
        await desk.post(
            f"/v1/tickets/{ticket['id']}/messages", {"author": {"kind": "agent", "id": "a"}, "visibility": "public", "channel": "web", "text": "x"}
        ),
        201,
    )
    ok(await desk.post(f"/v1/tickets/{ticket['id']}/resolution", {"resolution": "done", "agent_id": "a"}))
    await hears(store, app, right(customer))
    assert (await now(desk, ticket))["priority"] == "normal"
