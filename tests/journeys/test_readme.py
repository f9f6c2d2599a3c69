"""Does everything the front page says hold? Its commands are run as they stand there, and what it names is looked for."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx2
from crm_local.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [word for word in re.findall(r"`([^`]+)`", PROSE) if word.startswith(("make ", ".venv/bin/"))]


def test_the_tour_runs_as_it_stands(stack: dict[str, str], backbone: Stack) -> None:
    sheet = backbone.data_dir.parent / f"{backbone.data_dir.name}.env"
    token = f'make() {{ .venv/bin/crm-local token --data "{backbone.data_dir}" --scopes self --customer "$ID"; }}\n'  # of this stack, not of build/stack
    script = "set -euo pipefail\n" + token + "\n".join(f"echo '=== {number}'\n{block}" for number, block in enumerate(SHELL))
    outside = {name: value for name, value in os.environ.items() if name not in stack}
    ran = subprocess.run(["bash"], input=script.replace("build/stack.env", str(sheet)), cwd=ROOT, env=outside, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    told = dict(re.findall(r"^=== (\d+)\n(.*?)(?=^=== |\Z)", ran.stdout, re.MULTILINE | re.DOTALL))
    assert len(told) == len(SHELL) == 10
    for number, words in enumerate(
        ("شیرین کاظمی", "Which grind?", "consent.granted", "شیرین کاظمی", '"equal":true', '"items"', "event: view", "none missing", ", journal "), 1
    ):
        assert words in told[str(number)], (number, told[str(number)])
    assert int(re.findall(r"(\d+) events", told["8"])[0]) >= 2
    assert told["9"].count('"type":"note.added"') == 1 and '"text":"s1.' in told["9"], "delivered once, sealed"


def test_every_make_target_named_is_there() -> None:
    targets = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1).split())  # type: ignore[union-attr]
    named = {word.split()[1] for word in COMMANDS if word.startswith("make ")}
    assert named - targets == set()
    assert named >= {"demo", "up", "down", "status", "logs", "token", "import", "test", "lint", "clean"}


def test_every_program_named_knows_the_command() -> None:
    programs = [word.split() for word in COMMANDS if word.startswith(".venv/bin/")]
    assert len(programs) == 3
    for program, *words in programs:
        known = words[1:3] if words[0] == "run" else words[:1]
        asked = [str(ROOT / ".venv" / "bin" / known[0]), known[1]] if words[0] == "run" else [str(ROOT / program), *known]
        assert subprocess.run([*asked, "--help"], cwd=ROOT, capture_output=True).returncode == 0, words


def test_every_place_named_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 15
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_topic_drawn_is_declared() -> None:
    from crm_events.topics import FEED, SOURCES

    assert set(re.findall(r"crm\.[a-z]+\.v1", README)) <= {*SOURCES.values(), FEED}


def test_every_address_of_the_tour_is_in_the_services_own_description(stack: dict[str, str]) -> None:
    asked = re.findall(r"\$(CONTACTS|TICKETS|LOYALTY|REPORTING)_URL(/v1/[^\s\"?]+)", "".join(SHELL))
    assert len(asked) > 8
    for service, path in asked:
        described: dict[str, Any] = httpx2.get(f"{stack[f'{service}_URL']}/openapi.json").json()["paths"]
        patterns = [re.sub(r"\{\w+\}", r"[^/]+", each) for each in described]
        assert any(re.fullmatch(pattern, path) for pattern in patterns), path


def test_the_number_of_figures_is_the_number_there_are(stack: dict[str, str]) -> None:
    listed = httpx2.get(f"{stack['REPORTING_URL']}/v1/kpis", headers={"Authorization": f"Bearer {stack['TOKEN']}"}).json()["items"]
    assert f"{len(listed)} figures" in README
