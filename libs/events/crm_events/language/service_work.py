"""What can happen beside a ticket: time that somebody of ours worked, and a promise to ask the customer later how it went?"""

from typing import TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant
from crm_events.language.words import Goal, Maybe, Seconds


class WorkLogged(Event):
    """Somebody of ours worked, on a ticket or on none (then it is about no customer). Its own stream."""

    type = "work.logged"
    may_be_about_nobody = True
    work_id: UUID
    agent_id: Code
    role: Code
    activity: Code
    goal: Maybe[Goal] = None
    seconds: Seconds
    customer_facing: bool
    ticket_id: Maybe[UUID] = None


class FollowupTold(Event):
    """What every event of one follow-up repeats. `about_id`: the ticket or the purchase after which we ask."""

    followup_id: UUID
    about_id: UUID
    due_at: Instant
    agent_id: Maybe[Code] = None


class FollowupScheduled(FollowupTold):
    """We shall ask the customer how it went. Its own stream."""

    type = "followup.scheduled"


class FollowupDone(FollowupTold):
    """We asked, `late_seconds` after it was due (0: in time), and so perhaps after it was missed."""

    type = "followup.done"
    late_seconds: Seconds


class FollowupMissed(FollowupTold):
    """It was due and had not been done: told by time, as of that moment."""

    type = "followup.missed"


WorkEvent: TypeAlias = WorkLogged
FollowupEvent: TypeAlias = FollowupScheduled | FollowupDone | FollowupMissed
