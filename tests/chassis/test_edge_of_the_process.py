"""What does every answer carry, what does an operator see, and when is a request turned away before any route?"""

import asyncio
import json
import re
import uuid

import httpx2
import pytest
from crm_chassis.edge import span_of
from crm_chassis.health import Health
from crm_chassis.problems import Problem
from crm_chassis.rate import Rate
from desk.living import alive, client
from desk.service import desk, gate
from fastapi import FastAPI
from problem_asserts import keyed, problem

OPEN_PATHS = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems/rejected", "/schemas/contact.registered/1")


async def metric(http: httpx2.AsyncClient, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (.+)$", (await http.get("/metrics")).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_what_needs_no_token_is_open_and_the_rest_is_not(http: httpx2.AsyncClient) -> None:
    for path in OPEN_PATHS:
        assert (await http.get(path)).status_code == 200, path
    document = (await http.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answer = await http.request(method, path.replace("{jar_id}", "x").replace("{how}", "bug"), headers=keyed())
            assert answer.status_code == 401 and operation["security"], f"{method} {path}"


async def test_the_documents_load_nothing_from_elsewhere(http: httpx2.AsyncClient) -> None:
    page = (await http.get("/docs")).text
    assert "http://" not in page and "https://" not in page
    for asset in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert (await http.get(asset)).status_code == 200, asset


async def test_schemas_are_served_by_the_owner_of_the_type_only(http: httpx2.AsyncClient) -> None:
    schema = await http.get("/schemas/note.added/1")
    assert schema.json()["$id"] == "/schemas/note.added/1" and schema.headers["content-type"] == "application/schema+json"
    for path in ("/schemas/ticket.opened/1", "/schemas/note.added/2", "/schemas/note.added/x", "/schemas/note.added/²", "/schemas/nothing/1"):
        problem(await http.get(path), 404, "not-found")


async def test_every_answer_has_an_id_and_goes_on_with_the_callers_trace(http: httpx2.AsyncClient) -> None:
    answers = [await http.get(path) for path in (*OPEN_PATHS, "/v1/jars", "/nothing")]
    assert len({answer.headers["request-id"] for answer in answers}) == len(answers)
    told = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert span_of(told)[:36] == told[:36] and span_of(told)[36:52] != told[36:52] and span_of(told).endswith("-01")
    for bad in (None, "", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", told.upper(), told + "x", "ff" + told[2:]):
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", span_of(bad)) and told[3:35] not in span_of(bad)


async def test_requests_are_counted_by_their_route_and_not_by_what_was_sent(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    name = 'http_requests_total{method="GET",route="/v1/jars/{jar_id}",status="422"}'
    before, unmatched = await metric(http, name), await metric(http, 'http_requests_total{method="other",route="unmatched",status="404"}')
    for path in ("a", "b"):
        await http.get(f"/v1/jars/{path}", headers=staff)
    await http.request("BREW", "/tea")
    assert await metric(http, name) == before + 2
    assert await metric(http, 'http_requests_total{method="other",route="unmatched",status="404"}') == unmatched + 1
    assert await metric(http, name.replace("requests_total", "request_duration_seconds_count")) == before + 2
    text = (await http.get("/metrics")).text
    assert 'build_info{service="contacts"' in text and "crm_events_appended_total" in text and "process_resident_memory_bytes" in text


async def test_readiness_tells_what_is_wrong_and_what_is_only_late() -> None:
    health = Health()

    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    async def raises() -> str | None:
        raise ConnectionRefusedError("db.internal:5432")

    async def late() -> str | None:
        return "events wait"

    health.add("relay", late, required=False)
    assert await health.report() == (True, {"relay": {"ok": False, "required": False, "reason": "events wait"}})
    health.add("database", raises)
    health.add("broker", hangs)
    ready, told = await health.report()
    assert not ready and told["database"]["reason"] == "ConnectionRefusedError" and "no answer" in str(told["broker"]["reason"])


async def test_a_service_that_is_not_ready_says_so(http: httpx2.AsyncClient, desk_app: FastAPI) -> None:
    assert (await http.get("/readyz")).json()["checks"]["database"] == {"ok": True, "required": True, "reason": None}
    checks = desk_app.state.chassis.health.checks

    async def away() -> str:
        return "away"

    checks["other"] = (away, True)
    try:
        answer = await http.get("/readyz")
        assert answer.status_code == 503 and answer.json()["checks"]["other"]["reason"] == "away" and answer.headers["Retry-After"] == "1"
        assert (await http.get("/healthz")).status_code == 200
    finally:
        del checks["other"]


async def test_a_full_service_turns_requests_away_but_can_be_watched(desk_url: str, desk_settings, staff: dict[str, str]) -> None:
    gate.clear()
    async with alive(desk(desk_settings(desk_url, max_in_flight=2))) as app, client(app) as http:
        waiting = [asyncio.create_task(http.post("/v1/waits", headers=staff)) for _ in range(2)]
        try:
            async with asyncio.timeout(5):
                while await metric(http, "http_requests_in_flight") < 2:
                    await asyncio.sleep(0)
            answer = await http.get("/v1/jars", headers=staff)
            assert problem(answer, 503, "overloaded") and answer.headers["Retry-After"] == "1"
            assert (await http.get("/healthz")).status_code == (await http.get("/readyz")).status_code == 200
        finally:
            gate.set()
            answers = await asyncio.gather(*waiting)
        assert [each.status_code for each in answers] == [200, 200]
        assert (await http.get("/v1/jars", headers=staff)).status_code == 200


async def test_commands_beyond_their_bound_are_turned_away_while_reads_and_questions_go_on(desk_url: str, desk_settings, staff: dict[str, str]) -> None:
    gate.clear()
    async with alive(desk(desk_settings(desk_url, max_writes=2))) as app, client(app) as http:
        waiting = [asyncio.create_task(http.put(f"/v1/waits/{uuid.uuid4()}", headers=staff)) for _ in range(2)]
        try:
            async with asyncio.timeout(5):
                while await metric(http, "http_writes_in_flight") < 2:
                    await asyncio.sleep(0)
            for turned_away in (
                await http.put(f"/v1/waits/{uuid.uuid4()}", headers=staff),
                await http.post("/v1/commands", content=b"{}", headers=staff | {"Content-Type": "application/x-ndjson"}),
            ):
                assert problem(turned_away, 503, "overloaded") and turned_away.headers["Retry-After"] == "1"
            assert (await http.get("/v1/jars", headers=staff)).status_code == 200
            assert (await http.post("/v1/jars/lookup", json={"text": "x"}, headers=staff)).status_code == 200
        finally:
            gate.set()
            answers = await asyncio.gather(*waiting)
        assert [each.status_code for each in answers] == [200, 200]
        assert await metric(http, "http_writes_in_flight") == 0
        line = {"operation": "openJar", "key": "k", "path": {}, "body": {"text": "x"}}
        bulk = await http.post("/v1/commands", content=json.dumps(line), headers=staff | {"Content-Type": "application/x-ndjson"})
        assert bulk.status_code == 200, "alone, a bulk request comes in though it counts as more than the bound"


async def test_an_operation_that_goes_away_says_so_in_each_answer_and_in_the_description(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    for answer in (await http.get("/v1/old-jars", headers=staff), await http.get("/v1/old-jars")):
        assert (answer.headers["Deprecation"], answer.headers["Sunset"]) == ("@1767225600", "Fri, 01 Jan 2027 00:00:00 GMT")
        assert '</v1/jars>; rel="successor-version"' in answer.headers.get_list("link")
    assert "Deprecation" not in (await http.get("/v1/jars", headers=staff)).headers
    described = (await http.get("/openapi.json")).json()["paths"]["/v1/old-jars"]["get"]
    assert described["deprecated"] is True and described["x-sunset"] == "2027-01-01"


async def test_a_page_of_an_allowed_origin_may_read_answers_and_problems(desk_url: str, desk_settings, staff: dict[str, str]) -> None:
    origin = {"Origin": "https://desk.example"}
    async with alive(desk(desk_settings(desk_url, cors_origins=("https://desk.example",)))) as app, client(app) as http:
        asked = await http.options(
            "/v1/jars", headers=origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
        )
        assert asked.headers["Access-Control-Allow-Origin"] == origin["Origin"] and "idempotency-key" in asked.headers["Access-Control-Allow-Headers"]
        for answer in (
            await http.get("/v1/jars", headers=staff | origin),
            await http.get("/v1/jars", headers=origin),
            await http.get("/nothing", headers=origin),
        ):
            assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"] and "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Origin" not in (await http.get("/v1/jars", headers=staff | {"Origin": "https://evil.example"})).headers


async def test_no_origin_is_allowed_by_default(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    assert "Access-Control-Allow-Origin" not in (await http.get("/v1/jars", headers=staff | {"Origin": "https://desk.example"})).headers


def test_a_caller_may_send_so_many_a_minute_and_others_do_not_pay_for_it() -> None:
    now = [0.0]
    rate = Rate(60, clock=lambda: now[0])
    assert [rate.spend("a") for _ in range(60)] == list(range(59, -1, -1))
    with pytest.raises(Problem) as refused:
        rate.spend("a")
    assert refused.value.kind == "too-many-requests" and refused.value.headers["Retry-After"] == "1"
    assert rate.spend("b") == 59
    now[0] += 2
    assert rate.spend("a") == 1


async def test_the_limit_is_told_where_there_is_one(desk_url: str, desk_settings, staff: dict[str, str]) -> None:
    async with alive(desk(desk_settings(desk_url, rate_limit=2))) as app, client(app) as http:
        answers = [await http.get("/v1/jars", headers=staff) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"default";q=2;w=60' and answers[0].headers["RateLimit"].startswith('"default";r=1;t=')
        assert problem(answers[2], 429, "too-many-requests") and int(answers[2].headers["Retry-After"]) > 0
        assert (await http.get("/healthz")).status_code == 200
