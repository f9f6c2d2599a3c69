"""What do customers answer when they are asked?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_events.language.surveys import SurveyEvent
from crm_events.refusals import NotFound
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore, Target
from fastapi import APIRouter
from uuid_utils.compat import uuid7

from crm_contacts import survey
from crm_contacts.access import Read, Write
from crm_contacts.cluster import clusters, members_then, must_stand
from crm_contacts.contact import Contact
from crm_contacts.profile import standing
from crm_contacts.streams import CONTACTS
from crm_contacts.survey import SURVEYS, Survey
from crm_contacts.surveys_shapes import AnswersBody, SurveyAnswer, SurveyBody, SurveyPage, survey_answer

router = APIRouter(tags=["surveys"])

_NEWEST = """
select stream_id, occurred_at from streams where type = 'survey' and customer_id = any($1::uuid[])
and ($2::bigint is null or (occurred_at, stream_id) < ($2, $3::uuid)) order by occurred_at desc, stream_id desc limit $4
"""


class Asking:
    """One survey on its way: on each try it looks again at who the customer is."""

    def __init__(self, store: EventStore, contact_id: UUID, body: SurveyBody) -> None:
        self._store, self._contact_id, self._body, self._id = store, contact_id, body, body.id or uuid7()
        self._members: Sequence[UUID] = ()
        self._then: dict[UUID, Contact] = {}

    async def targets(self) -> Sequence[Target]:
        """The survey, and every contact that is the customer: none of them may move while it is decided."""
        self._members = (await clusters(self._store, [self._contact_id]))[self._contact_id].members
        at = self._body.occurred_at
        self._then = await members_then(self._store, self._contact_id, at) if at else {}
        return [Target(SURVEYS, self._id, self._contact_id), *(Target(CONTACTS, each) for each in self._members)]

    def decide(self, states: Sequence[Any], at: datetime) -> list[Sequence[SurveyEvent]]:
        """The survey's event; the contacts have none. What happened in the past is decided by what the customer had said by then."""
        customer = dict(zip(self._members, states[1:], strict=True))
        standing(customer[self._contact_id])
        if self._then.get(self._contact_id, Contact()).registered_at is not None:
            customer = self._then
        sent = survey.send(states[0], customer, survey_id=self._id, name=self._body.survey, channel=self._body.channel, at=at)
        return [sent, *([] for _ in self._members)]


@router.post("/v1/contacts/{contact_id}/surveys", **command(SurveyAnswer))
async def send_survey(contact_id: UUID, body: SurveyBody, call: Write) -> Answer:
    """The customer is asked. 409 `rejected`, rule `consent-missing`, where they allow no surveys over this channel; `web` and `in_person` ask no leave."""
    asking = Asking(call.store, contact_id, body)
    done = await call.store.handle_all(call.command(body), asking.targets, asking.decide)
    return await call.answer(done, survey_answer(done.part), created=f"/v1/contacts/{contact_id}/surveys/{done.part.stream_id}")


@router.post("/v1/contacts/{contact_id}/surveys/{survey_id}/answers", **command(SurveyAnswer))
async def answer_survey(contact_id: UUID, survey_id: UUID, body: AnswersBody, call: Write) -> Answer:
    """What the customer answered, whole. Answered anew it counts instead; told late, of before what is there, it is kept and changes nothing."""
    await _of(call, contact_id, survey_id)
    await must_stand(call.store, contact_id)
    answers = [each.answered() for each in body.answers]
    done = await call.store.handle(
        SURVEYS,
        survey_id,
        call.command(body),
        lambda known, at: survey.answer(known, survey_id=survey_id, answers=answers, comment=body.comment, agent_id=body.agent_id, at=at),
    )
    return await call.answer(done, survey_answer(done.part))


@router.get("/v1/contacts/{contact_id}/surveys/{survey_id}", **query(SurveyAnswer))
async def get_survey(contact_id: UUID, survey_id: UUID, call: Read) -> Answer:
    """When it was sent, and what the customer answered last."""
    loaded = await _of(call, contact_id, survey_id)
    return await call.show(survey_answer(loaded), version=loaded.version)


@router.get("/v1/contacts/{contact_id}/surveys", **query(SurveyPage))
async def list_surveys(contact_id: UUID, call: Read, page: Paging) -> Answer:
    """Those of every contact that is this customer, the one sent last first."""
    await must_stand(call.store, contact_id)
    members = (await clusters(call.store, [contact_id]))[contact_id].members
    moment, last = page.after or (None, None)
    rows = await call.store.pool.fetch(_NEWEST, members, moment, UUID(last) if last else None, page.limit + 1)
    shown = rows[: page.limit]
    loaded = await call.store.read_many(SURVEYS, [row["stream_id"] for row in shown])
    more = [shown[-1]["occurred_at"], shown[-1]["stream_id"]] if len(rows) > page.limit else None
    return await call.page([survey_answer(each) for each in loaded], more, page.limit)


async def _of(call: Call, contact_id: UUID, survey_id: UUID) -> Loaded[Survey]:
    loaded = await call.store.read(SURVEYS, survey_id)
    if not loaded.version or loaded.customer_id != contact_id:
        raise NotFound("The contact has no survey of this id.")
    return loaded
