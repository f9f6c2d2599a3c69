"""When is somebody called because a promise is broken too often?"""

from collections.abc import Mapping

from crm_watching.alert import Alert, Series
from crm_watching.objectives import OBJECTIVES, PACES, Objective, burns


def _requests(good: str, bad: str) -> Series:
    where = 'process="tickets",method="GET",route="/v1/tickets"'
    return {f'http_requests_total{{{where},status="200"}}': good, f'http_requests_total{{{where},status="503"}}': bad}


def _within(name: str, labels: str, le: str, within: str, all_: str) -> Series:
    return {f'{name}_bucket{{{labels},le="{le}"}}': within, f"{name}_count{{{labels}}}": all_}


_ROUTE = 'process="tickets",method="GET",route="/v1/tickets",status="200"'
_HTTP, _DELAY, _AGE = "http_request_duration_seconds", "crm_reporting_projection_delay_seconds", 'crm_relay_oldest_unpublished_seconds{source="tickets"}'
_LONG = 420  # minutes: the tickets' shorter windows are six hours

# what fires as a page, what as a ticket only, and what is no more than what is promised
_NUMBERS: Mapping[str, tuple[Series, Series, Series, Mapping[str, str]]] = {
    "availability": (
        _requests("0+90x90", "0+10x90"), _requests(f"0+995x{_LONG}", f"0+5x{_LONG}"), _requests(f"0+9995x{_LONG}", f"0+5x{_LONG}"), {"process": "tickets"},
    ),
    "latency": (
        _within(_HTTP, _ROUTE, "0.3", "0+10x90", "0+100x90"), _within(_HTTP, _ROUTE, "0.3", f"0+80x{_LONG}", f"0+100x{_LONG}"),
        _within(_HTTP, _ROUTE, "0.3", f"0+97x{_LONG}", f"0+100x{_LONG}"), {"process": "tickets"},
    ),
    "projection": (
        _within(_DELAY, 'process="projector"', "5.0", "0+50x90", "0+100x90"), _within(_DELAY, 'process="projector"', "5.0", f"0+96x{_LONG}", f"0+100x{_LONG}"),
        _within(_DELAY, 'process="projector"', "5.0", f"0+995x{_LONG}", f"0+1000x{_LONG}"), {"process": "projector"},
    ),
    "relay": ({_AGE: "0x60 40x30"}, {_AGE: f"0x{_LONG - 15} 40 40 0x12"}, {_AGE: f"9x{_LONG}"}, {"source": "tickets"}),
}  # fmt: skip


def _budget(objective: Objective, severity: str) -> Alert:
    page, ticket, kept, labels = _NUMBERS[objective.name]
    question = "late" if objective.name in ("projection", "relay") else "slow"
    fires, quiet = (page, ticket) if severity == "page" else (ticket, kept)
    summary = f"{{{{ $labels.{objective.by} }}}} breaks its promise too often: {objective.promise}."
    at = {"page": "80m", "ticket": f"{_LONG - 1}m"}[severity]
    return Alert(objective.alert, question, severity, burns(objective, severity), "2m", summary, fires, quiet, labels, at, f"{_LONG - 1}m")


BUDGETS = tuple(_budget(objective, severity) for objective in OBJECTIVES for severity in PACES)
