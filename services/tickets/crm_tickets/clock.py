"""What have we said about a clock so far? The fold of the `sla.clock_*` events of one (metric, instance)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias, assert_never

from crm_events.language.sla import (
    SlaClockBreached,
    SlaClockCancelled,
    SlaClockMet,
    SlaClockPaused,
    SlaClockResumed,
    SlaClockRetargeted,
    SlaClockStarted,
    SlaClockStopped,
)
from crm_events.language.ticket_words import Metric, StatusSet

ClockEvent: TypeAlias = (
    SlaClockStarted | SlaClockRetargeted | SlaClockPaused | SlaClockResumed | SlaClockMet | SlaClockBreached | SlaClockStopped | SlaClockCancelled
)
State: TypeAlias = Literal["running", "paused", "met", "breached", "cancelled"]
Said: TypeAlias = Literal["started", "retargeted", "paused", "resumed", "met", "breached", "stopped", "cancelled"]


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock as told. `said`, `said_at`, `used` (business seconds then): the last thing told of it. `lapses_at`: when it is broken if later than due.

    `revision`: verdicts told so far; `judged`: business seconds used at the last one. A breached clock runs on until `stopped_at`.
    """

    metric: Metric
    instance: int
    state: State
    started_at: datetime
    target_minutes: int
    due_at: datetime
    said: Said
    said_at: datetime
    used: int | None = None
    lapses_at: datetime | None = None
    stopped_at: datetime | None = None
    revision: int = 0
    judged: int | None = None
    reason: str | None = None
    pauses: tuple[StatusSet, ...] = ()
    policy: str | None = None
    policy_version: int | None = None
    calendar: str | None = None
    calendar_version: int | None = None

    @property
    def breaks_at(self) -> datetime:
        """After this moment, still running, the promise is broken."""
        return self.lapses_at or self.due_at


def with_event(clocks: tuple[Clock, ...], event: ClockEvent, at: datetime) -> tuple[Clock, ...]:
    """The clocks after one thing more was told of one of them."""
    for index, clock in enumerate(clocks):
        if (clock.metric, clock.instance) == (event.metric, event.instance):
            return (*clocks[:index], _told(clock, event, at), *clocks[index + 1 :])
    return (*clocks, _first(event, at))


def _first(event: ClockEvent, at: datetime) -> Clock:
    match event:
        case SlaClockStarted() | SlaClockRetargeted() | SlaClockMet() | SlaClockBreached():
            blank = Clock(event.metric, event.instance, "running", at, event.target_minutes, event.due_at, "started", at)
            return _told(blank, event, at)
        case _:
            blank = Clock(event.metric, event.instance, "running", at, 0, at, "started", at)
            return _told(blank, event, at)


def _told(clock: Clock, event: ClockEvent, at: datetime) -> Clock:
    match event:
        case SlaClockStarted():
            return replace(_targeted(clock, event), state="running", started_at=at, stopped_at=None, said="started", said_at=at, used=None)
        case SlaClockRetargeted():
            state: State = "paused" if clock.state == "paused" else "running"
            return replace(_targeted(clock, event), state=state, stopped_at=None, said="retargeted", said_at=at, used=event.business_seconds)
        case SlaClockPaused():
            return replace(clock, state="paused", stopped_at=None, said="paused", said_at=at, used=event.business_seconds)
        case SlaClockResumed():
            running = replace(clock, state="running", due_at=event.due_at, lapses_at=event.lapses_at, stopped_at=None)
            return replace(running, said="resumed", said_at=at, used=event.business_seconds)
        case SlaClockMet():
            judged = replace(_judged(clock, event), state="met", stopped_at=at)
            return replace(judged, said="met", said_at=at, used=event.business_seconds)
        case SlaClockBreached():
            judged = replace(_judged(clock, event), state="breached", stopped_at=None)
            return replace(judged, said="breached", said_at=at, used=event.business_seconds)
        case SlaClockStopped():
            return replace(clock, stopped_at=at, said="stopped", said_at=at, used=event.business_seconds)
        case SlaClockCancelled():
            return replace(clock, state="cancelled", stopped_at=at, said="cancelled", said_at=at, reason=event.reason)
        case _:
            assert_never(event)


def _targeted(clock: Clock, event: SlaClockStarted | SlaClockRetargeted) -> Clock:
    return replace(
        clock, target_minutes=event.target_minutes, due_at=event.due_at, lapses_at=event.lapses_at, pauses=event.pauses,
        policy=event.policy, policy_version=event.policy_version, calendar=event.calendar, calendar_version=event.calendar_version,
    )  # fmt: skip


def _judged(clock: Clock, event: SlaClockMet | SlaClockBreached) -> Clock:
    return replace(
        clock, started_at=event.started_at, target_minutes=event.target_minutes, due_at=event.due_at, revision=event.revision,
        judged=event.business_seconds, policy=event.policy, policy_version=event.policy_version, calendar=event.calendar,
        calendar_version=event.calendar_version,
    )  # fmt: skip


def latest(clocks: Sequence[Clock]) -> list[Clock]:
    """One clock a metric: the one started last."""
    newest: dict[Metric, Clock] = {}
    for clock in clocks:
        if clock.metric not in newest or (clock.started_at, clock.instance) >= (newest[clock.metric].started_at, newest[clock.metric].instance):
            newest[clock.metric] = clock
    return list(newest.values())
