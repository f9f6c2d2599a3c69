"""How is a customer's unified view drawn in a terminal? Profile, consents, tickets with their clocks, points and purchases, the timeline, the figures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from crm_importers.jalali import jalali

_START, _END = "\u2068", "\u2069"  # isolate: a Persian name keeps its own direction and turns nothing around it
_COLOURS = {"met": "green", "running": "cyan", "paused": "yellow", "breached": "red", "granted": "green", "denied": "red", "withdrawn": "red"}


def apart(text: object) -> str:
    """A text whose direction is its own affair; — for nothing."""
    return f"{_START}{text}{_END}" if text not in (None, "") else "—"


def day(moment: str | None, *, hour: bool = False) -> str:
    """`2026-11-22 · 1405/09/01`: the Gregorian and the Jalali date of a moment, in UTC."""
    if not moment:
        return "—"
    at = datetime.fromisoformat(moment)
    return f"{at:%Y-%m-%d}{at: %H:%M}" * hour + f"{at:%Y-%m-%d}" * (not hour) + f" · {jalali(at.date())}"


def money(amounts: Iterable[Mapping[str, Any]]) -> str:
    """Minor units as a person writes them."""
    return ", ".join(f"{amount['amount'] / 100:,.2f} {amount['currency']}" for amount in amounts) or "—"


def customer(view: Mapping[str, Any], timeline: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The whole picture. `timeline`: items, the newest first."""
    profile = view["profile"] or {}
    title = Text.assemble("One customer: ", (apart(profile.get("name")), "bold"), f"   {view['canonical_id']}")
    sides = Columns([_profile(view, profile), Group(_consents(view), _loyalty(view))])
    return Panel(Group(sides, _tickets(view["service"]), _timeline(timeline)), title=title, title_align="left", border_style="blue")


def figures(kpis: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The KPIs of the last year."""
    table = Table("", "figure", "value", "of", "rests on", title="Figures of the last 365 days", title_justify="left", box=None, padding=(0, 2))
    table.columns[1].no_wrap = True
    for kpi in kpis:
        value = "—" if kpi["value"] is None else f"{kpi['value']:,.3f}".rstrip("0").rstrip(".")
        over = f"{kpi['numerator']:,} ÷ {kpi['denominator']:,}" if kpi["value"] is not None and isinstance(kpi["numerator"], int) else kpi["null_reason"] or ""
        table.add_row(kpi["number"], kpi["name"], Text(f"{value} {kpi['unit'].replace('_', ' ')}", style="bold"), over, f"{kpi['input_event_count']:,} events")
    return table


def _box(title: str, rows: Iterable[tuple[str, RenderableType]]) -> Panel:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="dim"), value)
    return Panel(table, title=title, title_align="left", border_style="dim", expand=False)


def _profile(view: Mapping[str, Any], profile: Mapping[str, Any]) -> Panel:
    contact, purchases = view["contact"], view["purchases"]
    rows: list[tuple[str, RenderableType]] = [("name", apart(profile.get("name"))), ("is", f"{profile.get('kind')}, {profile.get('type')}")]
    rows += [(each["kind"], apart(each["value"])) for each in profile.get("identifiers", ())[:6]]
    rows += [("first purchase", day(purchases["first_at"])), ("last contact", day(contact["last_contact_at"]))]
    rows += [("interactions", str(contact["interactions"])), ("purchases", f"{purchases['count']}, {money(purchases['spend'])}")]
    rows += [("RFM", view["scores"]["rfm"] or "—"), ("contacts in one", str(len(view["member_ids"])))]
    return _box("Who", rows)


def _consents(view: Mapping[str, Any]) -> Panel:
    rows = [
        (f"{each['purpose']} by {each['channel']}", Text(f"{each['status']} {day(each['since'])}", style=_COLOURS.get(each["status"], "")))
        for each in view["consents"]
    ]
    preferences = view["preferences"]
    return _box("Consents and wishes", [*rows, ("prefers", f"{preferences['channel'] or '—'}, {preferences['language'] or '—'}")])


def _loyalty(view: Mapping[str, Any]) -> Panel:
    points = view["loyalty"]
    if not points:
        return _box("Points", [("", "no member")])
    soon = points["expiring_next"]
    rows = [("tier", str(points["tier"])), ("available", f"{points['available']:,}"), ("pending", f"{points['pending']:,}"), ("debt", f"{points['debt']:,}")]
    return _box("Points", [*rows, ("next to expire", f"{soon['points']:,} on {day(soon['at'])}" if soon else "—")])


def _tickets(service: Mapping[str, Any]) -> RenderableType:
    summary = f"{service['open']} open, {service['resolved']} resolved, {service['complaints']} complaints, {service['breaches']} promises broken"
    rows: list[RenderableType] = [Text(f"Service: {summary}, satisfaction {service['satisfaction_mean'] or '—'}", style="bold")]
    for ticket in service["tickets"]:
        rows.append(Text(f"  {apart(ticket['subject'])}  {ticket['status']}, {ticket['priority']}, since {day(ticket['opened_at'], hour=True)}"))
        rows += [_clock(clock) for clock in ticket["clocks"]]
    return Group(*rows)


def _clock(clock: Mapping[str, Any]) -> RenderableType:
    used, target = clock.get("elapsed_minutes") or 0, clock["target_minutes"]
    colour = _COLOURS.get(clock["state"], "white")
    line = Table.grid(padding=(0, 1))
    line.add_column(width=16)
    line.add_column(width=24)
    due = f", due {day(clock['due_at'], hour=True)}" if clock["state"] in ("running", "paused") else ""
    bar = ProgressBar(total=max(1, target), completed=min(used, target), width=24, complete_style=colour, finished_style=colour)
    line.add_row(f"    {clock['metric']}", bar, Text(f"{clock['state']}: {used} of {target} business minutes{due}", style=colour))
    return line


def _timeline(items: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table("when", "where", "what", box=None, padding=(0, 2), title="Timeline, the newest first", title_justify="left")
    for item in items:
        table.add_row(day(item["occurred_at"], hour=True), item["source"], apart(item["summary"]))
    return table
