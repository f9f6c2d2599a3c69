"""What may a client say of a survey, and what is it shown?"""

from typing import Annotated
from uuid import UUID

from crm_chassis.body import Body, Instant, Resource, Told
from crm_events.event import Code
from crm_events.language.surveys import Answered, AnswerKind, Score
from crm_events.language.words import Channel
from crm_events.store.loading import Loaded
from pydantic import Field, model_validator

from crm_contacts.bodies import LongText
from crm_contacts.survey import Survey

MOST_QUESTIONS = 50
NPS = 0, 10  # the scale that the net promoter score is defined on


class SurveyBody(Told):
    """`survey`: which one, in the company's own words."""

    survey: Code
    channel: Channel
    id: UUID | None = None


class AnsweredBody(Body):
    """One question's answer, on its own scale."""

    question: Code
    kind: AnswerKind
    dimension: Code | None = None
    score: Score
    scale_min: Score
    scale_max: Score

    @model_validator(mode="after")
    def _on_the_scale(self) -> "AnsweredBody":
        if not self.scale_min <= self.score <= self.scale_max or self.scale_min == self.scale_max:
            raise ValueError("A score lies on its scale, and a scale has more than one step.")
        if self.kind == "nps" and (self.scale_min, self.scale_max) != NPS:
            raise ValueError("nps is asked on a scale of 0 to 10.")
        return self

    def answered(self) -> Answered:
        """As the event says it."""
        return Answered(**self.model_dump(exclude_none=True))


class AnswersBody(Told):
    """All that the customer answered, each question once; `agent_id`: who asked, or whom it is about."""

    answers: Annotated[list[AnsweredBody], Field(min_length=1, max_length=MOST_QUESTIONS)]
    comment: LongText | None = None
    agent_id: Code | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "AnswersBody":
        if len({(each.question, each.dimension) for each in self.answers}) < len(self.answers):
            raise ValueError("Each question is answered once.")
        return self


class AnsweredAnswer(Resource):
    """One question's answer."""

    question: str
    kind: str
    dimension: str | None
    score: int
    scale_min: int
    scale_max: int


class SurveyAnswer(Resource):
    """`answers`: empty until it is answered; `revision`: how often answers were told."""

    id: UUID
    version: int
    customer_id: UUID
    survey: str
    channel: str
    answers: list[AnsweredAnswer]
    comment: str | None
    agent_id: str | None
    answered_at: Instant | None
    revision: int
    occurred_at: Instant
    recorded_at: Instant
    redacted: list[str]


class SurveyPage(Resource):
    """Surveys, the one sent last first."""

    items: list[SurveyAnswer]
    next: str | None


def survey_answer(loaded: Loaded[Survey]) -> SurveyAnswer:
    """The survey as it stands."""
    state = loaded.state
    if state.sent_at is None or loaded.recorded_at is None:
        raise AssertionError("only a survey that was sent is shown")
    answers = [AnsweredAnswer.model_validate({"dimension": None} | each.model_dump()) for each in state.answers]
    return SurveyAnswer(
        id=loaded.stream_id, version=loaded.version, customer_id=loaded.customer_id, survey=state.survey, channel=state.channel,
        answers=answers, comment=state.comment, agent_id=state.agent_id,
        answered_at=state.answered_at, revision=state.revision, occurred_at=state.sent_at, recorded_at=loaded.recorded_at, redacted=[],
    )  # fmt: skip
