"""What can happen when customers and staff tell us what could be better: a word that is heard and acted on, an idea that is proposed and decided about?"""

from typing import Literal, TypeAlias
from uuid import UUID

from crm_events.event import Code, Event, Instant, PersonalText
from crm_events.language.words import Maybe

FeedbackSource: TypeAlias = Literal["survey", "focus_group", "interview", "inline", "ticket"]
Sentiment: TypeAlias = Literal["positive", "neutral", "negative"]
ProposerKind: TypeAlias = Literal["customer", "staff"]
IdeaStatus: TypeAlias = Literal["proposed", "accepted", "adopted", "declined"]


class FeedbackTold(Event):
    """What every event of one piece of feedback repeats. Without a customer it is about nobody."""

    may_be_about_nobody = True
    feedback_id: UUID
    source: FeedbackSource
    topic: Code
    department: Maybe[Code] = None
    sentiment: Maybe[Sentiment] = None


class FeedbackCaptured(FeedbackTold):
    """Somebody told us something. Its own stream."""

    type = "feedback.captured"
    text: PersonalText


class FeedbackActedOn(FeedbackTold):
    """Something was changed because of it: `change` by your own name, perhaps an idea of ours. `captured_at`: when it was told."""

    type = "feedback.acted_on"
    change: Code
    idea_id: Maybe[UUID] = None
    captured_at: Instant


class IdeaProposed(Event):
    """A customer or one of ours knows how something could be better. Its own stream; by staff it is about no customer."""

    type = "idea.proposed"
    may_be_about_nobody = True
    idea_id: UUID
    proposer_kind: ProposerKind
    department: Maybe[Code] = None
    title: PersonalText
    text: PersonalText
    feedback_ids: tuple[UUID, ...]


class IdeaStatusChanged(Event):
    """It was decided about. `proposed_at`: since when it waited for that."""

    type = "idea.status_changed"
    may_be_about_nobody = True
    idea_id: UUID
    status: IdeaStatus
    previous: IdeaStatus
    proposer_kind: ProposerKind
    department: Maybe[Code] = None
    proposed_at: Instant


FeedbackEvent: TypeAlias = FeedbackCaptured | FeedbackActedOn
IdeaEvent: TypeAlias = IdeaProposed | IdeaStatusChanged
