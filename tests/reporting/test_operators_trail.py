"""Can an operator look at what failed without seeing what is personal, and is everything they do on record?"""

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest
from contacts_client import Api, ok, problem
from crm_events.language.contacts import ContactDetailsChanged
from reporting_story import Story

SOON = 60.0


async def bad(story: Story, project: Any, customer: uuid.UUID, payload: bytes = b'{"name": 7}', kind: str = "contact.details_changed") -> str:
    poison = story.teller.record(kind, payload, customer, source="contacts")
    await project([poison])
    return str(poison.event_id)


def at(customer: uuid.UUID, verb: str = "", source: str = "contacts") -> str:
    return f"/v1/operations/parked/{source}/{customer}{'/' if verb else ''}{verb}"


async def trail(api: Api, query: str = "") -> list[dict[str, Any]]:
    return list(ok(await api.get(f"/v1/operations/audit{query}"))["items"])


async def test_a_look_shows_the_event_what_waits_behind_it_and_what_to_do(api: Api, story: Story, project: Any, connection: asyncpg.Connection) -> None:
    customer = await story.person()
    event = await bad(story, project, customer)
    for _ in range(3):
        await story.call(customer)
    seen = ok(await api.get(at(customer)))
    assert (seen["event_id"], seen["event"]["event_id"], seen["type"], seen["attempts"]) == (event, event, "contact.details_changed", 1)
    assert (seen["event"]["data"], seen["event"]["shape"], seen["redacted"]) == ({"name": 7}, {"name": "number"}, [])
    assert (seen["waiting"], [each["type"] for each in seen["waiting_events"]]) == (3, ["interaction.recorded"] * 3)
    assert seen["position"] < seen["waiting_events"][0]["position"] and "drop it with a reason" in seen["advice"]
    accessed = await connection.fetchrow("select operation, opened from access where customer_id = $1 order by at desc limit 1", customer)
    async with asyncio.timeout(SOON):
        while accessed is None:
            await asyncio.sleep(0.02)
            accessed = await connection.fetchrow("select operation, opened from access where customer_id = $1", customer)
    assert tuple(accessed) == ("getParked", True), "whoever looks at a customer's event is in that customer's audit"


async def test_what_is_personal_stays_closed_to_those_who_may_not_see_it(api: Api, story: Story, project: Any) -> None:
    watcher = api.by("ops:read")
    sealed, clear = await story.person(), await story.person()
    name = await story.sealed(sealed, "زهرا کریمی", "name")
    await bad(story, project, sealed, b'{"name": "%b", "language": 5}' % name.encode())
    await bad(story, project, clear, '{"name": "زهرا کریمی", "phones": [{"no": "0912"}], "ز@example.com": true, "language": 5}'.encode())
    for customer, shape in (
        (sealed, {"name": "sealed text", "language": "number"}),
        (clear, {"name": "text", "phones": [{"no": "text"}], "language": "number", "…": "boolean"}),
    ):
        answer = await watcher.get(at(customer))
        shown = ok(answer)
        assert (shown["event"]["data"], shown["event"]["shape"], shown["redacted"]) == (None, shape, ["event.data"])
        assert "زهرا" not in answer.text and "0912" not in answer.text and "s1." not in answer.text
    opened = ok(await api.get(at(sealed)))
    assert opened["event"]["data"]["name"] == "زهرا کریمی", "with personal:read it is opened"


async def test_what_can_be_read_is_shown_with_its_sealed_fields_closed(api: Api, story: Story, project: Any, connection: asyncpg.Connection) -> None:
    customer = await story.person()
    name = await story.sealed(customer, "زهرا کریمی", "name")
    record = story.teller.tell(ContactDetailsChanged(name=name, language="fa"), customer)
    await project([record])
    await connection.execute(
        "insert into b1.parked (source, customer_id, reason, event_id, type, position) values ('contacts', $1, 'KeyError: ''x''', $2, $3, $4)",
        customer, record.event_id, record.type, record.position,
    )  # fmt: skip
    shown = ok(await api.by("ops:read").get(at(customer)))
    assert (shown["event"]["data"]["name"], shown["event"]["data"]["language"], shown["redacted"]) == (None, "fa", ["event.data.name"])
    assert "fault of the code" in shown["advice"]


