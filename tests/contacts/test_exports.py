"""Is the wish to see what is known of oneself kept, answered once, or refused for a reason?"""

import uuid
from datetime import datetime, timedelta

import orjson
from contacts_client import Api, ok, problem
from crm_contacts.exports_api import DELIVERED, deliveries
from crm_contacts.privacy_request import PRIVACY_REQUESTS
from crm_events.consuming.record import Record
from crm_events.store.store import EventStore


async def delivered(store: EventStore, request: str, customer: str) -> None:
    """As heard from reporting's topic."""
    value = orjson.dumps({"request_id": request, "member_id": customer})
    head = {"ce_type": DELIVERED.encode(), "ce_id": str(uuid.uuid4()).encode(), "ce_partitionkey": str(uuid.uuid4()).encode()}
    record = Record("reporting", "t", 0, 1, 0, 1, 0, head, value)
    async with store.pool.acquire() as connection:
        await deliveries(store)[DELIVERED](connection, record)


async def test_a_request_is_due_in_a_month_and_answered_by_what_was_handed_out(api: Api, store: EventStore) -> None:
    one, two, stranger = [(await api.person())["id"] for _ in range(3)]
    ok(await api.merge(one, two), 201)
    asked = ok(await api.post("/v1/privacy/exports", {"customer_id": one, "occurred_at": "2026-11-01T08:00:00Z"}), 201)
    assert datetime.fromisoformat(asked["due_at"]) - datetime.fromisoformat(asked["occurred_at"]) == timedelta(days=30)
    path = f"/v1/privacy/exports/{asked['id']}"
    await delivered(store, asked["id"], stranger)
    await delivered(store, str(uuid.uuid4()), one)
    assert ok(await api.get(path)) == asked, "somebody else's data answer nothing"
    for _ in range(2):
        await delivered(store, asked["id"], two)
    done = ok(await api.get(path))
    assert (done["state"], done["version"]) == ("exported", 2)
    assert problem(await api.post(f"{path}/refusal", {"reason": "excessive"}), 409, "rejected")["rule"] == "already-answered"
    assert (await store.read(PRIVACY_REQUESTS, uuid.UUID(asked["id"]))).state.certificate is None


async def test_a_refusal_has_a_reason_and_stands(api: Api, store: EventStore) -> None:
    customer = (await api.person())["id"]
    asked = ok(await api.post("/v1/privacy/exports", {"customer_id": customer}), 201)
    path = f"/v1/privacy/exports/{asked['id']}"
    for _ in range(2):
        refused = ok(await api.post(f"{path}/refusal", {"reason": "not_identified"}))
    assert (refused["state"], refused["reason"], refused["version"]) == ("refused", "not_identified", 2)
    assert problem(await api.post(f"{path}/refusal", {"reason": "excessive"}), 409, "rejected")["rule"] == "already-refused"
    await delivered(store, asked["id"], customer)
    assert ok(await api.get(path))["state"] == "refused"


async def test_what_cannot_be_asked_is_refused(api: Api) -> None:
    problem(await api.post("/v1/privacy/exports", {"customer_id": str(uuid.uuid4())}), 404, "not-found")
    customer, other = [(await api.person())["id"] for _ in range(2)]
    asked = ok(await api.post("/v1/privacy/exports", {"customer_id": customer}), 201)
    problem(await api.post("/v1/privacy/exports", {"customer_id": other, "id": asked["id"]}), 409, "already-exists")
    problem(await api.post("/v1/privacy/exports", {"customer_id": other, "id": other}), 409, "already-exists")
    for unknown in (uuid.uuid4(), other):
        problem(await api.get(f"/v1/privacy/exports/{unknown}"), 404, "not-found")
        problem(await api.post(f"/v1/privacy/exports/{unknown}/refusal", {"reason": "x"}), 404, "not-found")
    erased = ok(await api.post("/v1/privacy/erasures", {"customer_id": customer}), 201)
    problem(await api.post("/v1/privacy/exports", {"customer_id": customer}), 410, "gone")
    problem(await api.get(f"/v1/privacy/exports/{erased['id']}"), 404, "not-found")
