"""Does an import through the real services come out right, however often it is done and whatever stops it?"""

import asyncio
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import httpx2
import pytest
from crm_local.stack import Stack
from sample_files import log, purchases, written

IMPORT = Path(sys.executable).parent / "crm-import"
ROME = ZoneInfo("Europe/Rome")
CASES, CUSTOMERS = 60, 120
PERIOD = datetime(1997, 9, 1, tzinfo=UTC), datetime(1998, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("samples")
    return written(folder / "log.csv", log(CASES)), written(folder / "cd.txt", purchases(CUSTOMERS))


@pytest.fixture
def reporting(stack: dict[str, str]) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack["REPORTING_URL"], headers={"Authorization": f"Bearer {stack['TOKEN']}"}, timeout=30) as client:
        yield client


def command(stack: dict[str, str], *words: str | Path) -> list[str]:
    """The program with the addresses and the token of the stack under test."""
    flags = [f"--{name.lower().replace('_', '-')}={value}" for name, value in stack.items() if name.endswith("_URL")]
    return [str(IMPORT), *flags, *(str(word) for word in words)]


def imported(stack: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(stack, *words), env=os.environ | {"TOKEN": stack["TOKEN"]}, capture_output=True, text=True)


async def events(backbone: Stack, *services: str) -> dict[str, int]:
    """How many events each service's store holds; those of the clock aside, which ticks on."""
    found = {}
    for service in services:
        connection = await asyncpg.connect(backbone.surroundings().database_url(service))
        found[service] = await connection.fetchval("select count(*) from events where metadata ->> 'actor' is distinct from 'timer'")
        await connection.close()
    return found


