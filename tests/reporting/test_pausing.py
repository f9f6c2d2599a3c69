"""Does a paused source stand still, exactly and through restarts, while the others go on, and is nothing lost when it is resumed?"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2
import pytest
from contacts_client import Api, ok, problem
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_events.consuming.offsets import Moved
from crm_events.language.contacts import ContactDetailsChanged
from crm_reporting.app import reporting_app
from crm_reporting.documents import decode
from crm_reporting.folding import fold_all
from crm_reporting.projector_process import ProjectorProcess
from crm_reporting.settings import ReportingSettings
from histories import history
from prometheus_client import CollectorRegistry, generate_latest
from reporting_story import Story
from telling import entries

SOON = 60.0
HELD = "/v1/operations/projection/contacts"


@pytest.fixture
async def near_kafka(settings: ReportingSettings, kafka: str, issuer: Issuer) -> AsyncIterator[Api]:
    app = reporting_app(settings.model_copy(update={"kafka_bootstrap_servers": kafka}))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://reporting", timeout=SOON) as http,
    ):
        yield Api(http, issuer, issuer.token(EVERYTHING))


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(SOON):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_a_source_paused_under_load_stands_still_through_a_restart_and_goes_on_without_loss(
    near_kafka: Api, settings: ReportingSettings, kafka: str, topics: dict[str, str], send: Any, connection: asyncpg.Connection
) -> None:
    told = history(7, customers=40).told
    whole = {source: sum(record.source == source for record in told) for source in topics}
    registry = CollectorRegistry()

    @asynccontextmanager
    async def projector() -> AsyncIterator[ProjectorProcess]:
        process, stop = ProjectorProcess(settings.model_copy(update={"kafka_bootstrap_servers": kafka}), registry, topics=topics), asyncio.Event()
        running = asyncio.create_task(process.run(stop))
        try:
            yield process
        finally:
            stop.set()
            await running

    async def count(source: str) -> int:
        return int(await connection.fetchval("select count(*) from journal where source = $1", source))

    async def is_whole(*sources: str) -> bool:
        return [await count(source) for source in sources] == [whole[source] for source in sources]

    async def sending() -> None:
        for start in range(0, len(told), 10):
            await send(told[start : start + 10])

    async with projector() as process:
        load = asyncio.create_task(sending())
        await until(lambda: count("contacts"))
        paused = ok(await near_kafka.post(f"{HELD}/pause", {"reason": "نگاه به رویدادهای تازه"}))
        stood = await count("contacts")  # once it is answered, not one more
        assert (paused["outcome"], paused["paused"], paused["reason"]) == ("paused", True, "نگاه به رویدادهای تازه")
        await load
        await until(lambda: is_whole("tickets", "loyalty"))
        assert 0 < stood == await count("contacts") < whole["contacts"]
        await until(lambda: _true(process.pauses.reason))
        assert b'crm_reporting_paused{source="contacts"} 1.0' in generate_latest(registry)
    registry = CollectorRegistry()
    async with projector() as process:  # a fresh process finds the pause
        await until(lambda: _true(process.pauses.reason))
        seen = ok(await near_kafka.get("/v1/operations/projection"))
        assert [(held["source"], held["paused_by"]) for held in seen["paused"]] == [("contacts", paused["paused_by"])]
        assert seen["behind"] == whole["contacts"] - stood
        assert {each["source"] for each in seen["partitions"] if each["paused"]} == {"contacts"}
        ready = (await near_kafka.get("/readyz")).json()
        assert ready["status"] == "ready" and ready["checks"]["paused"]["reason"] == "contacts: an operator paused the projection"
        status = ok(await near_kafka.get("/v1/operations/status"))
        assert not status["ok"] and "contacts: the projection is paused" in status["stuck"]["reasons"] and status["late"]["ok"], "paused is stuck, not late"
        lagging = f'crm_consumer_lag_records{{group="reporting",partition="{partition_of_some(seen)}",topic="{topics["contacts"]}"}}'
        await until(lambda: _true(_value(registry, lagging) > 0))
        assert stood == await count("contacts")
        ok(await near_kafka.post(f"{HELD}/resume", None))
        await until(lambda: is_whole("contacts", "tickets", "loyalty"))
    rows = await connection.fetch("select source, customer_id::text, doc from b1.document")
    assert {(row[0], row[1]): decode(row[2]) for row in rows} == {where: folded.document for where, folded in fold_all(entries(told)).items()}
    assert [row[0] for row in await connection.fetch("select id from journal order by id")] == list(range(1, len(told) + 1))


def partition_of_some(projection: Any) -> int:
    return next(each["partition"] for each in projection["partitions"] if each["paused"] and each["lag_events"])


async def _true(value: object) -> bool:
    return bool(value)


def _value(registry: CollectorRegistry, sample: str) -> float:
    lines = [line for line in generate_latest(registry).decode().splitlines() if line.startswith(sample)]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


async def test_a_batch_that_meets_a_pause_is_not_applied_and_its_others_are(api: Api, story: Story, project: Any, connection: asyncpg.Connection) -> None:
    customer = await story.person()
    ok(await api.post(f"{HELD}/pause", {"reason": "آزمایش"}))
    called = story.teller.tell(ContactDetailsChanged(language="fa"), customer)
    with pytest.raises(Moved, match="paused: contacts"):
        await project([called])
    assert await connection.fetchval("select count(*) from journal") == 1
    await story.buy(customer, 5)
    assert await connection.fetchval("select count(*) from journal where source = 'loyalty'") == 2


async def test_a_view_says_which_of_its_sources_is_paused(api: Api, story: Story) -> None:
    customer = await story.person()
    assert not ok(await api.get(f"/v1/customers/{customer}"))["freshness"]["contacts"]["paused"]
    ok(await api.post(f"{HELD}/pause", {"reason": "آزمایش"}))
    for path in (f"/v1/customers/{customer}", f"/v1/customers/{customer}?as_of=2026-01-02T00:00:00Z"):
        freshness = ok(await api.get(path))["freshness"]
        assert [freshness[source]["paused"] for source in ("contacts", "tickets", "loyalty")] == [True, False, False]


async def test_a_pause_is_told_once_and_kept_for_its_first_reason(api: Api) -> None:
    key = uuid.uuid4().hex
    first = ok(await api.post(f"{HELD}/pause", {"reason": "یکم"}, key=key))
    again = await api.post(f"{HELD}/pause", {"reason": "یکم"}, key=key)
    assert ok(again) == first and again.headers["Idempotency-Replayed"] == "true"
    other = ok(await api.post(f"{HELD}/pause", {"reason": "دوم"}))
    assert (other["outcome"], other["reason"], other["paused_at"]) == ("paused-already", "یکم", first["paused_at"])
    assert ok(await api.post(f"{HELD}/resume", {"reason": "بس است"}))["outcome"] == "resumed"
    gone = ok(await api.post(f"{HELD}/resume", None))
    assert (gone["outcome"], gone["paused"], gone["reason"]) == ("not-paused", False, None)
    told = ok(await api.get("/v1/operations/audit"))["items"]
    assert [(row["operation"], row["outcome"], row["reason"]) for row in reversed(told)] == [
        ("pause", "paused", "یکم"), ("pause", "paused-already", "دوم"), ("resume", "resumed", "بس است"), ("resume", "not-paused", None),
    ]  # fmt: skip
    assert {row["source"] for row in told} == {"contacts"}


async def test_a_pause_needs_a_source_of_ours_a_reason_and_the_scope(api: Api) -> None:
    problem(await api.post("/v1/operations/projection/shoes/pause", {"reason": "because"}), 422, "invalid-request")
    problem(await api.post(f"{HELD}/pause", {}), 422, "invalid-request")
    problem(await api.post(f"{HELD}/pause", {"reason": "\u0000\u0000\u0000"}), 422, "invalid-request")
    problem(await api.post(f"{HELD}/pause", None), 422, "invalid-request")
    watcher = api.by("ops:read")
    for verb in ("pause", "resume"):
        problem(await watcher.post(f"{HELD}/{verb}", {"reason": "because"}), 403, "forbidden")
    assert ok(await api.get("/v1/operations/projection"))["paused"] == []
