"""What can happen to a survey of one customer: it is sent, and answered, perhaps more than once?"""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field

from crm_events.event import Code, Event, PersonalText, Value
from crm_events.language.words import Channel, Maybe, Ordinal

AnswerKind: TypeAlias = Literal["nps", "commitment", "courtesy", "perceived", "expected", "need", "four_a"]
Score: TypeAlias = Annotated[int, Field(ge=-1000, le=1000)]


class Answered(Value):
    """One question's answer, on its own scale; `dimension`: of what it is asked, as delivery."""

    question: Code
    kind: AnswerKind
    dimension: Maybe[Code] = None
    score: Score
    scale_min: Score
    scale_max: Score


class SurveySent(Event):
    """The customer was asked. Its own stream."""

    type = "survey.sent"
    survey_id: UUID
    survey: Code
    channel: Channel


class SurveyAnswered(Event):
    """What the customer answered, whole; of several the highest `revision` counts."""

    type = "survey.answered"
    survey_id: UUID
    survey: Code
    channel: Channel
    answers: tuple[Answered, ...]
    comment: Maybe[PersonalText] = None
    agent_id: Maybe[Code] = None
    revision: Ordinal


SurveyEvent: TypeAlias = SurveySent | SurveyAnswered
