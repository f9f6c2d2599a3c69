"""Does the whole backbone come up as one, heal, and go down?"""

import os
import signal

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
    assert rows == dict.fromkeys(("postgres", "kafka", "contacts", "tickets", "loyalty", "reporting", "projector", "composer"), ())
    for name in ("CONTACTS_URL", "TICKETS_URL", "LOYALTY_URL", "REPORTING_URL"):
        assert httpx2.get(f"{stack[name]}/docs").status_code == 200


def test_the_token_opens_what_no_token_does_not(stack: dict[str, str]) -> None:
    url = f"{stack['CONTACTS_URL']}/v1/contacts"
    assert httpx2.get(url).status_code == 401
    assert httpx2.get(url, headers={"Authorization": f"Bearer {stack['TOKEN']}"}).status_code == 200


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


def test_going_down_ends_every_process_and_keeps_what_was_recorded(stack: dict[str, str], backbone: Stack) -> None:
    bearer = {"Authorization": f"Bearer {stack['TOKEN']}"}
    made = httpx2.post(f"{stack['CONTACTS_URL']}/v1/contacts", json={"kind": "person", "name": "Sara"}, headers=bearer | {"Idempotency-Key": "down-and-up"})
    running = [psutil.Process(pid) for pid in (*pids(backbone).values(), backbone.postgres().pid, backbone.kafka().pid)]
    backbone.down()
    backbone.down()
    assert [process for process in running if process.is_running()] == []
    around = backbone.up(fresh_ports=True)
    kept = httpx2.get(f"{around.addresses.url('contacts')}{made.headers['Location']}", headers=bearer)
    assert (kept.status_code, kept.json()["name"]) == (200, "Sara")
