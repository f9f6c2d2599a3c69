"""Was the customer asked, and what did they answer last? A stream of its own for each survey sent to one customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from crm_events.deciding import Aggregate, At, Fact, Happened
from crm_events.language.surveys import Answered, SurveyAnswered, SurveyEvent, SurveySent
from crm_events.language.words import Channel
from crm_events.refusals import AlreadyExists, Invalid, NotFound, Rejected

from crm_contacts.consents import ANY
from crm_contacts.contact import Contact
from crm_contacts.permission import decide
from crm_contacts.sending import CONSENTS, NEEDS_NO_ADDRESS

PURPOSE = "survey"


@dataclass(frozen=True, slots=True)
class Survey:
    """`answered_at`: when what they answered last was said; `revision`: answers told so far."""

    sent_at: datetime | None = None
    survey: str = ""
    channel: Channel = "web"
    answers: tuple[Answered, ...] = ()
    comment: str | None = None
    agent_id: str | None = None
    answered_at: datetime | None = None
    revision: int = 0


def evolve(survey: Survey, fact: Fact[SurveyEvent]) -> Survey:
    """The survey after one more event. An answer told late, of before the one there, stays in its history alone."""
    event, at = fact.event, fact.occurred_at
    match event:
        case SurveySent():
            return Survey(at, event.survey, event.channel)
        case SurveyAnswered():
            if survey.answered_at and at < survey.answered_at:
                return replace(survey, revision=event.revision)
            return replace(survey, answers=event.answers, comment=event.comment, agent_id=event.agent_id, answered_at=at, revision=event.revision)
        case _:
            assert_never(event)


def send(survey: Survey, cluster: Mapping[UUID, Contact], *, survey_id: UUID, name: str, channel: Channel, at: datetime) -> list[SurveyEvent]:
    """The customer is asked, if they allow it; on our own page or face to face they are asked anyway. `cluster`: every contact that is this customer.

    Raises AlreadyExists, Rejected `consent-missing` with the events that decided it.
    """
    if survey.sent_at is not None:
        raise AlreadyExists("A survey of this id was sent already.", survey_id)
    if channel not in NEEDS_NO_ADDRESS:
        decision = decide(cluster, (PURPOSE, CONSENTS.get(channel, ANY), None), at)
        if decision.answer == "deny":
            because = [str(each.said.event_id) for each in decision.because]
            raise Rejected(
                "consent-missing", "The customer does not allow surveys over this channel. Ask for their consent, or ask them here.", because=because
            )
    return [SurveySent(survey_id=survey_id, survey=name, channel=channel)]


def answer(
    survey: Survey, *, survey_id: UUID, answers: Sequence[Answered], comment: str | None, agent_id: str | None, at: datetime
) -> list[Happened[SurveyEvent]]:
    """What the customer answered; the same again is nothing new. Needs the opened state. Raises NotFound, Invalid for an answer before the question."""
    if survey.sent_at is None:
        raise NotFound("The contact has no survey of this id.")
    if at < survey.sent_at:
        raise Invalid("/occurred_at", "too-early", "The survey was not sent by then.")
    told: dict[str, Any] = {"survey_id": survey_id, "survey": survey.survey, "channel": survey.channel}
    if (tuple(answers), comment, agent_id) == (survey.answers, survey.comment, survey.agent_id):
        return []
    given = _answered(told, tuple(answers), comment, agent_id, survey.revision + 1)
    if survey.answered_at is None or at >= survey.answered_at:
        return [At(given, at)]
    # figures take the highest revision: the newer answers are told again above the late ones
    return [At(given, at), At(_answered(told, survey.answers, survey.comment, survey.agent_id, survey.revision + 2), survey.answered_at)]


def _answered(told: Mapping[str, Any], answers: tuple[Answered, ...], comment: str | None, agent_id: str | None, revision: int) -> SurveyAnswered:
    known = {name: value for name, value in (("comment", comment), ("agent_id", agent_id)) if value is not None}
    return SurveyAnswered(**told, answers=answers, revision=revision, **known)


def _columns(survey: Survey) -> dict[str, Any]:
    return {"occurred_at": round(survey.sent_at.timestamp() * 1_000_000) if survey.sent_at else None}


SURVEYS: Aggregate[Survey, SurveyEvent] = Aggregate("survey", Survey, evolve, columns=_columns, opened=True)
