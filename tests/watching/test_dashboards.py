"""Does each dashboard show what there is: every query run by a real Prometheus that watches a real stack, none of them empty after the demo's work?"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from crm_local import issuing, sheet
from crm_local.parts import PARTS, SERVICES
from crm_local.stack import Stack
from crm_watching.board import RATE, Panel, Query
from crm_watching.catalogue import described
from crm_watching.grafana import BOARDS, told
from crm_watching.places import GRAFANA, PROMETHEUS, ROOT
from crm_watching.recordings import FOUR
from crm_watching.scraping import on_this_machine
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_server import Prometheus, Refused, prometheus

WAIT = 60.0  # seconds, ended as soon as it is so
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
QUERIES = {(board.name, panel.title, query.expr): panel for board in BOARDS for panel in board.panels() for query in panel.queries}
NOT_SHOWN = {"process_virtual_memory_bytes"}  # it says little
ONLY_IN_NEED = 'status=~"5.."'  # no series before the first fault
CUSTOMERS, SEED = 12, 640


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, backbone: Stack) -> Iterator[Prometheus]:
    """It has watched the stack from before the demo's work until after its comparison."""
    around = backbone.up(fresh_ports=True)
    client = sheet.write(backbone.data_dir, around.addresses, around.bootstrap, issuing.token(backbone.data_dir))
    with prometheus(tmp_path_factory.mktemp("prometheus"), on_this_machine(around.addresses)) as server:
        until(lambda: server.now('sum(up{job="crm"})') == [len(PARTS)])
        words = [f"--{name.lower().replace('_', '-')}={value}" for name, value in client.items() if name.endswith("_URL")]
        demo = [Path(sys.executable).parent / "crm-import", *words, "demo", f"--customers={CUSTOMERS}", f"--seed={SEED}"]
        done = subprocess.run(demo, env=os.environ | {"TOKEN": client["TOKEN"]}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        where = f"{client['REPORTING_URL']}/v1/operations/reconciliation?fresh=true"
        assert httpx2.get(where, headers={"Authorization": f"Bearer {client['TOKEN']}"}, timeout=60).status_code == 200
        yield server


def until(so: Callable[[], bool]) -> bool:
    """Whether it came to be so in time."""
    deadline = time.monotonic() + WAIT
    while not so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def values(server: Prometheus, expr: str, *, number: bool = False) -> list[float]:
    """What Grafana would draw."""
    told = expr.replace(RATE, "30s")
    return server.now(told) if number else server.since(told, 120)


def test_every_query_is_understood_and_no_panel_is_empty(server: Prometheus) -> None:
    empty = dict(QUERIES)

    def all_drawn() -> bool:
        for key, panel in list(empty.items()):
            if values(server, key[2], number=panel.kind == "number"):
                del empty[key]
        return not empty

    until(all_drawn)
    assert sorted(empty) == []


def test_a_query_that_makes_no_sense_is_refused(server: Prometheus) -> None:
    with pytest.raises(Refused, match="parse error"):
        server.now("sum by (process (crm_leader)")


def test_what_an_alert_looks_at_is_there_while_all_is_well(server: Prometheus) -> None:
    """A series that only comes with the trouble hides its first step, and a label with a slip of the pen hides all of it."""
    rules = [rule for file in (PROMETHEUS / "rules").glob("*.yml") for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
    looked_at = {name for rule in rules for name in re.findall(r"\b((?:crm|http|process|up)[\w:]*(?:\{[^}]*\})?)(?=[\[) ]|$)", rule["expr"])}
    looked_at = {name for name in looked_at if ONLY_IN_NEED not in name and name.partition("{")[0] not in ("process",)}
    assert len(looked_at) > 60
    missing = set(looked_at)

    def all_there() -> bool:
        missing.difference_update([name for name in missing if server.now(f"count({name})")])
        return not missing

    until(all_there)
    assert missing == set()


def test_the_four_numbers_answer_and_a_process_that_is_gone_is_stuck(server: Prometheus, backbone: Stack) -> None:
    answers = [server.now(number.name) for number in FOUR]
    assert [len(answer) for answer in answers] == [1, 1, 1, 1]
    assert [value for (value,) in answers if value < 0] == []
    waiting = "sum(max by (source) (crm_reporting_parked)) + sum(max by (source) (crm_reporting_paused))"  # what another file's tests may have left
    assert until(lambda: server.now("crm:stuck:count") == server.now(waiting)), "somebody leads each work soon after the start"
    composer = next(part for part in PARTS if part.name == "composer")
    try:
        backbone.running(composer).process.stop()
        assert until(lambda: server.now("crm:stuck:count")[0] == server.now(waiting)[0] + 1)
        assert until(lambda: server.now('count(ALERTS{alertname="ProcessDown",process="composer"})') == [1])
    finally:
        backbone.up(fresh_ports=True)
    assert until(lambda: server.now("crm:stuck:count") == server.now(waiting))


def test_there_is_an_overview_with_the_four_numbers_first_and_a_dashboard_for_each_service() -> None:
    assert [board.name for board in BOARDS] == ["overview", *(service.name for service in SERVICES)]
    first: list[Panel] = list(BOARDS[0].panels())[:4]
    assert [(panel.kind, [query.expr for query in panel.queries], panel.unknown) for panel in first] == [
        ("number", [number.name], number.unknown) for number in FOUR
    ]


def test_every_metric_is_to_be_seen_somewhere() -> None:
    shown = {name for *_, expr in QUERIES for name in Query(expr).metrics}
    assert described().keys() - shown == NOT_SHOWN, "show it in a row of crm_watching/rows.py or service_boards.py, then make watching"
    assert shown - described().keys() == set()


def test_every_panel_says_what_it_means() -> None:
    assert [f"{board.name}: {panel.title}" for board in BOARDS for panel in board.panels() if len(told(panel)) < 30] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_is_what_grafana_reads(file: Path) -> None:
    written: dict[str, Any] = json.loads(file.read_text())
    assert json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder)) == written
    panels = written["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y) for panel in panels for x in range(panel["gridPos"]["w"]) for y in range(panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken)), "panels lie upon each other"
    for panel in panels:
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert len(letters) == len(set(letters))
        if panel["type"] != "row":
            assert letters and panel["datasource"]["uid"] == "${datasource}"
            assert {word for target in panel["targets"] for word in re.findall(r"\$\w+", target["expr"])} <= {RATE}


def test_no_dashboard_is_left_that_nobody_makes() -> None:
    assert {file.stem for file in FILES} == {board.name for board in BOARDS}
    assert str(GRAFANA.relative_to(ROOT)) == "deploy/grafana"
