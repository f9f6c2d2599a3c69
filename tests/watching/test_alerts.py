"""Does each alert fire when it should and only then, and does each have a page whose commands, routes and metrics there are?"""

import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from click import Group
from crm_local.parts import VAULT
from crm_watching.alert import Alert
from crm_watching.alerts import ALERTS
from crm_watching.catalogue import described
from crm_watching.made import made
from crm_watching.places import PROMETHEUS, ROOT
from crm_watching.recordings import FOUR
from typer.main import get_command

RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(file for file in RUNBOOKS.glob("*.md") if file.stem != "index")
FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULES: list[dict[str, Any]] = [rule for file in FILES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
SOURCES = "\n".join(file.read_text() for pattern in ("libs", "services", "deploy") for file in sorted((ROOT / pattern).rglob("*.py")))
WORD = re.compile(r"`([^`\n]+)`")


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool is not here: install Prometheus (on Debian: apt-get install prometheus)"
    return subprocess.run([program, *words], cwd=PROMETHEUS, capture_output=True, text=True)


def test_what_is_made_from_the_code_is_as_the_code_has_it() -> None:
    assert [str(file.relative_to(ROOT)) for file, text in made().items() if not file.exists() or file.read_text() != text] == [], "make watching"
    beside = {*PROMETHEUS.rglob("*.yml")} - set(made())
    assert beside == set(), "nobody makes these any more: remove them"


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    told = promtool("check", "config", "prometheus.yml")
    assert told.returncode == 0, told.stdout + told.stderr
    assert len(RULES) == sum(int(n) for n in re.findall(r"(\d+) rules found", told.stdout))


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    tests = sorted(str(file.relative_to(PROMETHEUS)) for file in (PROMETHEUS / "tests").glob("*.yml"))
    told = promtool("test", "rules", *tests)
    assert told.returncode == 0, told.stdout + told.stderr
    shown = {case["name"] for name in tests for case in yaml.safe_load((PROMETHEUS / name).read_text())["tests"]}
    of_alerts = {f"{alert.name} ({alert.severity}) {what}" for alert in ALERTS for what in ("fires", "does not fire")}
    assert shown == of_alerts | {f"{number.name}: {name}" for number in FOUR for name, *_ in number.cases}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name}-{alert.severity}")
def test_an_alert_is_shown_with_numbers_that_differ_and_names_only_labels_it_has(alert: Alert) -> None:
    assert alert.fires and alert.quiet and alert.fires != alert.quiet
    assert set(re.findall(r"\$labels\.(\w+)", alert.summary)) <= alert.labels.keys()


def test_every_number_a_rule_asks_for_is_described_or_recorded() -> None:
    known = {*described(), *(rule["record"] for rule in RULES if "record" in rule), "up"}
    told = (re.sub(r'(__name__=~"[^"]*")|"[^"]*"', r"\1 ", rule["expr"]) for rule in RULES)  # labels' values say no names, but for the name itself
    asked = {name for expr in told for name in re.findall(r"\b((?:crm|http|process)[:_][\w:]+)", expr)}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked} - known == set()


def test_each_of_the_four_questions_is_one_number_with_a_value_for_well_wrong_and_unknown() -> None:
    assert {number.question.lower() for number in FOUR} == {alert.question for alert in ALERTS} == {"late", "stuck", "lost", "slow"}
    for number in FOUR:
        values = [value for *_, value in number.cases]
        assert 0 in values and None in values and any(value for value in values), number.name


def test_each_alert_names_its_page_and_each_page_has_an_alert() -> None:
    named = {rule["annotations"]["runbook"] for rule in RULES if "alert" in rule}
    assert named == {str(page.relative_to(ROOT)) for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_how_to_look_and_what_to_do_with_what_there_is(page: Path) -> None:
    text = page.read_text()
    assert [text.startswith(f"# {page.stem}\n"), "\n## Look\n" in text, "\n## Do\n" in text, len(text) > 500] == [True] * 4
    targets = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1).split())  # type: ignore[union-attr]
    commands = [*re.findall(r"^([^\s#].*)$", "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)), re.MULTILINE), *WORD.findall(text)]
    assert {command.split()[1] for command in commands if command.startswith("make ")} <= targets
    for command in commands:
        if command.startswith(".venv/bin/crm-local run"):
            service, word, *_ = command.split()[2:]
            program: Group = get_command(import_module(f"crm_{service}.cli").app)  # type: ignore[assignment]
            assert word in program.commands, command
    known = {*described(), *(rule["record"] for rule in RULES if "record" in rule)}
    for name in re.findall(r"\b(?:crm|http|process)[:_][\w:]+", " ".join(WORD.findall(text))):
        assert re.sub(r"_(bucket|count|sum)$", "", name) in known or name == VAULT.database, name
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (RUNBOOKS / link).exists(), link
    for setting in re.findall(r"`([A-Z]+_[A-Z_]+|RELAY|TIMER|FOLLOW|INSTANCE)`", text):
        assert re.search(rf"\b{setting.lower()}: ", SOURCES), setting


def test_what_a_page_tells_to_look_for_in_the_log_is_written_there() -> None:
    looked_for = {
        word
        for page in PAGES
        for word in re.findall(r"`((?:relay|consumer|recovery|feed)\.\w+|\w+ing_failed|background_failed|service_failed|webhooks?_\w+)`", page.read_text())
    }
    looked_for |= {word for page in PAGES for word in WORD.findall(page.read_text()) if re.fullmatch(r"(append|advance|audit|erasures|timer) [a-z ]+", word)}
    assert len(looked_for) > 12
    assert {word for word in looked_for if f'"{word}' not in SOURCES} == set()


def test_every_address_on_a_page_is_in_the_services_own_description(stack: dict[str, str]) -> None:
    texts = [page.read_text() for page in PAGES]
    asked = {(service, path) for text in texts for service, path in re.findall(r"\$(CONTACTS|TICKETS|LOYALTY|REPORTING)_URL(/v1/[^\s\"?`]+)", text)}
    asked |= {("REPORTING", path) for text in texts for path in re.findall(r"`(?:GET|POST) (/v1/[^`?]+)`", text)}
    assert len(asked) > 5
    described_by = {service: httpx2.get(f"{stack[f'{service}_URL']}/openapi.json").json()["paths"] for service in {service for service, _ in asked}}
    for service, path in asked:
        patterns = [re.sub(r"\\\{\w+\\\}", r"[^/]+", re.escape(each)) for each in described_by[service]]
        assert any(re.fullmatch(pattern, path) for pattern in patterns), f"{service} {path}"
