"""What do customers and staff tell us could be better, and what comes of it? Feedback linked to what was changed, ideas decided about."""

from typing import Annotated
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_events.follower import cluster
from crm_events.language.improvement import FeedbackCaptured, IdeaProposed, IdeaStatus
from crm_events.refusals import Invalid, NotFound
from fastapi import APIRouter, Query

from crm_tickets import beside, feedback, idea
from crm_tickets.access import Read, Write, WriteOwn, not_forgotten
from crm_tickets.feedback import FEEDBACK
from crm_tickets.idea import IDEAS
from crm_tickets.improving_shapes import (
    ActionBody,
    FeedbackAnswer,
    FeedbackBody,
    FeedbackPage,
    IdeaAnswer,
    IdeaBody,
    IdeaPage,
    IdeaStatusBody,
    feedback_answer,
    idea_answer,
)

router = APIRouter(tags=["improving"])

Word = Annotated[str | None, Query(max_length=120)]


@router.post("/v1/feedback", **command(FeedbackAnswer))
async def capture_feedback(body: FeedbackBody, call: Write) -> Answer:
    """What somebody told us, in a survey, an interview, a group or just so."""
    if body.customer_id:
        await not_forgotten(call, customer_id=body.customer_id)
    feedback_id = beside.own_id(body.id, body.customer_id)
    event = FeedbackCaptured(feedback_id=feedback_id, **body.model_dump(exclude={"id", "customer_id", "occurred_at"}, exclude_none=True))
    done = await call.store.handle(FEEDBACK, feedback_id, call.command(body), lambda known, _: feedback.capture(known, event), key=body.customer_id)
    return await call.answer(done, feedback_answer(done.part), created=f"/v1/feedback/{done.part.stream_id}")


@router.get("/v1/feedback/{feedback_id}", **query(FeedbackAnswer))
async def get_feedback(feedback_id: UUID, call: Read) -> Answer:
    """What was told, and what came of it."""
    part = await call.store.read(FEEDBACK, feedback_id)
    if not part.version:
        raise NotFound("There is no feedback of this id.")
    return await call.show(feedback_answer(part), version=part.version)


@router.get("/v1/feedback", **query(FeedbackPage))
async def list_feedback(
    call: Read, page: Paging, customer_id: UUID | None = None, topic: Word = None, department: Word = None, acted_on: bool | None = None
) -> Answer:  # fmt: skip
    """Newest first; `acted_on=false`: what still waits for somebody. Feedback of a customer is that of all ids merged with it."""
    asked = [
        ("customer_id = any({}::uuid[])", await cluster(call.store.pool, customer_id) if customer_id else None),
        ("state ->> 'topic' = {}", topic),
        ("state ->> 'department' = {}", department),
        ("status = {}", None if acted_on is None else "acted_on" if acted_on else "captured"),
    ]
    rows = await beside.rows(call.store, "feedback", "newest", asked, page.after, page.limit + 1)
    parts = await call.store.read_many(FEEDBACK, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([feedback_answer(part) for part in parts], beside.more(rows, page), page.limit)


@router.post("/v1/feedback/{feedback_id}/actions", **command(FeedbackAnswer))
async def link_feedback(feedback_id: UUID, body: ActionBody, call: Write) -> Answer:
    """Something was changed because of it: the loop is closed. The same change twice is nothing new."""
    if body.idea_id and not (await call.store.read(IDEAS, body.idea_id)).version:
        raise Invalid("/idea_id", "unknown", "There is no idea of this id. Propose it first, or leave it out.")
    done = await call.store.handle(
        FEEDBACK, feedback_id, call.command(body), lambda known, now: feedback.act_on(known, change=body.change, idea_id=body.idea_id, at=now)
    )
    return await call.answer(done, feedback_answer(done.part))


@router.post("/v1/ideas", **command(IdeaAnswer))
async def propose_idea(body: IdeaBody, call: WriteOwn) -> Answer:
    """How something could be better: a customer's, with `customer_id`, or ours. A customer's own token proposes in its own name."""
    if body.customer_id or call.customers is not None:
        call.own(body.customer_id)
    if body.customer_id:
        await not_forgotten(call, customer_id=body.customer_id)
    await _known(call, body.feedback_ids)
    idea_id = beside.own_id(body.id, body.customer_id)
    told = body.model_dump(include={"department", "title", "text"}, exclude_none=True)
    event = IdeaProposed(idea_id=idea_id, proposer_kind="customer" if body.customer_id else "staff", feedback_ids=body.feedback_ids, **told)
    done = await call.store.handle(IDEAS, idea_id, call.command(body), lambda known, _: idea.propose(known, event), key=body.customer_id)
    return await call.answer(done, idea_answer(done.part), created=f"/v1/ideas/{done.part.stream_id}")


@router.get("/v1/ideas/{idea_id}", **query(IdeaAnswer))
async def get_idea(idea_id: UUID, call: Read) -> Answer:
    """One idea, and what was decided."""
    part = await call.store.read(IDEAS, idea_id)
    if not part.version:
        raise NotFound("There is no idea of this id.")
    return await call.show(idea_answer(part), version=part.version)


@router.get("/v1/ideas", **query(IdeaPage))
async def list_ideas(
    call: Read, page: Paging, customer_id: UUID | None = None, department: Word = None, status: IdeaStatus | None = None
) -> Answer:  # fmt: skip
    """Newest first. Ideas of a customer are those of all ids merged with it."""
    asked = [
        ("customer_id = any({}::uuid[])", await cluster(call.store.pool, customer_id) if customer_id else None),
        ("state ->> 'department' = {}", department),
        ("status = {}", status),
    ]
    rows = await beside.rows(call.store, "idea", "newest", asked, page.after, page.limit + 1)
    parts = await call.store.read_many(IDEAS, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([idea_answer(part) for part in parts], beside.more(rows, page), page.limit)


@router.put("/v1/ideas/{idea_id}/status", **command(IdeaAnswer))
async def set_idea_status(idea_id: UUID, body: IdeaStatusBody, call: Write) -> Answer:
    """Accepted, then adopted; or declined. What was adopted or declined stays so: 409, rule `idea-adopted`, `idea-declined`."""
    done = await call.store.handle(IDEAS, idea_id, call.command(body), lambda known, now: idea.set_status(known, status=body.status, at=now))
    return await call.answer(done, idea_answer(done.part))


async def _known(call: Call, feedback_ids: tuple[UUID, ...]) -> None:
    for number, part in enumerate(await call.store.read_many(FEEDBACK, feedback_ids)):
        if part.stream_id in feedback_ids[:number]:
            raise Invalid(f"/feedback_ids/{number}", "twice", "Name each once.")
        if not part.version or (call.customers is not None and part.customer_id not in call.customers):  # a customer is not told of another's
            raise Invalid(f"/feedback_ids/{number}", "unknown", "There is no feedback of this id. Capture it first, or leave it out.")
