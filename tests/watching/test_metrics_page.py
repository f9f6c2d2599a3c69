"""Do the code, docs/metrics.md and what every process of a running stack serves say the same about metrics?"""

import ast
import re
from pathlib import Path

import httpx2
import pytest
from crm_events.measuring import DESCRIBED, EVERY, Section
from crm_local.parts import PARTS, SERVICES, VAULT
from crm_local.stack import Stack
from crm_watching.catalogue import PACKAGES, described, modules
from crm_watching.comparing import differences, kind
from crm_watching.page import page
from prometheus_client import CollectorRegistry, generate_latest

ROOT = Path(__file__).resolve().parents[2]
MADE_BY = "crm_events/measuring.py"
LABELS = {  # each with a bounded number of values; whatever names a person, a key or a request is none
    "method", "route", "status", "service", "version", "work", "pool", "call", "source", "type", "outcome", "group", "topic", "partition",
}  # fmt: skip
LESS_THAN_BASE = ("_ms", "_milliseconds", "_microseconds", "_minutes", "_hours", "_kilobytes", "_megabytes", "_percent")


def test_the_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == page(), "make watching"


def test_every_process_serves_what_is_described_and_no_more(stack: dict[str, str], backbone: Stack) -> None:
    around = backbone.surroundings()
    assert {part.name for part in PARTS} == set(EVERY)
    assert [line for part in PARTS for line in differences(part.name, httpx2.get(f"{around.addresses.url(part.name)}/metrics").text)] == []


def test_what_differs_is_told_in_words() -> None:
    registry = CollectorRegistry()
    Section("A test's own", ("nowhere",)).counter("crm_test_knocks_total", ["door"], "Knocks.", off="Open.").on(registry).labels("front").inc()
    try:
        told = differences("tickets", generate_latest(registry).decode() + "# TYPE crm_unheard_of gauge\ncrm_unheard_of 1\n")
        assert "tickets serves crm_unheard_of, which nobody describes: describe it in a module metrics.py, in a Section" in told
        assert 'tickets serves crm_test_knocks_total, whose section "A test\'s own" names only nowhere: add tickets to the section' in told
        assert any(line.startswith("tickets does not serve crm_leader, though") for line in told)
        assert "crm_test_knocks_total names a process that there is not: nowhere" in told
        wrong = '# TYPE crm_leader counter\ncrm_leader_total{owner="x"} 1\n'
        assert any("crm_leader_total, which nobody describes" in line for line in differences("tickets", wrong))
        wrong = '# TYPE crm_leader gauge\ncrm_leader{owner="x"} 1\n'
        assert "crm_leader has the labels ['owner'], described with ['work']" in differences("tickets", wrong)
    finally:
        del DESCRIBED["crm_test_knocks_total"]


def test_a_name_has_one_meaning() -> None:
    with pytest.raises(ValueError, match="crm_leader is described already"):
        Section("Another", ()).gauge("crm_leader", [], "Something else.", off="")


def test_metrics_are_described_where_the_page_looks() -> None:
    """An instrument made beside the descriptions would be on no page, and on no dashboard."""
    made = []
    for module in sorted(path for pattern in ("libs/*/crm_*", "services/*/crm_*") for folder in ROOT.glob(pattern) for path in folder.rglob("*.py")):
        whole = ast.parse(module.read_text())
        theirs = {
            alias.asname or alias.name
            for node in ast.walk(whole)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prometheus_client")
            for alias in node.names
        }
        called = [node.func.id for node in ast.walk(whole) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        wild = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"} & theirs & set(called)
        described_here = "Section(" in module.read_text() and module.name != "metrics.py"
        if not str(module).endswith(MADE_BY) and (wild or described_here):
            made.append(f"{module.relative_to(ROOT)}: {sorted(wild) or 'Section'}")
    assert made == []
    assert len(modules()) >= 6


@pytest.mark.parametrize("name", described())
def test_a_metric_is_named_and_labelled_as_all_are(name: str) -> None:
    metric = described()[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", name)
    assert name.endswith("_total") is (kind(name) == "counter")
    assert not name.removesuffix("_total").endswith(LESS_THAN_BASE)
    assert set(metric.labels) <= LABELS
    assert metric.text.rstrip().endswith((".", "?")) and len(metric.off) > 10 and metric.by


def test_every_metric_a_page_names_is_described() -> None:
    others = {*PACKAGES, *(service.database for service in (*SERVICES, VAULT)), "http_post_vs_noop"}  # code, databases, and a figure of the benchmarks
    named = {(name, file.name) for file in (ROOT / "docs").rglob("*.md") for name in re.findall(r"`(crm_\w+|http_\w+)[`{]", file.read_text())}
    assert len(named) > 100
    assert sorted(f"{page}: {name}" for name, page in named if name not in {*described(), *others}) == []
