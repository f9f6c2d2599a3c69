"""Does the short, fixed part of the chaos suite hold, and does its oracle see what is lost, doubled or made up?"""

import re
from collections import Counter
from pathlib import Path

import pytest
from crm_local.stack import Stack

from chaos.family import load_all
from chaos.ground import Ground
from chaos.history import History, Op
from chaos.oracle import amiss, expected, figures
from chaos.runner import experiment
from chaos.scenario import SCENARIOS

ROOT = Path(__file__).resolve().parents[2]
ONE = ("interaction.recorded", "one")


@pytest.mark.parametrize("name", ["api-killed", "projector-killed"])
async def test_nothing_is_lost_doubled_or_out_of_order_when(name: str, backbone: Stack, stack: dict[str, str], tmp_path: Path) -> None:
    load_all()
    ground = Ground.begin(backbone, backbone.surroundings(), name, 1, tmp_path, lambda line: None)
    try:
        facts, _ = await experiment(SCENARIOS[name], ground)
    finally:
        await ground.end()
    assert facts.events > 0


@pytest.mark.parametrize(
    ("status", "times", "broken"),
    [("ok", 1, ""), ("ok", 0, "I1"), ("ok", 2, "I1"), ("unknown", 0, ""), ("unknown", 1, ""), ("unknown", 2, "I13"), ("fail", 0, ""), ("fail", 1, "I1")],
)
def test_an_operation_is_there_as_often_as_its_answer_said(status: str, times: int, broken: str, tmp_path: Path) -> None:
    history = told(tmp_path, Op("interact", "c", "k", ONE), status)
    assert [invariant for invariant, _ in amiss(expected(history)[0], Counter({ONE: times}))] == [broken] * bool(broken)


def test_what_nobody_asked_for_is_seen(tmp_path: Path) -> None:
    history = told(tmp_path, Op("interact", "c", "k", ONE), "ok")
    assert [invariant for invariant, _ in amiss(expected(history)[0], Counter({ONE: 1, ("note.added", "?"): 1}))] == ["I1"]


def test_an_unknown_operation_counts_if_it_is_found(tmp_path: Path) -> None:
    cluster = expected(told(tmp_path, Op("interact", "c", "k", ONE), "unknown"))[0]
    assert [figures(cluster, found).interactions for found in ({}, {ONE: 1})] == [0, 1]


def told(folder: Path, op: Op, status: str) -> History:
    history = History(folder / "history.jsonl")
    history.invoke(0, op)
    history.end(0, op, status)
    history.close()
    return history


def test_the_page_names_every_scenario_and_every_failpoint() -> None:
    load_all()
    page = (ROOT / "docs" / "reliability.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if re.match(r"\| \d+ \|", line)]
    assert {int(row[1]) for row in rows} == set(range(1, 21))
    told = {row[3].strip(" `"): row[4].split() for row in rows if row[3].strip()}
    assert told == {name: each.invariants.split() for name, each in SCENARIOS.items()}
    points = {point for module in ROOT.glob("*/*/crm_*/**/*.py") for point in re.findall(r'\breached\("([a-z_.]+)"\)', module.read_text())}
    assert points == set(re.findall(r"`((?:append|eraser|relay|projector|composer|feed|rebuild|webhooks)\.(?!py\b)[a-z_]+)`", page))
