"""When do we ask a customer how it went, did we, and how late? Missed by time alone, and still done afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal, assert_never
from uuid import UUID

from crm_events.business_time import ms
from crm_events.deciding import Aggregate, At, Fact
from crm_events.language.service_work import FollowupDone, FollowupEvent, FollowupMissed, FollowupScheduled
from crm_events.refusals import AlreadyExists, Invalid, NotFound

State = Literal["scheduled", "missed", "done"]


@dataclass(frozen=True, slots=True)
class Followup:
    """`agent_id`: who is to ask, later who did; `promised_for`: when it is due."""

    followup_id: UUID | None = None
    about_id: UUID | None = None
    scheduled_at: datetime | None = None
    promised_for: datetime | None = None
    agent_id: str | None = None
    state: State = "scheduled"
    done_at: datetime | None = None
    late_seconds: int | None = None


def evolve(followup: Followup, fact: Fact[FollowupEvent]) -> Followup:
    """The follow-up after one fact more; what was done is done, whether time told of a miss before or after."""
    event, at = fact.event, fact.occurred_at
    match event:
        case FollowupScheduled():
            return Followup(event.followup_id, event.about_id, at, event.due_at, event.agent_id)
        case FollowupDone():
            return replace(followup, state="done", done_at=at, late_seconds=event.late_seconds, agent_id=event.agent_id or followup.agent_id)
        case FollowupMissed():
            return followup if followup.state == "done" else replace(followup, state="missed")
        case _:
            assert_never(event)


def schedule(followup: Followup, *, event: FollowupScheduled, at: datetime) -> list[FollowupEvent]:
    """AlreadyExists, if the id given is another's; Invalid, if it would be due before it was promised."""
    if followup.followup_id is not None:
        raise AlreadyExists("There is a follow-up of this id. Choose another, or use that one.", event.followup_id)
    if event.due_at < at:
        raise Invalid("/due_at", "before-scheduling", "Name a time after the follow-up was scheduled.")
    return [event]


def complete(followup: Followup, *, agent_id: str | None, at: datetime) -> list[FollowupEvent]:
    """We asked. Done twice, or by two at once, is done once; a missed one is done late."""
    if followup.promised_for is None or followup.scheduled_at is None:
        raise NotFound("There is no follow-up of this id.")
    if followup.state == "done":
        return []
    if at < followup.scheduled_at:
        raise Invalid("/occurred_at", "before-scheduling", "Tell a time after the follow-up was scheduled.")
    late = max(ceil((at - followup.promised_for).total_seconds()), 0)  # 0 is in time alone, as the clock that misses it counts
    return [FollowupDone(late_seconds=late, **_about(followup, agent_id or followup.agent_id))]


def advance(followup: Followup, now: datetime) -> list[At[FollowupEvent]]:
    """Missed as of the moment it was due, once that is over."""
    if followup.state != "scheduled" or followup.promised_for is None or now <= followup.promised_for:
        return []
    return [At(FollowupMissed(**_about(followup, followup.agent_id)), followup.promised_for)]


def _about(followup: Followup, agent_id: str | None) -> dict[str, Any]:
    told = {"followup_id": followup.followup_id, "about_id": followup.about_id, "due_at": followup.promised_for}
    return told | ({"agent_id": agent_id} if agent_id else {})


def _due(followup: Followup) -> datetime | None:
    return followup.promised_for + timedelta(milliseconds=1) if followup.promised_for and followup.state == "scheduled" else None


def _columns(followup: Followup) -> Mapping[str, Any]:
    return {"breach_at": ms(followup.promised_for) if followup.promised_for else None, "status": followup.state, "assignee": followup.agent_id}


FOLLOWUPS: Aggregate[Followup, FollowupEvent] = Aggregate("followup", Followup, evolve, advance=advance, due=_due, columns=_columns)
