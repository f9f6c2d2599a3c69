"""Can an operator see whether anything is late, stuck or lost, and mend it, over HTTP?"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx2
import pytest
from contacts_client import Api, ok, problem
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_events.language.contacts import ContactDetailsChanged
from crm_events.topics import declare
from crm_reporting.app import reporting_app
from crm_reporting.parking import parked
from crm_reporting.settings import ReportingSettings
from reporting_story import Story

SOON = 90.0  # seconds until a test gives up on a process of its own


@pytest.fixture
async def near_kafka(settings: ReportingSettings, kafka: str, issuer: Issuer) -> AsyncIterator[Api]:
    """A client of an API that knows the broker, whose topics are there and empty."""
    await declare(kafka)
    app = reporting_app(settings.model_copy(update={"kafka_bootstrap_servers": kafka}))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://reporting", timeout=SOON) as http,
    ):
        yield Api(http, issuer, issuer.token(EVERYTHING))


async def bad(story: Story, project: Any, customer: uuid.UUID) -> str:
    """Parks a customer; the id of the event that did it."""
    poison = story.teller.record("contact.details_changed", b'{"name": 7}', customer, source="contacts")
    await project([poison])
    return str(poison.event_id)


def at(customer: uuid.UUID, verb: str, source: str = "contacts") -> str:
    return f"/v1/operations/parked/{source}/{customer}/{verb}"


async def test_lag_is_told_per_partition_in_events_and_seconds(near_kafka: Api, story: Story, project: Any, connection, topics, send) -> None:
    customer = await story.person()
    await connection.execute("update offsets set topic = $1, next = 1", topics["contacts"])
    first = story.teller.told[0]
    await send([first])
    more = [story.teller.tell(ContactDetailsChanged(language="fa"), customer) for _ in range(3)]
    await send(more)
    await bad(story, project, customer)
    told = ok(await near_kafka.get("/v1/operations/projection"))
    [partition] = told["partitions"]
    assert (partition["source"], partition["partition"], partition["next"], partition["last"]) == ("contacts", first.partition, 1, 1)
    assert (partition["lag_events"], told["behind"], told["broken"], told["parked"], told["composer_behind"]) == (3, 3, 0, 1, 2)
    assert partition["lag_seconds"] > 0 and partition["recorded_at"].endswith("Z")
    await connection.execute("update offsets set next = 4, broken = 'chain'")
    told = ok(await near_kafka.get("/v1/operations/projection"))
    assert (told["partitions"][0]["lag_seconds"], told["behind"], told["broken"]) == (0.0, 0, 1)


async def test_a_broker_that_is_away_leaves_its_part_unknown(api: Api, story: Story) -> None:
    await story.person()
    told = ok(await api.get("/v1/operations/projection"))
    assert (told["behind"], told["partitions"][0]["lag_events"], told["partitions"][0]["lag_seconds"]) == (None, None, None)
    assert told["build"] == "b1"


async def test_what_is_missing_in_the_topic_is_named(near_kafka: Api, connection: asyncpg.Connection) -> None:
    whole = ok(await near_kafka.get("/v1/operations/reconciliation"))
    assert whole["equal"] and {one["source"] for one in whole["sources"]} == {"contacts", "tickets", "loyalty", "reporting"}
    ok(await near_kafka.put("/v1/targets/t", {"value": "1", "unit": "percent", "scope": "company"}))  # no relay runs: it stays in the store
    event = await connection.fetchval("select event_id::text from events")
    assert ok(await near_kafka.get("/v1/operations/reconciliation")) == whole, "the last comparison, not a new one"
    found = ok(await near_kafka.get("/v1/operations/reconciliation?fresh=true"))
    [ours] = [one for one in found["sources"] if one["source"] == "reporting"]
    assert not found["equal"] and (ours["missing"], ours["missing_in_topic"]) == ([event], [event])
    assert (ours["store"]["events"], ours["topic"]["events"], ours["journal"]["events"], ours["streams"]) == (1, 0, 0, 1)


async def test_a_rebuild_is_asked_for_once_runs_beside_the_reads_and_is_switched_to(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    customers = [await story.person() for _ in range(5)]
    for customer in customers:
        await story.call(customer)
    await story.composed()
    key = uuid.uuid4().hex
    asked = await api.post("/v1/operations/rebuilds", None, key=key)
    build = ok(asked, 201)["id"]
    assert asked.headers["Location"] == f"/v1/operations/rebuilds/{build}"
    again = await api.post("/v1/operations/rebuilds", None, key=key)
    assert ok(again, 201)["id"] == build and again.headers["Idempotency-Replayed"] == "true"
    reads = 0
    async with asyncio.timeout(SOON):
        while not (state := ok(await api.get(asked.headers["Location"])))["switched"]:
            assert state["reason"] is None, state
            for path in (f"/v1/customers/{customers[0]}", "/v1/customers", f"/v1/customers/{customers[1]}/timeline", "/v1/kpis/csat"):
                ok(await api.get(path))  # no read fails meanwhile
                reads += 1
    assert (state["state"], state["ranges"], state["ranges_done"], state["compared"]["equal"]) == ("active", 1, 1, True)
    assert reads and ok(await api.get("/v1/operations/projection"))["build"] == build
    assert ok(await api.get(f"/v1/customers/{customers[0]}"))["contact"]["interactions"] == 1
    assert len(ok(await api.get("/v1/customers"))["items"]) == 5
    later = await api.post("/v1/operations/rebuilds", None, key=key)
    assert ok(later, 201)["id"] == build, "the same key asks for no other one, however late"
    assert await connection.fetchval("select count(*) from builds") == 2


async def test_a_rebuild_under_way_is_answered_again(api: Api, connection: asyncpg.Connection, app) -> None:
    first = ok(await api.post("/v1/operations/rebuilds", None), 201)
    running = dict(app.state.processes._running)
    second = await api.post("/v1/operations/rebuilds", None)
    assert ok(second, 200)["id"] == first["id"] and "Location" not in second.headers
    assert app.state.processes._running.keys() <= running.keys(), "by the process that runs, not by another"


async def test_a_rebuild_whose_process_fails_says_so(api: Api, app, settings: ReportingSettings) -> None:
    app.state.processes._settings = settings.model_copy(update={"database_url": "postgresql://127.0.0.1:1/nowhere"})
    made = ok(await api.post("/v1/operations/rebuilds", None), 201)
    async with asyncio.timeout(SOON):
        while (state := ok(await api.get(f"/v1/operations/rebuilds/{made['id']}")))["reason"] is None:
            await asyncio.sleep(0.02)
    assert state["state"] == "building" and "ask for a rebuild again" in state["reason"]


async def test_parked_customers_are_listed_page_by_page(api: Api, story: Story, project: Any) -> None:
    people = {str(customer): await bad(story, project, customer) for customer in [await story.person() for _ in range(3)]}
    first = ok(await api.get("/v1/operations/parked?limit=2"))
    rest = ok(await api.get(f"/v1/operations/parked?limit=2&cursor={first['next']}"))
    found = first["items"] + rest["items"]
    assert {item["customer_id"]: item["event_id"] for item in found} == people and len(found) == 3 and rest["next"] is None
    assert {(item["source"], item["type"], item["attempts"]) for item in found} == {("contacts", "contact.details_changed", 1)}
    assert all(item["reason"].startswith("Unreadable") for item in found)


async def test_a_retry_that_fails_again_counts_and_one_of_nobody_is_not_found(api: Api, story: Story, project: Any, connection) -> None:
    customer = await story.person()
    await bad(story, project, customer)
    key = uuid.uuid4().hex
    assert ok(await api.post(at(customer, "retry"), None, key=key))["outcome"] == "failed"
    again = await api.post(at(customer, "retry"), None, key=key)
    assert ok(again)["outcome"] == "failed" and again.headers["Idempotency-Replayed"] == "true"
    [mark] = await parked(connection, "b1")
    assert mark.attempts == 2, "the repeat did nothing"
    problem(await api.post(at(await story.person(), "retry"), None), 404, "not-found")
    problem(await api.post(at(customer, "retry", "shoes"), None), 404, "not-found")
    problem(await api.post(at(customer, "retry"), None, key="no spaces"), 400, "malformed")


async def test_a_dropped_event_brings_its_customer_back_and_stays_in_the_journal(api: Api, story: Story, project: Any, connection) -> None:
    customer = await story.person()
    event = await bad(story, project, customer)
    await story.call(customer)
    assert ok(await api.get(f"/v1/customers/{customer}"))["contact"]["interactions"] == 0
    key, body = uuid.uuid4().hex, {"event_id": event, "reason": "a name that is a number"}
    assert ok(await api.post(at(customer, "drop"), body, key=key))["outcome"] == "drained"
    assert ok(await api.post(at(customer, "drop"), body, key=key))["outcome"] == "drained", "a repeat is answered as the first"
    problem(await api.post(at(customer, "drop"), body | {"reason": "another"}, key=key), 422, "idempotency-key-reused")
    answer = await api.get(f"/v1/customers/{customer}")
    assert ok(answer)["contact"]["interactions"] == 1 and answer.headers["View-State"] == "current"
    assert ok(await api.get("/v1/operations/parked"))["items"] == []
    assert event in [item["event_id"] for item in ok(await api.get(f"/v1/customers/{customer}/timeline"))["items"]]
    row = await connection.fetchrow("select reason, dropped_by from dropped")
    assert (row["reason"], row["dropped_by"].partition(":")[0]) == ("a name that is a number", "agent")


async def test_what_is_not_parked_cannot_be_dropped(api: Api, story: Story, connection: asyncpg.Connection) -> None:
    customer = await story.person()
    event = str(story.teller.told[-1].event_id)
    problem(await api.post(at(customer, "drop"), {"event_id": event, "reason": "because"}), 404, "not-found")
    assert await connection.fetchval("select count(*) from dropped") == 0, "a refusal leaves nothing behind: the next rebuild would leave the event out"
    assert await connection.fetchval("select count(*) from operation") == 0
    problem(await api.post(at(customer, "drop"), {"event_id": event}), 422, "invalid-request")


async def test_only_operators_operate(api: Api, story: Story) -> None:
    customer = await story.person()
    watcher = api.by("ops:read")
    ok(await watcher.get("/v1/operations/parked"))
    problem(await watcher.post("/v1/operations/rebuilds", None), 403, "forbidden")
    problem(await watcher.post(at(customer, "retry"), None), 403, "forbidden")
    for path in ("projection", "reconciliation", "parked", "rebuilds/b1"):
        problem(await api.by("reporting:read").get(f"/v1/operations/{path}"), 403, "forbidden")
    problem(await watcher.get("/v1/operations/rebuilds/b99"), 404, "not-found")
