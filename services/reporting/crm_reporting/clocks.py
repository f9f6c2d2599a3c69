"""How does a service clock stand at a moment, though its next event is not written yet?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from crm_reporting.business_time import business_seconds

Calendars: TypeAlias = Mapping[tuple[str, int], Mapping[str, Any]]  # (name, version) → calendar.defined


def clock_now(metric: str, clock: Mapping[str, Any], now: datetime | None, calendars: Calendars) -> dict[str, Any]:
    """One clock of a ticket's document. `elapsed_minutes`: whole business minutes until it stopped, else until `now` (absent with `now` None)."""
    run = clock["run"][2] if "run" in clock else "running"
    verdict = clock["verdict"][2] if "verdict" in clock else None
    _, _, minutes, policy, _, calendar, calendar_version = clock.get("target", (None,) * 7)
    due_at = clock["due"][2] if "due" in clock else None
    shown = {
        "metric": metric,
        "instance": clock["instance"],
        "state": verdict or {"stopped": "met"}.get(run, run),
        "target_minutes": minutes,
        "due_at": None if run == "paused" and not verdict else due_at,
        "stopped_at": clock["run"][0] if run in ("stopped", "cancelled") else None,
        "policy": policy,
        "calendar": calendar,
    }
    if now is None:
        return shown
    used = clock["used"][2] if "used" in clock else 0
    if run in ("running", "cancelled") and due_at and minutes is not None:
        until = now if run == "running" else datetime.fromisoformat(clock["run"][0])
        used = _used(calendars.get((calendar, calendar_version)), minutes * 60, datetime.fromisoformat(due_at), until)
        if run == "running" and not verdict and used > minutes * 60:  # using it up exactly is still in time
            shown["state"] = "breached"
    return shown | {"elapsed_minutes": used // 60}


def _used(calendar: Mapping[str, Any] | None, target_seconds: int, due_at: datetime, at: datetime) -> int:
    """A running clock has used its target at `due_at`, whatever it was paused before: so count from there, back or on."""
    if at < due_at:
        return max(target_seconds - business_seconds(calendar, at, due_at), 0)
    return target_seconds + business_seconds(calendar, due_at, at)
