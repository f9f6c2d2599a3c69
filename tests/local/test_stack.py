"""Does the whole backbone come up as one, heal, and go down?"""

import os
import signal
from dataclasses import replace

import httpx2
import psutil
from crm_local import readiness
from crm_local.overview import overview
from crm_local.parts import PARTS
from crm_local.stack import Stack


def pids(backbone: Stack) -> dict[str, int | None]:
    return {part.name: backbone.running(part).process.pid for part in PARTS}


def test_every_process_is_up_and_ready(stack: dict[str, str], backbone: Stack) -> None:
    rows = {row.name: row.wrong for row in overview(backbone)}
    assert rows == dict.fromkeys(("postgres", "kafka", "contacts", "tickets", "loyalty", "reporting", "projector", "composer", "webhooks"), ())
    for name in ("CONTACTS_URL", "TICKETS_URL", "LOYALTY_URL", "REPORTING_URL"):
        assert httpx2.get(f"{stack[name]}/docs").status_code == 200


def test_every_address_it_tells_answers(stack: dict[str, str], backbone: Stack) -> None:
    told: list[str] = []
    replace(backbone, say=told.append).up()
    urls = [word for line in told for word in line.split() if word.startswith("http")]
    assert len(urls) == len(PARTS)
    assert {httpx2.get(url).status_code for url in urls} == {200}, told


def test_the_token_opens_what_is_closed_without_one(stack: dict[str, str]) -> None:
    url, person = f"{stack['CONTACTS_URL']}/v1/contacts", {"kind": "person", "name": "Sara"}
    key = {"Idempotency-Key": "a-visitor"}
    assert httpx2.post(url, json=person, headers=key).status_code == 401
    assert httpx2.post(url, json=person, headers=key | {"Authorization": f"Bearer {stack['TOKEN']}"}).status_code == 201


def test_no_secret_is_on_a_command_line(stack: dict[str, str], backbone: Stack) -> None:
    words = [word for pid in pids(backbone).values() for word in psutil.Process(pid).cmdline()]
    around = backbone.surroundings()
    secrets = {around.ring.master_key, around.ring.index_key, *around.ring.passwords.values()}
    assert stack
    assert [word for word in words if any(secret in word for secret in secrets)] == []


def test_starting_again_leaves_what_runs_and_replaces_what_died(stack: dict[str, str], backbone: Stack) -> None:
    before = pids(backbone)
    victim = before["tickets"]
    assert victim
    os.kill(victim, signal.SIGKILL)
    psutil.Process(victim).wait(20)
    assert readiness.reasons(stack["TICKETS_URL"]) != []
    backbone.up()
    after = pids(backbone)
    assert {name for name in before if before[name] != after[name]} == {"tickets"}
    assert readiness.reasons(stack["TICKETS_URL"]) == []


def test_going_down_ends_every_process(stack: dict[str, str], backbone: Stack) -> None:
    running = [psutil.Process(pid) for pid in (*pids(backbone).values(), backbone.postgres().pid, backbone.kafka().pid)]
    assert stack
    backbone.down()
    backbone.down()  # again: harmless
    assert [process for process in running if process.is_running()] == []
