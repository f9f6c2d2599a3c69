"""Is every chance to sell followed to its one end, and is the work it took counted?"""

import asyncio
import json
import uuid
from typing import Any

from contacts_client import Api, ok, problem
from crm_events.store.store import EventStore
from crm_events.store.verify import verify


def rials(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "IRR"}


async def opened(api: Api, customer: str, **body: Any) -> tuple[str, dict[str, Any]]:
    """Where it is, and what it is like."""
    told = {"stage": "پیشنهاد", "amount": rials(900), "agent_id": "agent-7"} | body
    answer = await api.post(f"/v1/contacts/{customer}/opportunities", told)
    return answer.headers["Location"], ok(answer, 201)


async def test_an_opportunity_moves_through_its_stages_to_one_end(api: Api, store: EventStore) -> None:
    customer = (await api.person(occurred_at="2026-01-01T00:00:00Z"))["id"]
    path, first = await opened(api, customer, category="چای", occurred_at="2026-02-01T00:00:00Z")
    moved = {"stage": "مذاکره", "amount": rials(1200), "occurred_at": "2026-02-05T00:00:00Z"}
    shown = ok(await api.put(f"{path}/stage", moved))
    assert (shown["stage"], shown["since"], shown["amount"], shown["version"]) == ("مذاکره", "2026-02-05T00:00:00.000Z", rials(1200), 2)
    assert ok(await api.put(f"{path}/stage", moved))["version"] == 2, "where it is already is nothing new"
    late = ok(await api.put(f"{path}/stage", {"stage": "تماس", "occurred_at": "2026-02-02T00:00:00Z"}))
    assert (late["stage"], late["version"]) == ("مذاکره", 3), "told late it overwrites nothing"
    purchase = str(uuid.uuid4())
    won = ok(await api.post(f"{path}/win", {"transaction_id": purchase, "occurred_at": "2026-02-09T00:00:00Z"}))
    assert (won["ended"], won["ended_at"], won["transaction_id"], won["amount"]) == ("won", "2026-02-09T00:00:00.000Z", purchase, rials(1200))
    assert ok(await api.post(f"{path}/win", {})) == won
    for end, body in (("loss", {"reason": "قیمت"}), ("stage", {"stage": "تماس"})):
        refused = problem(await api.send("PUT" if end == "stage" else "POST", f"{path}/{end}", body), 409, "rejected")
        assert (refused["rule"], refused["ended"]) == ("opportunity-ended", "won")
    assert ok(await api.get(path)) == won
    rows = await store.pool.fetch("select type, payload from events where stream_id = $1 order by version", uuid.UUID(first["id"]))
    told = [(row["type"], json.loads(row["payload"])) for row in rows]
    assert [kind.partition(".")[2] for kind, _ in told] == ["opened", "stage_changed", "stage_changed", "won"]
    assert told[3][1] == {
        "opportunity_id": first["id"], "stage": "مذاکره", "previous_stage": "مذاکره", "previous_since": "2026-02-05T00:00:00.000Z", "amount": rials(1200),
        "category": "چای", "agent_id": "agent-7", "opened_at": "2026-02-01T00:00:00.000Z", "transaction_id": purchase,
    }  # fmt: skip
    assert "previous_stage" not in told[2][1]
    assert (await verify(store)).whole


async def test_what_is_lost_says_why_and_to_whom(api: Api) -> None:
    path, _ = await opened(api, (await api.person())["id"])
    problem(await api.post(f"{path}/loss", {}), 422, "invalid-request")
    lost = ok(await api.post(f"{path}/loss", {"reason": "price", "competitor": "بازار"}))
    assert (lost["ended"], lost["reason"], lost["competitor"], lost["transaction_id"]) == ("lost", "price", "بازار", None)
    assert problem(await api.post(f"{path}/win", {}), 409, "rejected")["ended"] == "lost"


async def test_of_a_win_and_a_loss_at_once_one_holds_twenty_times_over(api: Api) -> None:
    customer = (await api.person())["id"]
    for _ in range(20):
        path, _ = await opened(api, customer)
        answers = await asyncio.gather(api.post(f"{path}/win", {}), api.post(f"{path}/loss", {"reason": "price"}))
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_effort_is_counted_once_and_only_on_an_opportunity_of_the_customer(api: Api, store: EventStore) -> None:
    customer, twin, stranger = [(await api.person())["id"] for _ in range(3)]
    _, chance = await opened(api, twin)
    body = {"agent_id": "agent-7", "role": "seller", "activity": "visit", "goal": "acquisition", "seconds": 1800, "customer_facing": True}
    path = f"/v1/contacts/{customer}/sales-efforts"
    logged = ok(await api.post(path, body, key="visit-of-monday"), 201)
    assert (logged["seconds"], logged["customer_facing"], logged["opportunity_id"], logged["customer_id"]) == (1800, True, None, customer)
    assert ok(await api.post(path, body, key="visit-of-monday"), 201)["id"] == logged["id"]
    problem(await api.post(path, body | {"id": logged["id"]}), 409, "already-exists")
    problem(await api.post(path, body | {"opportunity_id": chance["id"]}), 422, "invalid-request")
    ok(await api.merge(customer, twin), 201)
    assert ok(await api.post(path, body | {"opportunity_id": chance["id"]}), 201)["opportunity_id"] == chance["id"], "of whichever contact of the customer"
    rows = await store.pool.fetch("select type from events where customer_id = $1 and type = 'sales_effort.logged'", uuid.UUID(customer))
    assert len(rows) == 2
    problem(await api.post(f"/v1/contacts/{stranger}/sales-efforts", body | {"seconds": -1}), 422, "invalid-request")


async def test_nothing_is_sold_to_who_is_not_there_or_asked_to_be_forgotten(api: Api) -> None:
    body = {"stage": "s", "amount": rials(1), "agent_id": "a"}
    problem(await api.post(f"/v1/contacts/{uuid.uuid4()}/opportunities", body), 404, "not-found")
    customer = (await api.person())["id"]
    path, chance = await opened(api, customer)
    problem(await api.post(f"/v1/contacts/{customer}/opportunities", body | {"id": chance["id"]}), 409, "already-exists")
    problem(await api.get(f"/v1/contacts/{(await api.person())['id']}/opportunities/{chance['id']}"), 404, "not-found")
    ok(await api.post("/v1/privacy/erasures", {"customer_id": customer}), 201)
    problem(await api.post(f"{path}/win", {}), 410, "gone")
    problem(await api.post(f"/v1/contacts/{customer}/opportunities", body), 410, "gone")