async def test_an_import_killed_in_the_middle_and_run_again_ends_whole(stack: dict[str, str], backbone: Stack, samples: tuple[Path, Path]) -> None:
    lines = purchases(CUSTOMERS)
    before = await events(backbone, "loyalty")
    words = command(stack, "--lanes", "2", "--together", "3", "cdnow", samples[1])
    victim = await asyncio.create_subprocess_exec(*words, env=os.environ | {"TOKEN": stack["TOKEN"]}, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while (await events(backbone, "loyalty"))["loyalty"] < before["loyalty"] + 40 and victim.returncode is None:
        assert time.monotonic() < until
    victim.kill()
    await victim.wait()
    assert (await events(backbone, "loyalty"))["loyalty"] < before["loyalty"] + len(lines)
    done = imported(stack, "cdnow", samples[1])
    assert done.returncode == 0, done.stderr
    customers = len({line.split()[0] for line in lines})
    assert await events(backbone, "loyalty") == {"loyalty": before["loyalty"] + len(lines) + customers}


async def test_the_same_files_twice_add_no_event(stack: dict[str, str], backbone: Stack, samples: tuple[Path, Path]) -> None:
    words = ("all", f"HELPDESK={samples[0]}", f"CDNOW={samples[1]}")
    first = imported(stack, *words)
    assert first.returncode == 0, first.stderr
    held = await events(backbone, "contacts", "tickets", "loyalty")
    second = imported(stack, *words)
    assert second.returncode == 0, second.stderr
    counts = re.search(r"all\s+│\s+([\d,]+)\s+│\s+([\d,]+)\s+│\s+0 ", second.stdout + second.stderr)
    assert counts and counts[1] == "0", "what is known already is told as such"
    assert await events(backbone, "contacts", "tickets", "loyalty") == held


async def test_figures_are_those_of_the_files(stack: dict[str, str], backbone: Stack, reporting: httpx2.Client, samples: tuple[Path, Path]) -> None:
    done = imported(stack, "all", f"HELPDESK={samples[0]}", f"CDNOW={samples[1]}")
    assert done.returncode == 0, done.stderr
    start, end = PERIOD
    rate = figure(reporting, "repeat_purchase_rate", start, end, len(buyers(end)))
    share = figure(reporting, "repeat_revenue_share", start, end, revenue(start, end)[1])
    hours = figure(reporting, "resolution_time", datetime(2012, 1, 1, tzinfo=UTC), datetime(2015, 1, 1, tzinfo=UTC), len(resolutions()))
    assert (rate["numerator"], rate["denominator"]) == (sum(many >= 2 for many in buyers(end).values()), len(buyers(end)))
    assert (share["numerator"], share["denominator"]) == revenue(start, end)
    assert math.isclose(hours["value"], statistics.median(resolutions()), abs_tol=1e-6)
    assert min(resolutions()) > 0


def test_a_refused_line_is_named_and_makes_the_import_fail(stack: dict[str, str], tmp_path: Path) -> None:
    file = written(tmp_path / "contacts.csv", ["key,name,emails", "1,Edith,edith@import.example.com", "2,Tom,no address", "3,Ruth,EDITH@import.example.com"])
    done = imported(stack, "contacts", file, "--system", "refusing")
    assert done.returncode == 1
    assert "line 3: registerContact: invalid-request: /identifiers/1/value" in " ".join(done.stderr.split())
    assert re.search(r"line [24]: registerContact: identifier-taken", " ".join(done.stderr.split()))


def test_the_made_up_company_is_told_once(stack: dict[str, str], reporting: httpx2.Client) -> None:
    first = imported(stack, "demo", "--customers", "14", "--seed", "77")
    assert first.returncode == 0, first.stderr
    assert all(words in first.stdout for words in ("مریم رضایی", "resolution", "gold", "marketing", "repeat_purchase_rate", "make down")), first.stdout
    assert "store, topic and journal hold the same." in first.stdout
    urls = [word for word in first.stdout.split() if word.startswith("http")]
    assert len(urls) == 5
    assert {httpx2.get(url, headers={"Authorization": f"Bearer {stack['TOKEN']}"}).status_code for url in urls} == {200}
    view = reporting.get(f"{urls[-1]}").json()
    assert len(view["member_ids"]) == 2
    assert view["loyalty"]["tier"]
    assert view["service"]["open"] == 1
    again = imported(stack, "demo", "--customers", "14", "--seed", "77")
    assert (again.returncode, "nothing was sent" in again.stdout) == (0, True), again.stderr


def test_a_company_told_up_to_another_day_is_not_told_twice(stack: dict[str, str]) -> None:
    assert imported(stack, "generate", "--customers", "1", "--seed", "78", "--end", "2026-01-01").returncode == 0
    refused = imported(stack, "generate", "--customers", "1", "--seed", "78", "--end", "2026-02-01")
    assert (refused.returncode, "up to 2026-01-01" in refused.stderr) == (1, True), refused.stderr
    assert imported(stack, "generate", "--customers", "1", "--seed", "78").returncode == 0


def figure(reporting: httpx2.Client, name: str, start: datetime, end: datetime, denominator: int) -> dict[str, Any]:
    """The figure, once it counts as much as it should; whatever it says after half a minute."""
    until = time.monotonic() + 30
    while True:
        answer = reporting.get(
            f"/v1/kpis/{name}", params={"from": start.isoformat(), "to": end.isoformat(), **({"by": "currency"} if name == "repeat_revenue_share" else {})}
        )
        told: dict[str, Any] = answer.json()
        if name == "repeat_revenue_share":
            told = next((group for group in told["groups"] if group["key"] == "USD"), {"denominator": 0, "numerator": 0})
        if told["denominator"] == denominator or time.monotonic() > until:
            return told


def bought() -> Iterator[tuple[str, datetime, int]]:
    """Customer, moment and cents of what cost something, in the order of the file."""
    for line in purchases(CUSTOMERS):
        customer, day, _, dollars = line.split()
        if float(dollars):
            yield customer, datetime.strptime(day, "%Y%m%d").replace(hour=12, tzinfo=UTC), round(float(dollars) * 100)


def buyers(end: datetime) -> dict[str, int]:
    times: dict[str, int] = defaultdict(int)
    for customer, at, _ in bought():
        times[customer] += end - timedelta(days=365) < at < end
    return {customer: many for customer, many in times.items() if many}


def revenue(start: datetime, end: datetime) -> tuple[int, int]:
    """Cents of purchases in the period that are not their customer's first ever, and of all in it."""
    again, whole, known = 0, 0, set[str]()
    for customer, at, cents in sorted(bought(), key=lambda one: one[1]):
        if start <= at < end:
            whole += cents
            again += cents if customer in known else 0
        known.add(customer)
    return again, whole


def resolutions() -> list[float]:
    """Minutes from each case's first row to its last resolution; the second of two within a minute is none; a case closed without one ends there."""
    cases: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for row in log(CASES)[1:]:
        case, activity, _, at, *_ = row.split(",")
        cases[case].append((activity, datetime.strptime(at, "%Y/%m/%d %H:%M:%S.%f").replace(tzinfo=ROME).astimezone(UTC)))
    minutes = []
    for steps in cases.values():
        ended: datetime | None = None
        for activity, at in steps:
            if activity == "Resolve ticket" and (ended is None or at - ended > timedelta(minutes=1)):
                ended = at
        if ended:
            minutes.append((ended - steps[0][1]).total_seconds() // 1 / 60)
    return minutes
