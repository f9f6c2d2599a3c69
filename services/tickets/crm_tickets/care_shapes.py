"""What is said and shown of work logged and of follow-ups?"""

from typing import Annotated, Literal
from uuid import UUID

from crm_chassis.body import Instant, Moment, Resource, Told
from crm_chassis.paging import PageOf
from crm_events.event import Code
from crm_events.language.words import Goal
from crm_events.store.loading import Loaded
from pydantic import Field

from crm_tickets.followup import Followup
from crm_tickets.worklog import SAID, Work

DAY = 24 * 3600


class WorkBody(Told):
    """Time worked at a stretch. `customer_facing`: with the customer, not about it; without a `ticket_id` it is about no customer."""

    id: UUID | None = None
    agent_id: Code
    role: Code
    activity: Code
    goal: Goal | None = None
    seconds: Annotated[int, Field(ge=1, le=DAY)]
    customer_facing: bool
    ticket_id: UUID | None = None


class FollowupBody(Told):
    """When we shall ask, and after what: `about_id` names a ticket or a purchase."""

    id: UUID | None = None
    customer_id: UUID
    about_id: UUID
    due_at: Moment
    agent_id: Code | None = None


class CompletionBody(Told):
    """Who asked; default the one it was given to."""

    agent_id: Code | None = None


class WorkAnswer(Resource):
    """Time worked once. `customer_id`: the ticket's, null without one."""

    id: UUID
    version: int
    customer_id: UUID | None
    agent_id: str
    role: str
    activity: str
    goal: str | None
    seconds: int
    customer_facing: bool
    ticket_id: UUID | None
    occurred_at: Instant
    recorded_at: Instant


class FollowupAnswer(Resource):
    """`state`: as of now; `late_seconds`: of one that is done, 0 if in time."""

    id: UUID
    version: int
    customer_id: UUID
    about_id: UUID
    due_at: Instant
    agent_id: str | None
    state: Literal["scheduled", "missed", "done"]
    done_at: Instant | None
    late_seconds: int | None
    occurred_at: Instant
    recorded_at: Instant


WorkPage, FollowupPage = PageOf[WorkAnswer], PageOf[FollowupAnswer]


def work_answer(loaded: Loaded[Work]) -> WorkAnswer:
    """One fact, as it was told."""
    customer = loaded.customer_id if loaded.customer_id != loaded.stream_id else None
    heads = {"id": loaded.stream_id, "version": loaded.version, "customer_id": customer}
    times = {"occurred_at": loaded.state.occurred_at, "recorded_at": loaded.recorded_at}
    return WorkAnswer.model_validate(heads | times | {name: getattr(loaded.state, name) for name in SAID})


def followup_answer(loaded: Loaded[Followup]) -> FollowupAnswer:
    """The follow-up as it stands."""
    state = loaded.state
    if state.about_id is None or state.promised_for is None or state.scheduled_at is None or loaded.recorded_at is None:
        raise AssertionError("only a follow-up that was scheduled is shown")
    return FollowupAnswer(
        id=loaded.stream_id, version=loaded.version, customer_id=loaded.customer_id, about_id=state.about_id, due_at=state.promised_for,
        agent_id=state.agent_id, state=state.state, done_at=state.done_at, late_seconds=state.late_seconds, occurred_at=state.scheduled_at,
        recorded_at=loaded.recorded_at,
    )  # fmt: skip
