"""Is a complaint made good step by step, and is what makes no sense refused by name?"""

import uuid
from typing import Any

from crm_events.store.store import EventStore
from tickets_client import Desk, ok


async def offered(desk: Desk, ticket: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return ok(await desk.post(f"/v1/tickets/{ticket['id']}/recoveries", {"kind": "points", "points": 200} | fields), 201)


async def step(desk: Desk, recovery: dict[str, Any], name: str, **fields: Any) -> Any:
    return await desk.post(f"/v1/tickets/{recovery['ticket_id']}/recoveries/{recovery['id']}/{name}", fields)


def refused(answer: Any, rule: str) -> None:
    assert (answer.status_code, answer.json().get("rule")) == (409, rule), answer.text


async def test_an_offer_is_accepted_and_done_and_the_ticket_tells_of_it(desk: Desk, store: EventStore) -> None:
    ticket = await desk.opened(kind="complaint")
    cause = {"root_cause": "packaging", "upheld": True, "department": "warehouse"}
    told = ok(await desk.put(f"/v1/tickets/{ticket['id']}/root-cause", cause))
    assert {name: told["root_cause"][name] for name in cause} == cause
    recovery = await offered(desk, ticket, cost={"amount": 100_000, "currency": "IRR"})
    assert (recovery["stage"], recovery["points"], recovery["cost"]) == ("offered", 200, {"amount": 100_000, "currency": "IRR"})
    for name, stage in (("acceptance", "accepted"), ("completion", "completed")):
        assert ok(await step(desk, recovery, name))["stage"] == stage
        again = ok(await step(desk, recovery, name))
        assert again["stage"] == stage and again["version"] == (await desk.read(ticket))["version"], "the same once more is nothing new"
    shown = await desk.read(ticket)
    assert [(each["id"], each["stage"]) for each in shown["recoveries"]] == [(recovery["id"], "completed")]
    assert ok(await desk.get(f"/v1/tickets/{ticket['id']}/recoveries/{recovery['id']}")) == shown["recoveries"][0]
    kinds = await store.pool.fetch("select type from events where stream_id = $1 and type like 'recovery.%' order by version", uuid.UUID(ticket["id"]))
    assert [row["type"] for row in kinds] == ["recovery.offered", "recovery.accepted", "recovery.completed"]


async def test_what_makes_no_sense_is_refused_by_name(desk: Desk) -> None:
    question, complaint = await desk.opened(kind="question"), await desk.opened(kind="complaint")
    refused(await desk.post(f"/v1/tickets/{question['id']}/recoveries", {"kind": "apology"}), "not-a-complaint")
    refused(await desk.put(f"/v1/tickets/{question['id']}/root-cause", {"root_cause": "x"}), "not-a-complaint")
    for body in ({"kind": "points"}, {"kind": "refund", "points": 3}, {"kind": "points", "points": 0}, {"kind": "hug"}):
        assert (await desk.post(f"/v1/tickets/{complaint['id']}/recoveries", body)).status_code == 422, body
    recovery = await offered(desk, complaint)
    refused(await step(desk, recovery, "completion"), "recovery-offered")
    ok(await step(desk, recovery, "refusal"))
    refused(await step(desk, recovery, "acceptance"), "recovery-declined")
    refused(await step(desk, recovery, "completion"), "recovery-declined")
    taken = await desk.post(f"/v1/tickets/{complaint['id']}/recoveries", {"kind": "apology", "id": recovery["id"]})
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/already-exists")
    elsewhere = await step(desk, recovery | {"id": str(uuid.uuid4())}, "acceptance")
    assert elsewhere.status_code == 404
    early = await step(desk, await offered(desk, complaint), "acceptance", occurred_at="2001-01-01T00:00:00Z")
    assert early.status_code == 422


async def test_an_apology_needs_nobodys_acceptance_and_a_closed_ticket_is_made_good_too(desk: Desk) -> None:
    ticket = await desk.opened(kind="complaint")
    ok(await desk.say(ticket), 201)
    ok(await desk.resolve(ticket))
    ok(await desk.post(f"/v1/tickets/{ticket['id']}/closure", {}))
    recovery = await offered(desk, ticket, kind="apology", points=None)
    assert ok(await step(desk, recovery, "completion"))["stage"] == "completed"


async def test_a_customer_takes_or_declines_what_is_offered_to_her_and_to_nobody_else(desk: Desk) -> None:
    ticket, other = await desk.opened(kind="complaint"), await desk.opened(kind="complaint")
    mine, theirs = await offered(desk, ticket), await offered(desk, other)
    herself = desk.by("self", customer=ticket["customer_id"])
    assert ok(await step(herself, mine, "acceptance"))["stage"] == "accepted"
    assert (await step(herself, theirs, "refusal")).status_code == 404
    assert (await herself.get(f"/v1/tickets/{other['id']}/recoveries/{theirs['id']}")).status_code == 404
    assert (await step(herself, mine, "completion")).status_code == 403


async def test_a_cause_told_late_is_kept_beneath_the_newer_one(desk: Desk) -> None:
    ticket = await desk.opened(kind="complaint", occurred_at="2026-03-01T08:00:00Z")
    path = f"/v1/tickets/{ticket['id']}/root-cause"
    ok(await desk.put(path, {"root_cause": "packaging", "occurred_at": "2026-03-05T08:00:00Z"}))
    late = ok(await desk.put(path, {"root_cause": "delivery", "occurred_at": "2026-03-02T08:00:00Z"}))
    assert late["root_cause"]["root_cause"] == "packaging"
