"""Is what customers and staff tell us kept sealed, linked to what was changed because of it, and decided about once?"""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from crm_events.deciding import Fact
from crm_events.language.improvement import IdeaProposed, IdeaStatus, IdeaStatusChanged
from crm_events.refusals import NotFound, Rejected
from crm_events.store.store import EventStore
from crm_tickets import idea
from crm_tickets.idea import AFTER, Idea
from tickets_client import Desk, ok

TOLD: dict[str, Any] = {"source": "interview", "topic": "بسته‌بندی", "department": "warehouse", "sentiment": "negative", "text": "جعبه‌ها همیشه خیس می‌رسند."}
BETTER: dict[str, Any] = {"department": "warehouse", "title": "جعبهٔ دوجداره", "text": "جعبهٔ دوجداره در باران هم خشک می‌ماند."}


async def captured(desk: Desk, **fields: Any) -> dict[str, Any]:
    return ok(await desk.post("/v1/feedback", TOLD | fields), 201)


async def proposed(desk: Desk, **fields: Any) -> dict[str, Any]:
    return ok(await desk.post("/v1/ideas", BETTER | fields), 201)


async def told_of(store: EventStore, one: dict[str, Any]) -> list[Any]:
    return list(await store.pool.fetch("select type, payload, customer_id from events where stream_id = $1 order by version", uuid.UUID(one["id"])))


def refused(answer: Any, rule: str) -> None:
    assert (answer.status_code, answer.json().get("rule")) == (409, rule), answer.text


def refused_at(answer: Any, pointer: str, code: str) -> None:
    assert answer.status_code == 422 and [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, code)], answer.text


async def test_feedback_is_sealed_and_closed_by_what_was_changed_because_of_it(desk: Desk, store: EventStore) -> None:
    customer = str(uuid.uuid4())
    one, ours = await captured(desk, customer_id=customer, occurred_at="2026-03-01T08:00:00Z"), await proposed(desk)
    assert {name: one[name] for name in TOLD} == TOLD and one["actions"] == []
    path = f"/v1/feedback/{one['id']}/actions"
    ok(await desk.post(path, {"change": "double-boxes", "idea_id": ours["id"], "occurred_at": "2026-04-01T08:00:00Z"}))
    late = ok(await desk.post(path, {"change": "plastic-wrap", "occurred_at": "2026-03-05T08:00:00Z"}))
    assert [each["change"] for each in late["actions"]] == ["plastic-wrap", "double-boxes"], "told late, it stands in its place"
    again = ok(await desk.post(path, {"change": "plastic-wrap"}))
    assert again["version"] == late["version"], "the same change is nothing new"
    told = await told_of(store, one)
    assert [row["type"] for row in told] == ["feedback.captured", "feedback.acted_on", "feedback.acted_on"]
    assert all(row["customer_id"] == uuid.UUID(customer) and "خیس" not in row["payload"] for row in told)
    assert '"captured_at":"2026-03-01T08:00:00.000Z"' in told[1]["payload"] and ours["id"] in told[1]["payload"]


async def test_of_two_who_act_on_it_alike_at_once_one_is_told(desk: Desk, second_process: Desk, store: EventStore) -> None:
    one = await captured(desk)
    for answer in await asyncio.gather(*(at.post(f"/v1/feedback/{one['id']}/actions", {"change": "same"}) for at in (desk, second_process, desk))):
        assert [each["change"] for each in ok(answer)["actions"]] == ["same"]
    assert len(await told_of(store, one)) == 2


async def test_what_staff_say_is_about_no_customer_and_sealed_all_the_same(desk: Desk, store: EventStore) -> None:
    one, ours = await captured(desk), await proposed(desk)
    assert (one["customer_id"], ours["customer_id"], ours["proposer_kind"]) == (None, None, "staff")
    for made in (one, ours):
        [row] = await told_of(store, made)
        assert row["customer_id"] == uuid.UUID(made["id"]) and "s1." in row["payload"]
        assert not [text for text in (TOLD["text"], BETTER["title"], BETTER["text"]) if text in row["payload"]]


async def test_an_idea_goes_its_way_once(desk: Desk, second_process: Desk, store: EventStore) -> None:
    one = await captured(desk)
    made = await proposed(desk, feedback_ids=[one["id"]], customer_id=str(uuid.uuid4()))
    assert (made["status"], made["proposer_kind"], made["feedback_ids"]) == ("proposed", "customer", [one["id"]])
    path = f"/v1/ideas/{made['id']}/status"
    refused(await desk.put(path, {"status": "adopted"}), "idea-proposed")
    ok(await desk.put(path, {"status": "accepted"}))
    both = await asyncio.gather(desk.put(path, {"status": "adopted"}), second_process.put(path, {"status": "declined"}))
    assert sorted(answer.status_code for answer in both) == [200, 409], "of two who decide otherwise at once, one does"
    assert [row["type"] for row in await told_of(store, made)] == ["idea.proposed", "idea.status_changed", "idea.status_changed"]


