"""What does a process tell a collector: nothing unless it is told where, all it has before it ends, never a path or a query, and what if nobody listens?"""

import asyncio
import json
import secrets
import signal
import sys

import pytest
from collector import Collector
from crm_chassis.issuer import Issuer
from desk.program import environment_of, served, told
from problem_asserts import keyed

SOON = 60.0
MARK = "09125550173"  # what somebody typed where it does not belong


@pytest.fixture
async def environment(database: str, issuer: Issuer) -> dict[str, str]:
    found = environment_of(database, issuer)
    assert (await told(found, "migrate"))[0] == 0
    return found


async def ended(process: asyncio.subprocess.Process) -> list[dict[str, str]]:
    """Its log, once it has ended because it was asked to."""
    process.send_signal(signal.SIGTERM)
    output = (await asyncio.wait_for(process.communicate(), SOON))[0].decode()
    assert process.returncode in (0, -signal.SIGTERM), output
    return [json.loads(line) for line in output.splitlines()]


async def test_a_process_tells_all_its_spans_before_it_ends_and_none_holds_a_path_or_a_query(environment: dict[str, str], issuer: Issuer) -> None:
    staff, trace = {"Authorization": f"Bearer {issuer.token()}"}, secrets.token_hex(16)
    with Collector().listening() as collector:
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_SAMPLER_ARG": "1", "FASTAPI_OTEL_AUTO_CONFIGURE": "true"}
        async with served(environment | told) as (http, process):
            made = await http.post("/v1/jars", json={"text": "چای"}, headers=staff | keyed() | {"traceparent": f"00-{trace}-{'1' * 16}-01"})
            assert made.status_code == 201
            lost = await http.get(f"/v1/nowhere/{MARK}?phone={MARK}", headers=staff | {"User-Agent": MARK})
            assert lost.status_code == 404
            broken = await http.post("/v1/fails/bug", headers=staff | keyed())
            assert broken.status_code == 500
            log = await ended(process)
        spans = collector.spans()
    (request,) = (one for one in spans if one.trace == trace and one.parent == "1" * 16)
    assert request.name == "POST /v1/jars" and {one.name for one in spans if one.parent == request.id} >= {"load", "append"}
    by = {one.id: one for one in spans}
    assert (by[lost.headers["traceparent"][36:52]].name, by[broken.headers["traceparent"][36:52]].failed) == ("GET unmatched", True)
    assert not any("/healthz" in one.name for one in spans), "who only looks whether it lives is not told"
    assert all(MARK not in f"{one.name} {one.attributes}" for one in spans)
    (line,) = (line for line in log if line["event"] == "unexpected_error")
    assert (line["request_id"], line["trace_id"], line["span_id"]) == (
        broken.headers["request-id"], broken.headers["traceparent"][3:35], broken.headers["traceparent"][36:52],
    )  # fmt: skip


async def test_a_collector_that_is_away_costs_no_request_and_no_end(environment: dict[str, str], issuer: Issuer) -> None:
    with Collector().listening() as gone:
        url = gone.url
    staff = {"Authorization": f"Bearer {issuer.token()}"}
    async with served(environment | {"TIMER": "false", "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_SAMPLER_ARG": "1"}) as (http, process):
        made = [await http.post("/v1/jars", json={"text": "چای"}, headers=staff | keyed()) for _ in range(20)]
        assert {answer.status_code for answer in made} == {201}
        log = await ended(process)
    troubled = {line["logger"].partition(".")[0] for line in log if line["level"] != "info"}
    assert troubled == {"opentelemetry"}, log  # it says that spans are lost, and nothing else is wrong


async def test_without_an_endpoint_nothing_is_loaded_and_no_connection_is_another(environment: dict[str, str]) -> None:
    program = (
        "import asyncpg, sys, desk.service, crm_chassis.cli\n"
        "from crm_chassis import tracing\n"
        "from crm_chassis.settings import load\n"
        "from crm_events.tracing import connection_class, tracer\n"
        "tracing.configure('desk', load(desk.service.DeskSettings))\n"
        "print(tracer(), connection_class() is asyncpg.Connection, [name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment, stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), SOON)
    assert output.decode() == "None True []\n"
