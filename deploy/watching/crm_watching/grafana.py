"""How do dashboards become Grafana's JSON? By Grafana's own library, so that every field is one that it knows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as commons
from grafana_foundation_sdk.models import dashboard as model

from crm_watching.board import Board, Panel
from crm_watching.catalogue import described
from crm_watching.overview_board import OVERVIEW
from crm_watching.places import GRAFANA
from crm_watching.service_boards import SERVICE_BOARDS

BOARDS = (OVERVIEW, *SERVICE_BOARDS)
_SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHT = {"graph": 7, "number": 5}


def files() -> Mapping[Path, str]:
    """Each file under deploy/grafana with its content."""
    boards = {GRAFANA / "dashboards" / f"{board.name}.json": _json(board) for board in BOARDS}
    return boards | {GRAFANA / "provisioning" / name: f"# Made from the code: make watching\n{yaml.safe_dump(told)}" for name, told in _PROVISIONED.items()}


_PROVISIONED: Mapping[str, Any] = {
    "datasources/prometheus.yml": {
        "apiVersion": 1,
        "datasources": [{"name": "Prometheus", "type": "prometheus", "access": "proxy", "url": "http://prometheus:9090", "isDefault": True}],
    },
    "dashboards/crm.yml": {
        "apiVersion": 1,
        "providers": [{"name": "crm", "folder": "CRM", "type": "file", "options": {"path": "/var/lib/grafana/dashboards"}}],
    },
}


def _json(board: Board) -> str:
    made = (
        dashboard.Dashboard(board.title)
        .uid(f"crm-{board.name}")
        .description(board.text)
        .tags(list(board.tags))
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(dashboard.DashboardLink("CRM").type(model.DashboardLinkType.DASHBOARDS).tags(["crm"]).keep_time(True).include_vars(True))
        .annotation(dashboard.AnnotationQuery().name("Alerts").datasource(_SOURCE).enable(True).icon_color("red").expr('ALERTS{alertstate="firing"}'))
    )
    id_ = 0
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title).id(id_ := id_ + 1))
        for panel in row.panels:
            made = made.with_panel(_panel(panel).id(id_ := id_ + 1))
    return json.dumps(made.build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _panel(panel: Panel) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel
    if panel.kind == "number":
        made = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)).graph_mode(commons.BigValueGraphMode.NONE)
    else:
        legend = common.VizLegendOptions().show_legend(True).display_mode(commons.LegendDisplayMode.LIST).placement(commons.LegendPlacement.BOTTOM)
        made = timeseries.Panel().legend(legend).tooltip(common.VizTooltipOptions().mode(commons.TooltipDisplayMode.MULTI)).min(0)
        if panel.wrong_from is not None:
            made = made.thresholds_style(common.GraphThresholdsStyleConfig().mode(commons.GraphThresholdsStyleMode.DASHED))
    made = made.title(panel.title).description(told(panel)).datasource(_SOURCE).unit(panel.unit).span(panel.width).height(_HEIGHT[panel.kind])
    if panel.unknown:
        made = made.no_value(panel.unknown)
    steps = [model.Threshold(value=None, color="green")]
    if panel.wrong_from is not None:
        steps.append(model.Threshold(value=panel.wrong_from, color="red"))
    made = made.thresholds(dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
    for letter, query in zip("ABCDEFGH", panel.queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto").ref_id(letter).datasource(_SOURCE)
        made = made.with_target(target.instant() if panel.kind == "number" else target.range())  # a number of hours ago is no answer
    return made


def told(panel: Panel) -> str:
    """What the panel means and what to do: its own words, then those of its metrics."""
    known = described()
    words = [f"`{name}`: {known[name].text} {known[name].off}" for name in dict.fromkeys(name for query in panel.queries for name in query.metrics)]
    return "\n\n".join([panel.text] * bool(panel.text) + words)
