"""Does a client without Kafka get every event once, in order, opened for whom it may be, and is each look on record?"""

import json
import uuid
from typing import Any

import asyncpg
import httpx2
import pytest
from contacts_client import Api, problem
from crm_events.language.contacts import PrivacyErasureRequested
from crm_reporting import events_page
from reporting_story import Story


def lines(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def read(api: Api, query: str = "", *, limit: int = 2) -> list[dict[str, Any]]:
    """All there is, an answer at a time, as a client would."""
    found, after = list[dict[str, Any]](), 0
    while True:
        answer = await api.get(f"/v1/events?after={after}&limit={limit}{query}")
        found += lines(answer)
        assert int(answer.headers["Next-After"]) >= after
        after = int(answer.headers["Next-After"])
        if after == int(answer.headers["Journal-End"]):
            return found


async def test_every_event_comes_once_in_order_and_as_it_is_on_the_topic(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    ann, bob = await story.person("آن"), await story.person("باب")
    for each in (ann, bob, ann):
        await story.call(each)
    found = await read(api)
    assert [event["journalid"] for event in found] == list(range(1, 6))
    assert [event["data"]["name"] for event in found[:2]] == ["آن", "باب"]
    assert {event["data"]["text"] for event in found[2:]} == {"راز"}
    rows = await connection.fetch("select event_id::text as id, type, position, customer_id::text as subject from journal order by journal.id")
    assert [(event["id"], event["type"], event["position"], event["subject"]) for event in found] == [
        (row["id"], row["type"], str(row["position"]), row["subject"]) for row in rows
    ]
    assert found[0]["specversion"] == "1.0" and found[0]["source"] == "/contacts" and found[0]["dataschema"].endswith("/schemas/contact.registered/1")
    schemas = [await api.get(httpx2.URL(event["dataschema"]).path) for event in found]
    assert {schema.status_code for schema in schemas} == {200}, "its schema is where it says"
    assert lines(await api.get("/v1/events?after=5")) == []


async def test_what_does_not_fit_is_passed_over_and_costs_a_bounded_look(api: Api, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_page, "LOOKED_AT", 3)
    ann = await story.person()
    for _ in range(8):
        await story.call(ann)
    bob = await story.person()
    assert [event["journalid"] for event in await read(api, "&types=contact.registered")] == [1, 10]
    first = await api.get("/v1/events?types=contact.registered&after=1")
    assert (lines(first), first.headers["Next-After"], first.headers["Journal-End"]) == ([], "4", "10")
    assert [event["journalid"] for event in await read(api, f"&customer_id={bob}")] == [10]
    assert await read(api, "&source=loyalty") == []
    assert len(await read(api, "&source=contacts,loyalty", limit=1000)) == 10


async def test_without_the_scope_personal_fields_are_null_and_named(api: Api, story: Story) -> None:
    await story.person()
    (event,) = await read(api.by("reporting:read"))
    assert event["data"]["name"] is None
    assert event["redacted"] == ["data.name"]
    problem(await api.by("personal:read").get("/v1/events"), 403, "forbidden")
    problem(await api.by("self", customer=str(uuid.uuid4())).get("/v1/events"), 403, "forbidden")


async def test_the_erased_are_closed_from_their_asking_on_and_their_neighbours_open(api: Api, story: Story) -> None:
    ann, _ = await story.person("آن"), await story.person("باب")
    await story.tell(PrivacyErasureRequested(request_id=uuid.uuid4()), ann)
    for _ in range(2):
        hers, his, asked = await read(api, limit=50)
        assert (hers["data"]["name"], hers["redacted"]) == (None, ["data.name"])
        assert (his["data"]["name"], "redacted" in his) == ("باب", False)
        assert asked["type"] == "privacy.erasure_requested"
        assert "آن" not in (await api.get(f"/v1/events?customer_id={ann}")).text
        await story.vault.destroy([ann])


async def test_what_cannot_be_read_is_withheld_and_leaves_no_gap(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    await story.person()
    await connection.execute("""update journal set payload = jsonb_set(payload::jsonb, '{name}', '"in clear"')::json""")
    (event,) = await read(api)
    assert (event["journalid"], event["data"], event["withheld"]) == (1, None, "a personal field is not sealed")


async def test_each_look_is_on_record_for_each_customer(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    ann, bob = await story.person(), await story.person()
    await story.call(ann)
    await read(api, limit=50)
    rows = await connection.fetch("select customer_id, operation, opened from access")
    assert {(row["customer_id"], row["operation"], row["opened"]) for row in rows} == {(ann, "listEvents", True), (bob, "listEvents", True)}
    assert len(rows) == 2


ODD = ("after=-1", "after=x", "limit=0", "limit=1001", "source=nowhere", "after=9223372036854775807", "customer_id=ann", "before=1")


@pytest.mark.parametrize("query", ODD)
async def test_odd_questions_are_told_what_is_wrong(api: Api, query: str) -> None:
    problem(await api.get(f"/v1/events?{query}"), 422, "invalid-request")


async def test_a_place_of_another_journal_is_no_place(api: Api, story: Story) -> None:
    await story.person()
    assert "ends at 1" in problem(await api.get("/v1/events?after=2"), 422, "invalid-request")["errors"][0]["detail"]
