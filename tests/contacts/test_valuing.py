"""Is it known how far the relation with a customer is, since when and why, and what they expect, value and buy elsewhere?"""

import json
import uuid
from typing import Any

from contacts_client import Api, ok, problem
from crm_events.store.store import EventStore
from crm_events.store.verify import verify


async def told(store: EventStore, customer: str, kind: str) -> list[dict[str, Any]]:
    rows = await store.pool.fetch("select payload from events where stream_id = $1 and type = $2 order by version", uuid.UUID(customer), kind)
    return [json.loads(row["payload"]) for row in rows]


async def test_a_stage_is_entered_from_the_one_before_and_a_late_one_overwrites_nothing(api: Api, store: EventStore) -> None:
    customer = (await api.person(occurred_at="2026-01-01T00:00:00Z"))["id"]
    path, purchase = f"/v1/contacts/{customer}/lifecycle-stage", str(uuid.uuid4())

    async def entered(stage: str, month: int, **more: Any) -> Any:
        return ok(await api.put(path, {"stage": stage, "occurred_at": f"2026-{month:02}-01T00:00:00Z"} | more))["lifecycle_stage"]

    assert (await api.contact(customer))["lifecycle_stage"] is None
    assert await entered("prospect", 2) == "prospect"
    assert await entered("repeat", 5, cause="purchase", cause_event_id=purchase) == "repeat"
    assert await entered("first_time", 3) == "repeat", "told late"
    assert await entered("repeat", 6) == "repeat"
    assert await told(store, customer, "contact.lifecycle_changed") == [
        {"stage": "prospect", "cause": "manual"},
        {"stage": "repeat", "previous_stage": "prospect", "previous_since": "2026-02-01T00:00:00.000Z", "cause": "purchase", "cause_event_id": purchase},
        {"stage": "first_time", "cause": "manual"},
    ]
    assert (await verify(store)).whole


async def test_only_who_was_lost_or_silent_is_won_back(api: Api) -> None:
    customer = (await api.person())["id"]
    path = f"/v1/contacts/{customer}/lifecycle-stage"
    for stage in (None, "loyal"):
        if stage:
            ok(await api.put(path, {"stage": stage}))
        refused = problem(await api.put(path, {"stage": "won_back"}), 409, "rejected")
        assert (refused["rule"], refused["lifecycle_stage"]) == ("not-lost", stage)
    for stage in ("lost", "won_back", "dormant", "won_back"):
        assert ok(await api.put(path, {"stage": stage, "cause": "silence"}))["lifecycle_stage"] == stage
    problem(await api.put(path, {"stage": "best_friend"}), 422, "invalid-request")


async def test_what_they_expect_value_and_buy_elsewhere_is_told_as_it_was_said(api: Api, store: EventStore) -> None:
    customer = (await api.person())["id"]
    where = f"/v1/contacts/{customer}"
    said = [
        ("expectations", "expectation.recorded", {"dimension": "تحویل", "score": 9, "scale_min": 1, "scale_max": 10}),
        ("value-weights", "value_weight.recorded", {"value": "تازگی", "weight": 70}),
        ("competitor-uses", "competitor_use.reported", {"category": "چای", "competitor": "بازار", "rank": 2, "of": 3}),
        ("competitor-uses", "competitor_use.reported", {"category": "tea", "competitor": "b", "spend": {"amount": 5, "currency": "IRR"}, "period_days": 30}),
    ]  # fmt: skip
    for part, _, body in said:
        assert ok(await api.post(f"{where}/{part}", body))["id"] == customer
    for kind in {kind for _, kind, _ in said}:
        assert await told(store, customer, kind) == [body for _, each, body in said if each == kind]
    wrong = [
        ("expectations", {"dimension": "d", "score": 11, "scale_min": 1, "scale_max": 10}),
        ("expectations", {"dimension": "d", "score": 1, "scale_min": 1, "scale_max": 1}),
        ("value-weights", {"value": "v", "weight": 0}), ("competitor-uses", {"category": "c", "competitor": "x", "rank": 4, "of": 3}),
    ]  # fmt: skip
    for part, body in wrong:
        problem(await api.post(f"{where}/{part}", body), 422, "invalid-request")
    for part, _, body in said[:3]:
        problem(await api.post(f"/v1/contacts/{uuid.uuid4()}/{part}", body), 404, "not-found")
    assert (await api.contact(customer))["version"] == 5
    ok(await api.post("/v1/privacy/erasures", {"customer_id": customer}), 201)
    problem(await api.put(f"{where}/lifecycle-stage", {"stage": "lost"}), 410, "gone")
