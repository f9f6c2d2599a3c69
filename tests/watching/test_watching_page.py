"""Does docs/watching.md say what is so, and do its commands work as they stand there?"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import httpx2
import yaml
from crm_local.parts import PARTS
from crm_local.ports import free_port
from crm_local.stack import Stack
from crm_watching.objectives import OBJECTIVES, PACES
from crm_watching.places import DOCS, ROOT
from crm_watching.recordings import FOUR
from crm_watching.scraping import in_compose

PAGE = (DOCS / "watching.md").read_text()
START, ASK = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
WAIT = 60.0


def test_the_four_numbers_are_told_as_they_are() -> None:
    rows = re.findall(r"^\| `(crm:\S+)` \| (.*) \| (\S+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [(number.name, number.text, f"{number.wrong_from:g}", number.unknown) for number in FOUR]


def test_the_promises_are_told_as_they_are() -> None:
    rows = re.findall(r"^\| (.*) \| \[\w+\]\(runbooks/(\w+)\.md\) \|$", PAGE, re.MULTILINE)
    assert rows == [(objective.promise, objective.alert) for objective in OBJECTIVES]
    hours = {"h": 1, "d": 24}
    spent = {severity: [(long, pace * int(long[:-1]) * hours[long[-1]] / 7.2) for long, _, pace in pairs] for severity, pairs in PACES.items()}
    assert {severity: [(long, round(percent)) for long, percent in some] for severity, some in spent.items()} == {
        "page": [("1h", 2), ("6h", 5)], "ticket": [("1d", 10), ("3d", 10)],
    }  # fmt: skip


def test_what_the_page_names_is_there() -> None:
    assert [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if not (DOCS / link).exists()] == []
    assert [place for place in re.findall(r"`(deploy/[\w/.]+)`", PAGE) if not (ROOT / place).exists()] == []
    assert set(re.findall(r"`(\w+)`", PAGE.partition("which is one of")[2].partition(";")[0])) == {part.name for part in PARTS}


def test_the_commands_of_the_page_watch_the_stack(stack: dict[str, str], backbone: Stack, tmp_path: Path) -> None:
    port = str(free_port())
    start, ask = (words.replace("build/", f"{tmp_path}/").replace("9090", port) for words in (START, ASK))
    told = {**os.environ, "CRM_LOCAL_DATA": str(backbone.data_dir)}
    with (tmp_path / "log").open("w") as log:
        shell = subprocess.Popen(["bash", "-ec", start], cwd=ROOT, env=told, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + WAIT
        answered = ""
        while "crm:stuck:count" not in answered:
            assert shell.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()[-2000:] + answered
            time.sleep(0.2)
            answered = subprocess.run(["bash", "-c", ask], cwd=ROOT, capture_output=True, text=True).stdout
        targets = httpx2.get(f"http://127.0.0.1:{port}/api/v1/targets").json()["data"]["activeTargets"]
        assert {target["labels"]["process"] for target in targets} == {part.name for part in PARTS}
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait()


def test_without_a_stack_nothing_is_told(tmp_path: Path) -> None:
    done = subprocess.run([ROOT / ".venv/bin/crm-watching", "scrape", "--data", tmp_path], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "The stack is down: make up.\n")


def test_with_docker_prometheus_asks_where_each_process_answers() -> None:
    assert in_compose() == {part.name: f"{part.name}:{COMPOSE[part.name]['environment'][part.port_setting]}" for part in PARTS}
    for service in ("prometheus", "grafana"):
        assert COMPOSE[service]["profiles"] == ["watching"]
        mounted = [volume.split(":")[0] for volume in COMPOSE[service]["volumes"] if volume.startswith("./")]
        assert mounted and [place for place in mounted if not (ROOT / "deploy" / place).is_dir()] == []
    provided = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/crm.yml").read_text())["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{provided}:ro" in COMPOSE["grafana"]["volumes"]