@pytest.mark.parametrize("status", AFTER)
def test_only_the_steps_that_are_named_are_taken(status: IdeaStatus) -> None:
    first = IdeaProposed(idea_id=uuid.uuid4(), proposer_kind="staff", title="s1", text="s1", feedback_ids=())
    at = datetime(2026, 3, 1, tzinfo=UTC)
    known = idea.evolve(Idea(), Fact(first, uuid.uuid4(), at))
    moved = IdeaStatusChanged(idea_id=first.idea_id, status=status, previous="proposed", proposer_kind="staff", proposed_at=at)
    known = idea.evolve(known, Fact(moved, uuid.uuid4(), at))
    for target in AFTER:
        if target == status:
            assert idea.set_status(known, status=target, at=at) == []
        elif target in AFTER[status]:
            [event] = idea.set_status(known, status=target, at=at)
            assert isinstance(event, IdeaStatusChanged) and (event.previous, event.proposed_at) == (status, at)
        else:
            with pytest.raises(Rejected):
                idea.set_status(known, status=target, at=at)
    with pytest.raises(NotFound):
        idea.set_status(Idea(), status="accepted", at=at)


async def test_lists_tell_what_waits_and_find_the_merged_customers(desk: Desk, store: EventStore) -> None:
    customer, survivor, topic = str(uuid.uuid4()), str(uuid.uuid4()), uuid.uuid4().hex
    waits, done = [await captured(desk, customer_id=customer, topic=topic, occurred_at=f"2026-03-0{day}T08:00:00Z") for day in (1, 2)]
    ok(await desk.post(f"/v1/feedback/{done['id']}/actions", {"change": "x"}))
    mine = await proposed(desk, customer_id=customer, department=topic)
    await store.pool.execute("insert into customer_edge (customer_id, merged_into, position) values ($1, $2, 1)", uuid.UUID(customer), uuid.UUID(survivor))
    for asked, found in ((f"topic={topic}", [done, waits]), (f"topic={topic}&acted_on=false", [waits]), (f"customer_id={survivor}&acted_on=true", [done])):
        assert [one["id"] for one in ok(await desk.get(f"/v1/feedback?{asked}"))["items"]] == [one["id"] for one in found], asked
    for asked, ids in (
        (f"department={topic}", [mine["id"]]),
        (f"customer_id={survivor}&status=proposed", [mine["id"]]),
        (f"department={topic}&status=adopted", []),
    ):
        assert [one["id"] for one in ok(await desk.get(f"/v1/ideas?{asked}"))["items"]] == ids, asked


async def test_what_makes_no_sense_is_refused(desk: Desk, store: EventStore) -> None:
    gone, one = str(uuid.uuid4()), await captured(desk)
    await store.pool.execute("insert into customer_edge (customer_id, position, erased) values ($1, 1, true)", uuid.UUID(gone))
    for path, told in (("/v1/feedback", TOLD), ("/v1/ideas", BETTER)):
        assert (await desk.post(path, told | {"customer_id": gone})).status_code == 410
        assert (await desk.post(path, told | {"text": ""})).status_code == 422
    assert (await desk.post("/v1/ideas", BETTER | {"feedback_ids": [one["id"], str(uuid.uuid4())]})).status_code == 422
    assert (await desk.post(f"/v1/feedback/{one['id']}/actions", {"change": "x", "idea_id": str(uuid.uuid4())})).status_code == 422
    assert (await desk.post(f"/v1/feedback/{one['id']}/actions", {"change": "x", "occurred_at": "2001-01-01T00:00:00Z"})).status_code == 422
    assert (await desk.post(f"/v1/feedback/{uuid.uuid4()}/actions", {"change": "x"})).status_code == 404
    assert (await desk.put(f"/v1/ideas/{uuid.uuid4()}/status", {"status": "accepted"})).status_code == 404
    herself = desk.by("self", customer=gone)
    assert (await herself.post("/v1/ideas", BETTER)).status_code == 404, "a customer proposes in its own name"
    refused_at(await desk.post("/v1/ideas", BETTER | {"feedback_ids": [one["id"], one["id"]]}), "/feedback_ids/1", "twice")
    assert (await herself.get("/v1/ideas")).status_code == 403


async def test_a_customer_links_its_own_feedback_and_is_not_told_of_anybody_elses(desk: Desk, store: EventStore) -> None:
    customer, before = str(uuid.uuid4()), str(uuid.uuid4())
    await store.pool.execute("insert into customer_edge (customer_id, merged_into, position) values ($1, $2, 1)", uuid.UUID(before), uuid.UUID(customer))
    ours, theirs, nobodys = [await captured(desk, customer_id=each) for each in (before, str(uuid.uuid4()))] + [await captured(desk)]
    herself = desk.by("self", customer=customer)
    for other in (theirs["id"], nobodys["id"], str(uuid.uuid4())):
        refused_at(await herself.post("/v1/ideas", BETTER | {"customer_id": customer, "feedback_ids": [ours["id"], other]}), "/feedback_ids/1", "unknown")
    mine = ok(await herself.post("/v1/ideas", BETTER | {"customer_id": customer, "feedback_ids": [ours["id"]]}), 201)
    assert (mine["proposer_kind"], mine["feedback_ids"]) == ("customer", [ours["id"]])
    assert ok(await desk.post("/v1/ideas", BETTER | {"feedback_ids": [theirs["id"], nobodys["id"]]}), 201)["proposer_kind"] == "staff"


async def test_what_is_about_a_customer_has_an_id_of_its_own_lest_it_be_taken_for_nobodys(desk: Desk) -> None:
    customer = str(uuid.uuid4())
    for path, told in (("/v1/feedback", TOLD), ("/v1/ideas", BETTER)):
        refused_at(await desk.post(path, told | {"id": customer, "customer_id": customer}), "/id", "the-customers")
    assert (await captured(desk, id=customer))["customer_id"] is None, "nobody's may have any id"
