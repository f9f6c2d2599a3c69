"""How do recordings and alerts become Prometheus's files, with a test of each alert that promtool runs?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from crm_watching import recordings
from crm_watching.alert import Alert, Series
from crm_watching.alerts import ALERTS, LATE, LOST, SLOW, STUCK
from crm_watching.budgets import BUDGETS
from crm_watching.objectives import OBJECTIVES, recorded
from crm_watching.places import PROMETHEUS
from crm_watching.scraping import config, in_compose

_MADE = "# Made from the code: make watching\n"


def files() -> Mapping[Path, str]:
    """Each file under deploy/prometheus with its content. An alert's test reads one file of rules, and is quick."""
    alerts = {"late": LATE, "stuck": STUCK, "lost": LOST, "slow": SLOW}
    rules: dict[str, Sequence[Mapping[str, Any]]] = {name: [_rule(each) for each in some] for name, some in alerts.items()}
    rules["numbers"] = recordings.recordings()
    cases = {name: _cases(some) for name, some in alerts.items()} | {"numbers": recordings.cases()}
    for objective in OBJECTIVES:
        budget = [each for each in BUDGETS if each.name == objective.alert]
        rules[f"objective_{objective.name}"] = [*recorded(objective), *(_rule(each) for each in budget)]
        cases[f"objective_{objective.name}"] = _cases(budget)
    return {
        PROMETHEUS / "prometheus.yml": _text(config(in_compose())),
        **{PROMETHEUS / "rules" / f"{name}.yml": _text({"groups": [{"name": name, "rules": some}]}) for name, some in rules.items()},
        **{PROMETHEUS / "tests" / f"{name}.yml": _text(_tests(name, some)) for name, some in cases.items()},
    }


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.after,
        "labels": {"severity": alert.severity, "question": alert.question},
        "annotations": {"summary": alert.summary, "runbook": alert.runbook},
    }


def _tests(name: str, cases: list[dict[str, Any]]) -> dict[str, Any]:
    return {"rule_files": [f"../rules/{name}.yml"], "evaluation_interval": "2m" if name.startswith("objective") else "1m", "tests": cases}


def _cases(alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    return [case for alert in alerts for case in (_case(alert, alert.fires, fires=True), _case(alert, alert.quiet, fires=False))]


# promtool asks for all that fire under one name: where it is bad enough for a page there is a ticket too, and a page's quiet numbers are those of a ticket
_FIRING = {("page", True): ("page", "ticket"), ("page", False): ("ticket",), ("ticket", True): ("ticket",), ("ticket", False): ()}


def _case(alert: Alert, series: Series, *, fires: bool) -> dict[str, Any]:
    firing = [each for each in ALERTS if each.name == alert.name and each.severity in _FIRING[alert.severity, fires]]
    expected = [{"exp_labels": _labels(each), "exp_annotations": {"summary": _rendered(each), "runbook": each.runbook}} for each in firing]
    return {
        "name": f"{alert.name} ({alert.severity}) {'fires' if fires else 'does not fire'}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": alert.at if fires else alert.quiet_at or alert.at, "alertname": alert.name, "exp_alerts": expected}],
    }


def _labels(alert: Alert) -> dict[str, str]:
    return {**alert.labels, "severity": alert.severity, "question": alert.question}


def _rendered(alert: Alert) -> str:
    text = alert.summary
    for name, value in alert.labels.items():
        text = text.replace(f"{{{{ $labels.{name} }}}}", value)
    return text


def _text(document: Any) -> str:
    return _MADE + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=160)
