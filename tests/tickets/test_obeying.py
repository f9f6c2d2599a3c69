"""Does a service say that it obeyed an erasure only once that is so, and once?"""

import asyncio
import json
import uuid
from typing import Any

from crm_events.language.privacy import TicketsErasureObeyed
from crm_events.obeying import Obeying, hear
from crm_events.store.store import EventStore
from prometheus_client import generate_latest
from tickets_client import Desk


async def heard(store: EventStore, customer: uuid.UUID, request: uuid.UUID) -> None:
    async with store.pool.acquire() as connection:
        for _ in range(2):  # the batch was read again
            await hear(connection, customer, request, uuid.uuid4())


async def said(store: EventStore, customer: uuid.UUID) -> list[Any]:
    rows = await store.pool.fetch("select payload from events where type = 'tickets_erasure.obeyed' and customer_id = $1", customer)
    return [json.loads(row["payload"]) for row in rows]


def unobeyed(store: EventStore) -> float:
    lines = generate_latest(store.metrics.registry).decode().splitlines()
    return float(next(line for line in lines if line.startswith("crm_erasure_unobeyed_seconds ")).split()[1])


async def test_it_is_said_once_nothing_can_be_opened_and_never_before(desk: Desk, store: EventStore) -> None:
    customer, nobody, request = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    await desk.open(customer_id=str(customer))
    await heard(store, customer, request)
    await heard(store, nobody, request)
    one, two = (Obeying(store, TicketsErasureObeyed) for _ in range(2))
    await store.pool.execute("update erasure_heard set heard_at = heard_at - interval '1 hour' where customer_id = $1", customer)
    assert await one.tick() == 1, "who waits holds nobody up"
    assert [each["counts"] for each in await said(store, nobody)] == [{"events": 0, "sealed_values": 0}]
    assert await said(store, customer) == [], "their key lives"
    assert unobeyed(store) > 3_000
    await store.vault.destroy([customer])
    await asyncio.gather(one.tick(), two.tick())
    (told,) = await said(store, customer)
    assert (told["request_id"], told["member_id"]) == (str(request), str(customer))
    assert told["counts"]["events"] >= 1 and told["counts"]["sealed_values"] >= 2, "subject and text, in the event and in the row"
    assert await one.tick() == 0
    assert unobeyed(store) == 0
    await store.pool.execute("update erasure_heard set obeyed_at = null where customer_id = $1", customer)  # died between saying and noting
    await two.tick()
    assert len(await said(store, customer)) == 1
