"""Is anything late, stuck, lost or slow? Each told by one number, and by sentences that say where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_reporting.ailing import LATE, Ailments
from crm_reporting.overseeing import difference

SLOW = 0.5  # seconds a question that reads nothing may take, the wait for a connection included
ALWAYS = ("relay", "timer", "eraser", "feed", "webhooks")  # what somebody leads at all times; other leases are taken for a while
OLD = timedelta(days=1)  # a comparison older than this says little


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ok` None: it is not known. `figure`: late and slow in seconds, stuck and lost in things."""

    ok: bool | None
    figure: float | None
    reasons: tuple[str, ...] = field(default=())


def late(partitions: Iterable[Mapping[str, Any]], now: Ailments, leaders: Iterable[Mapping[str, Any]]) -> Verdict:
    """The oldest event that waits for relay, projector or composer. What an operator paused is not late: it is stuck, and told there."""
    waits: dict[str, float] = {}
    unknown = False
    for one in partitions:
        if one["source"] in now.paused:
            continue
        unknown = unknown or one["lag_events"] is None
        name = f"{one['source']}: events wait for the projector"
        waits[name] = max(waits.get(name, 0.0), one["lag_seconds"] or 0.0)
    waits |= {f"{one['source']}: {one['unsent']} events wait for the relay": one["age_seconds"] for one in leaders if one["task"] == "relay"}
    waits[f"{now.composer_behind} events wait for the composer"] = now.composer_age
    reasons = [f"{name}, the oldest for {seconds:.0f} s" for name, seconds in sorted(waits.items(), key=lambda each: -each[1]) if seconds > LATE]
    if unknown:
        reasons.append("the broker does not say how far its logs reach")
    worst = max(waits.values(), default=0.0)
    return Verdict(worst <= LATE and (None if unknown else True), round(worst, 3), tuple(reasons))


def stuck(now: Ailments, leaders: Sequence[Mapping[str, Any]], readers: Sequence[Mapping[str, Any]] | None, builds: Iterable[Mapping[str, Any]]) -> Verdict:
    """What goes on by itself no more: somebody has to do something."""
    reasons = [f"{source}: the projection is paused" for source in now.paused]
    reasons += [f"{partition}: the partition stands still" for partition in now.broken]
    reasons += [f"{one['source']}: nobody leads {one['task']}" for one in leaders if one["task"] in ALWAYS and not one["leads"]]
    reasons += [f"{one['group']}: nobody reads ({one['task']})" for one in readers or () if not one["members"]]
    reasons += [f"build {one['build']}: {one['reason']}" for one in builds]
    if now.parked:
        reasons.append(f"the events of {now.parked} customers are parked")
    return Verdict(not reasons, len(reasons) - bool(now.parked) + now.parked, tuple(reasons))


def lost(compared: Mapping[str, Any] | None, at: datetime) -> Verdict:
    """The differences of the last comparison of store, topic and journal."""
    if compared is None:
        return Verdict(None, None, ("it was never compared",))
    kinds = ("missing_in_topic", "missing", "doubled", "strange")
    counts = {(one["source"], kind): len(one[kind]) for one in compared["sources"] for kind in kinds}
    reasons = [f"{source}: {count} {kind.replace('_', ' ')}" for (source, kind), count in counts.items() if count]
    if at - compared["at"] > OLD:
        reasons.append(f"compared last {(at - compared['at']).days} days ago")
    if not compared["equal"] and not reasons:
        reasons.append("store, topic and journal differ")
    return Verdict(compared["equal"], sum(map(difference, compared["sources"])), tuple(reasons))


def slow(database: float, in_flight: int, most: int) -> Verdict:
    """How long a question to the database takes, and whether requests are being refused."""
    reasons = [f"the database of reporting takes {database:.1f} s for a question"] if database > SLOW else []
    if in_flight >= most:
        reasons.append(f"all {most} places for requests are taken")
    return Verdict(not reasons, round(database, 4), tuple(reasons))
