"""What did somebody tell us, and what came of it? A stream of its own: heard once, acted on by one change or several."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from crm_events.business_time import ms
from crm_events.deciding import Aggregate, Fact
from crm_events.language.improvement import FeedbackActedOn, FeedbackCaptured, FeedbackEvent
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

MOST = 50  # changes that one piece of feedback may have led to


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed because of it, by your own name, and the idea behind it."""

    at: datetime
    change: str
    idea_id: UUID | None


@dataclass(frozen=True, slots=True)
class Feedback:
    """`text` is sealed; `changes` in the order in which they happened."""

    feedback_id: UUID | None = None
    captured_at: datetime | None = None
    source: str = ""
    topic: str = ""
    department: str | None = None
    sentiment: str | None = None
    text: str = ""
    changes: tuple[Change, ...] = ()


def evolve(feedback: Feedback, fact: Fact[FeedbackEvent]) -> Feedback:
    """The feedback after one fact more, late or not."""
    event, at = fact.event, fact.occurred_at
    match event:
        case FeedbackCaptured():
            return Feedback(event.feedback_id, at, event.source, event.topic, event.department, event.sentiment, event.text)
        case FeedbackActedOn():
            changes = (*feedback.changes, Change(at, event.change, event.idea_id))
            return replace(feedback, changes=tuple(sorted(changes, key=lambda each: each.at)))
        case _:
            assert_never(event)


def capture(feedback: Feedback, event: FeedbackCaptured) -> list[FeedbackEvent]:
    """AlreadyExists, if the id given is another's."""
    if feedback.feedback_id is not None:
        raise AlreadyExists("There is feedback of this id already. Choose another, or use that one.", event.feedback_id)
    return [event]


def act_on(feedback: Feedback, *, change: str, idea_id: UUID | None, at: datetime) -> list[FeedbackEvent]:
    """Something was changed because of it. The same change told twice, or by two at once, is told once."""
    if feedback.feedback_id is None or feedback.captured_at is None:
        raise NotFound("There is no feedback of this id.")
    if any((each.change, each.idea_id) == (change, idea_id) for each in feedback.changes):
        return []
    if at < feedback.captured_at:
        raise Invalid("/occurred_at", "before-capture", "Tell a time after the feedback was captured.")
    if len(feedback.changes) >= MOST:
        raise Rejected("too-many-changes", f"Feedback leads to {MOST} changes at most.")
    told: dict[str, Any] = {"feedback_id": feedback.feedback_id, "source": feedback.source, "topic": feedback.topic, "captured_at": feedback.captured_at}
    told |= {name: value for name in ("department", "sentiment") if (value := getattr(feedback, name)) is not None}
    return [FeedbackActedOn(change=change, **told, **({"idea_id": idea_id} if idea_id else {}))]


def _columns(feedback: Feedback) -> Mapping[str, Any]:
    return {"opened_at": ms(feedback.captured_at) if feedback.captured_at else None, "status": "acted_on" if feedback.changes else "captured"}


FEEDBACK: Aggregate[Feedback, FeedbackEvent] = Aggregate("feedback", Feedback, evolve, columns=_columns)