async def test_nobody_looks_at_what_is_not_parked(api: Api, story: Story) -> None:
    customer = await story.person()
    problem(await api.get(at(customer)), 404, "not-found")
    problem(await api.get(at(customer, source="shoes")), 404, "not-found")
    problem(await api.get("/v1/operations/parked/contacts/nobody"), 422, "invalid-request")
    problem(await api.by("reporting:read").get(at(customer)), 403, "forbidden")
    assert await trail(api) == []


async def test_every_deed_is_on_record_with_who_why_and_what_came_of_it(api: Api, story: Story, project: Any) -> None:
    customer = await story.person()
    event = await bad(story, project, customer)
    await api.get(at(customer))
    ok(await api.post(at(customer, "retry"), {"reason": "نسخهٔ تازه آمد"}))
    key, body = uuid.uuid4().hex, {"event_id": event, "reason": "نام عدد است"}
    ok(await api.post(at(customer, "drop"), body, key=key))
    ok(await api.post(at(customer, "drop"), body, key=key))  # a repeat does nothing, and is no deed
    problem(await api.post(at(customer, "retry"), None), 404, "not-found")
    problem(await api.by("ops:read").post(at(customer, "retry"), None), 403, "forbidden")
    problem(await api.post(at(customer, "retry"), {"reason": "x"}), 422, "invalid-request")
    told = await trail(api)
    assert [(row["operation"], row["outcome"], row["subject"], row["reason"]) for row in told] == [
        ("retry", "refused: not-found", None, None),
        ("drop", "drained", event, "نام عدد است"),
        ("retry", "failed", None, "نسخهٔ تازه آمد"),
        ("look", "opened", None, None),
    ]
    assert {(row["source"], row["customer_id"]) for row in told} == {("contacts", str(customer))}
    assert all(row["actor"].startswith("agent:") and row["request_id"] and row["at"].endswith("Z") for row in told)


async def test_a_rebuild_and_a_comparison_are_on_record_when_they_begin_and_when_they_end(api: Api) -> None:
    build = ok(await api.post("/v1/operations/rebuilds", {"reason": "پس از اصلاح"}), 201)["id"]
    await api.get("/v1/operations/reconciliation?fresh=true")  # of a broker that is away
    async with asyncio.timeout(SOON):
        while len(told := await trail(api)) < 4:
            await asyncio.sleep(0.05)
    rebuilt = [(row["outcome"], row["subject"], row["reason"]) for row in reversed(told) if row["operation"] == "rebuild"]
    assert rebuilt == [("begun", build, "پس از اصلاح"), ("switched", build, "پس از اصلاح")]
    compared = [row["outcome"] for row in reversed(told) if row["operation"] == "reconcile"]
    assert compared == ["begun", "failed: code 1"], "what could not be compared is not told as different"


async def test_the_record_is_paged_and_asked_by_what_by_whom_and_about_whom(api: Api, story: Story, project: Any) -> None:
    people = [await story.person() for _ in range(3)]
    for customer in people:
        await bad(story, project, customer)
        await api.get(at(customer))
        await api.post(at(customer, "retry"), None)
    first = ok(await api.get("/v1/operations/audit?limit=4"))
    rest = ok(await api.get(f"/v1/operations/audit?limit=4&cursor={first['next']}"))
    ids = [row["id"] for row in first["items"] + rest["items"]]
    assert len(ids) == 6 and ids == sorted(ids, reverse=True) and rest["next"] is None
    assert len(await trail(api, "?operation=look")) == 3
    assert [row["operation"] for row in await trail(api, f"?customer_id={people[0]}")] == ["retry", "look"]
    assert await trail(api, "?actor=agent:nobody") == []
    problem(await api.get("/v1/operations/audit?operation=sing"), 422, "invalid-request")
    problem(await api.get(f"/v1/operations/audit?operation=look&cursor={first['next']}"), 400, "bad-cursor")
    problem(await api.by("reporting:read").get("/v1/operations/audit"), 403, "forbidden")


@pytest.mark.parametrize("statement", ["update operation_trail set reason = 'x'", "delete from operation_trail", "truncate operation_trail"])
async def test_nothing_of_the_record_is_changed_afterwards(api: Api, story: Story, project: Any, connection: asyncpg.Connection, statement: str) -> None:
    customer = await story.person()
    await bad(story, project, customer)
    await api.get(at(customer))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    assert len(await trail(api)) == 1
