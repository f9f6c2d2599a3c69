"""What is said and shown of feedback and of ideas?"""

from typing import Annotated, Literal
from uuid import UUID

from crm_chassis.body import Instant, Long, Resource, Told
from crm_chassis.paging import PageOf
from crm_events.event import Code
from crm_events.language.improvement import FeedbackSource, Sentiment
from crm_events.store.loading import Loaded
from pydantic import Field

from crm_tickets.bodies import Subject
from crm_tickets.feedback import Feedback
from crm_tickets.idea import Idea


class FeedbackBody(Told):
    """What somebody told us; `customer_id`: who, where that is known."""

    id: UUID | None = None
    customer_id: UUID | None = None
    source: FeedbackSource
    topic: Code
    department: Code | None = None
    sentiment: Sentiment | None = None
    text: Long


class ActionBody(Told):
    """What was changed because of it, by your own name, and the idea behind it."""

    change: Code
    idea_id: UUID | None = None


class IdeaBody(Told):
    """How something could be better. `customer_id`: the customer who says so; without one it is an idea of ours."""

    id: UUID | None = None
    customer_id: UUID | None = None
    department: Code | None = None
    title: Subject
    text: Long
    feedback_ids: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()


class IdeaStatusBody(Told):
    """What was decided."""

    status: Literal["accepted", "adopted", "declined"]


class ActionAnswer(Resource):
    """What was changed."""

    change: str
    idea_id: UUID | None
    occurred_at: Instant


class FeedbackAnswer(Resource):
    """`customer_id` null: nobody known. `actions`: what was changed because of it, in the order in which it happened."""

    id: UUID
    version: int
    customer_id: UUID | None
    source: str
    topic: str
    department: str | None
    sentiment: str | None
    text: str | None
    actions: list[ActionAnswer]
    occurred_at: Instant
    recorded_at: Instant


class IdeaAnswer(Resource):
    """`since`: when it came to its status."""

    id: UUID
    version: int
    customer_id: UUID | None
    proposer_kind: str
    department: str | None
    title: str | None
    text: str | None
    feedback_ids: list[UUID]
    status: str
    since: Instant
    occurred_at: Instant
    recorded_at: Instant


FeedbackPage, IdeaPage = PageOf[FeedbackAnswer], PageOf[IdeaAnswer]


def feedback_answer(loaded: Loaded[Feedback]) -> FeedbackAnswer:
    """The feedback and what came of it."""
    state = loaded.state
    if state.captured_at is None or loaded.recorded_at is None:
        raise AssertionError("only feedback that was captured is shown")
    return FeedbackAnswer(
        id=loaded.stream_id, version=loaded.version, customer_id=_customer(loaded), source=state.source, topic=state.topic, department=state.department,
        sentiment=state.sentiment, text=state.text, occurred_at=state.captured_at, recorded_at=loaded.recorded_at,
        actions=[ActionAnswer(change=each.change, idea_id=each.idea_id, occurred_at=each.at) for each in state.changes],
    )  # fmt: skip


def idea_answer(loaded: Loaded[Idea]) -> IdeaAnswer:
    """The idea as it stands."""
    state = loaded.state
    if state.proposed_at is None or state.since is None or loaded.recorded_at is None:
        raise AssertionError("only an idea that was proposed is shown")
    return IdeaAnswer(
        id=loaded.stream_id, version=loaded.version, customer_id=_customer(loaded), proposer_kind=state.proposer_kind, department=state.department,
        title=state.title, text=state.text, feedback_ids=list(state.feedback_ids), status=state.status, since=state.since, occurred_at=state.proposed_at,
        recorded_at=loaded.recorded_at,
    )  # fmt: skip


def _customer(loaded: Loaded[Feedback] | Loaded[Idea]) -> UUID | None:
    return loaded.customer_id if loaded.customer_id != loaded.stream_id else None
