"""What does an operator's day look like on the running stack: who leads, hold a source under load, make the read model again, compare, and read the record?"""

import itertools
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from crm_local.telling import program
from crm_reporting.cli import app
from front_end import Client, token
from typer.testing import CliRunner, Result

SOON = 60.0


@pytest.fixture
def client(stack: dict[str, str]) -> Iterator[Client]:
    made = Client(stack)
    yield made
    made.close()


def ops(stack: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(app, ["ops", *words], env={"REPORTING_URL": stack["REPORTING_URL"], "TOKEN": stack["TOKEN"]})


def told(stack: dict[str, str], *words: str) -> Any:
    return orjson.loads(ops(stack, *words, "--json").output)


def test_the_program_says_at_a_glance_that_all_is_well_and_ends_with_0(stack: dict[str, str]) -> None:
    _until(lambda: ops(stack, "status").exit_code == 0)  # leases are taken a moment after the start
    environment = {"REPORTING_URL": stack["REPORTING_URL"], "TOKEN": stack["TOKEN"], "PATH": ""}
    done = subprocess.run([program("reporting"), "ops", "status"], env=environment, capture_output=True, text=True, timeout=SOON)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[1:] if line[0] != " "] == ["late", "stuck", "lost", "slow"]


def test_every_task_of_the_stack_has_a_leader_and_every_group_a_reader(stack: dict[str, str]) -> None:
    def reading() -> set[str]:
        return {one["task"] for one in told(stack, "leaders")["readers"] or () if one["members"]}

    _until(lambda: ops(stack, "leaders").exit_code == 0 and reading() == {"projector", "follower"})
    seen = told(stack, "leaders")
    assert seen["unknown"] == [] and all(one["epoch"] >= 1 and one["owner"] for one in seen["leaders"])
    leading = {(one["source"], one["task"]) for one in seen["leaders"] if one["leads"]}
    sources = ("contacts", "tickets", "loyalty", "reporting")
    assert leading >= {*((source, task) for source in sources for task in ("relay", "timer")), ("reporting", "feed"), ("contacts", "eraser")}


def test_a_source_is_held_back_under_load_told_everywhere_and_goes_on_with_nothing_lost(stack: dict[str, str], client: Client) -> None:
    customer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "آرزو نیک"}).json()["id"]
    stop, tokens = threading.Event(), list[str]()

    def write() -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            body = {"channel": "web", "direction": "inbound", "text": f"پیام {number}"}
            tokens.append(token(client.until_done("contacts", f"/v1/contacts/{customer}/interactions", body)))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        _until(lambda: len(tokens) > 5)
        client.view(customer, tokens[0])
        assert ops(stack, "pause", "contacts", "--reason", "انتشار تازه").exit_code == 0
        _until(lambda: client.get("reporting", f"/v1/customers/{customer}")["freshness"]["contacts"]["paused"])
        seen = client.get("reporting", f"/v1/customers/{customer}")["contact"]["interactions"]
        paused_at = len(tokens)
        _until(lambda: len(tokens) > paused_at + 10)
        status = ops(stack, "status")
        assert status.exit_code == 1 and "contacts: the projection is paused" in status.output
        stale = client.send("reporting", "GET", f"/v1/customers/{customer}", Consistency_Token=tokens[-1], Prefer="wait=0")
        assert stale.headers["View-State"] == "stale" and stale.json()["contact"]["interactions"] == seen, "writes went on, the view stood"
        assert ops(stack, "resume", "contacts", "--reason", "درست بود").exit_code == 0
        _until(lambda: len(tokens) > paused_at + 20)
    finally:
        stop.set()
        writing.join(SOON)
        ops(stack, "resume", "contacts")
    assert client.view(customer, tokens[-1])["contact"]["interactions"] == len(tokens)
    record = told(stack, "audit", "--most", "3")
    assert [(row["operation"], row["outcome"], row["reason"]) for row in record] == [
        ("resume", "not-paused", None), ("resume", "resumed", "درست بود"), ("pause", "paused", "انتشار تازه"),
    ]  # fmt: skip


def test_the_read_model_is_made_again_and_compared_from_the_command_line(stack: dict[str, str], client: Client) -> None:
    client.post("contacts", "/v1/contacts", {"kind": "person", "name": "بهار"})
    made = ops(stack, "rebuild", "--reason", "پس از اصلاح")
    assert made.exit_code == 0 and made.output.splitlines()[-1].endswith(": active"), made.output
    assert "ranges" in made.output, "it says how far it is"
    compared = ops(stack, "reconcile")
    assert compared.exit_code == 0, compared.output
    assert [line.split()[0] for line in compared.output.splitlines()[1:]] == ["contacts", "tickets", "loyalty", "reporting"]
    assert told(stack, "status")["lost"] == {"ok": True, "figure": 0, "reasons": []}
    rows = {(row["operation"], row["outcome"]) for row in told(stack, "audit")}
    assert rows >= {("rebuild", "begun"), ("reconcile", "begun"), ("reconcile", "equal")}


def _until(condition: Any) -> None:
    until = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < until
        threading.Event().wait(0.02)
