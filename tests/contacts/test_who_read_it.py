"""Is everybody on record who was told personal text, with whose it was, and nobody else?"""

import asyncio
import uuid
from typing import Any

import pytest
from contacts_client import Api, mail, ok, problem
from crm_chassis import audit
from crm_events.store.store import EventStore


async def rows(store: EventStore, *customers: str) -> list[Any]:
    """Who was told something of these customers, once no row waits."""
    found = await store.pool.fetch(
        "select actor, operation, customer_id::text as of, opened from access where customer_id = any($1::uuid[]) order by at", customers
    )
    return [(row["operation"], row["of"]) for row in found if row["opened"] and row["actor"].startswith("agent:")]


async def until(store: EventStore, *customers: str, told: list[Any]) -> None:
    """Rows are written a moment later."""
    async with asyncio.timeout(20):
        while sorted(await rows(store, *customers)) != sorted(told):
            await asyncio.sleep(0.02)


async def test_whoever_is_told_personal_text_is_on_record(api: Api, store: EventStore) -> None:
    one, two, three = [(await api.person(name="سودابه", identifiers=[mail()]))["id"] for _ in range(3)]
    await until(store, one, told=[("registerContact", one)])  # who tells it is told it back
    await api.contact(one)
    blind = api.by("contacts:read")
    assert ok(await blind.get(f"/v1/contacts/{one}"))["name"] is None
    problem(await api.get(f"/v1/contacts/{uuid.uuid4()}"), 404, "not-found")
    ok(await api.merge(two, three), 201)
    ok(await api.get(f"/v1/contacts/{three}"))
    await until(store, two, three, told=[("registerContact", two), ("registerContact", three), ("mergeContacts", three), ("getContact", two)])
    await until(store, one, told=[("registerContact", one), ("getContact", one)])  # who may not see it read nothing of it
    texts = await store.pool.fetch("select row_to_json(a)::text as line from access a where customer_id = $1", uuid.UUID(one))
    assert not any("سودابه" in row["line"] for row in texts)


async def test_a_list_leaves_a_row_for_each_customer_in_it(api: Api, store: EventStore) -> None:
    name = f"Soudabeh {uuid.uuid4().hex[:10]}"
    customers = {(await api.person(name=name))["id"] for _ in range(2)}
    assert set(await api.found(name=name)) == customers
    await until(store, *customers, told=[(operation, each) for operation in ("registerContact", "lookupContacts") for each in customers])


async def test_nothing_is_told_that_cannot_be_put_on_record(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = (await api.person(name="سودابه"))["id"]
    monkeypatch.setattr(audit, "MOST", 0)
    refused = problem(await api.get(f"/v1/contacts/{customer}"), 503, "dependency-unavailable")
    assert "سودابه" not in str(refused)
    assert ok(await api.by("contacts:read").get(f"/v1/contacts/{customer}"))["id"] == customer, "without personal text there is nothing to put on record"
    monkeypatch.undo()
    assert (await api.contact(customer))["name"] == "سودابه"
