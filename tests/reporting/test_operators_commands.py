"""Can an operator bring a parked customer back from a command line, and can a script tell by the exit code how it went?"""

import asyncio
import os
import re
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_reporting.cli import app
from crm_reporting.own_process import _environment
from crm_reporting.settings import ReportingSettings
from reporting_story import Story
from typer.testing import CliRunner, Result

SOON = 60.0
Ops = Callable[..., Result]


@pytest.fixture
async def served(settings: ReportingSettings) -> AsyncIterator[str]:
    """`reporting api` as a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = (sys.executable, "-c", "from crm_reporting.cli import app; app()", "api")
    process = await asyncio.create_subprocess_exec(*program, env=os.environ | _environment(settings) | {"PORT": str(port)}, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(transport=httpx2.AsyncHTTPTransport(retries=200)) as http:
            assert (await http.get(f"{url}/healthz", timeout=SOON)).status_code == 200
        yield url
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), SOON)


def ops(url: str, issuer: Issuer, *scopes: str) -> Ops:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["ops", "--patience", "5", *words], env={"REPORTING_URL": url, "TOKEN": issuer.token(scopes or EVERYTHING)})

    return run


async def bad(story: Story, project: Any, customer: uuid.UUID) -> str:
    poison = story.teller.record("contact.details_changed", '{"name": 7, "language": "فا"}'.encode(), customer, source="contacts")
    await project([poison])
    return str(poison.event_id)


async def test_an_operator_finds_looks_retries_and_drops_and_all_of_it_is_on_record(served: str, issuer: Issuer, story: Story, project: Any) -> None:
    run = ops(served, issuer)
    fine = run("parked", "list")
    assert (fine.exit_code, fine.output) == (0, "Nothing is parked.\n")
    customer = await story.person()
    event = await bad(story, project, customer)
    await story.call(customer)
    listed = run("parked", "list")
    assert listed.exit_code == 1 and str(customer) in listed.output, "a script that watches hears of it"
    looked = run("parked", "look", "contacts", str(customer))
    assert looked.exit_code == 0 and event in looked.output and "1 events behind it" in looked.output and "drop it with a reason" in looked.output
    closed = ops(served, issuer, "ops:read")("parked", "look", "contacts", str(customer))
    assert "closed: needs personal:read" in closed.output and "فا" not in closed.output and "فا" in looked.output
    status = run("status")
    assert status.exit_code == 1 and "WRONG" in status.output and "the events of 1 customers are parked" in status.output
    retried = run("parked", "retry", "contacts", str(customer), "--reason", "شاید اکنون")
    assert (retried.exit_code, retried.output) == (1, f"contacts {customer}: failed\n")
    dropped = run("parked", "drop", "contacts", str(customer), event, "--reason", "نام عدد است")
    assert (dropped.exit_code, dropped.output) == (0, f"contacts {customer}: drained\n")
    assert run("parked", "list").exit_code == 0
    audit = run("audit", "--customer", str(customer), "--json")
    assert [(row["operation"], row["outcome"], row["reason"]) for row in orjson.loads(audit.output)] == [
        ("drop", "drained", "نام عدد است"), ("retry", "failed", "شاید اکنون"), ("look", "closed", None), ("look", "opened", None),
    ]  # fmt: skip
    assert "\u2068نام عدد است\u2069" in run("audit").output
    for number in range(3):
        run("pause", "tickets", "--reason", f"try {number}")
    assert len(orjson.loads(run("audit", "--operation", "pause", "--most", "2", "--json").output)) == 2


async def test_what_is_asked_wrongly_ends_with_2_and_what_fails_with_1(served: str, issuer: Issuer, story: Story) -> None:
    run, watch = ops(served, issuer), ops(served, issuer, "ops:read")
    nobody = str(await story.person())
    told = watch("pause", "contacts", "--reason", "because")
    assert told.exit_code == 2 and "ops:write" in told.output
    assert watch("parked", "retry", "contacts", nobody).exit_code == 2
    assert run("pause", "contacts").exit_code == 2, "a pause needs a reason"
    assert run("pause", "shoes", "--reason", "because").exit_code == 2
    assert run("pause", "../../rebuilds", "--reason", "because").exit_code == 2
    assert run("parked", "look", "contacts", "nobody").exit_code == 2
    assert run("parked", "look", "contacts", nobody).exit_code == 1
    assert run("sing").exit_code == 2
    untold = CliRunner().invoke(app, ["ops", "status"], env={"REPORTING_URL": served, "TOKEN": ""})
    assert untold.exit_code == 2 and "--token-file" in untold.output
    away = CliRunner().invoke(app, ["ops", "--patience", "0", "status"], env={"REPORTING_URL": "http://127.0.0.1:1", "TOKEN": "t"})
    assert away.exit_code == 1 and "does not answer" in away.output
    broken = run("reconcile")  # the broker is away: what could not be compared is not told as equal
    assert broken.exit_code == 1 and "could not be compared" in broken.output
    done = {row["operation"] for row in orjson.loads(run("audit", "--json").output)}
    assert done == {"reconcile"}, "what was refused for the token or asked wrongly is not done, and not a deed"


def test_every_command_the_page_names_is_there() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    named = [re.split(r" [-<#]", line)[0].split()[2:] for line in page.splitlines() if line.startswith("    reporting ops ")]
    assert len(named) >= 10
    for words in named:
        told = CliRunner().invoke(app, ["ops", *(word for word in words if word not in ("contacts", "tickets")), "--help"])
        assert told.exit_code == 0, words
