"""How is work logged over HTTP, and how is a customer asked later how it went?"""

from typing import Annotated, Literal
from uuid import UUID

from crm_chassis.answer import Answer
from crm_chassis.body import Moment
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_events.business_time import ms
from crm_events.follower import cluster
from crm_events.language.service_work import FollowupScheduled, WorkLogged
from crm_events.refusals import Invalid, NotFound
from fastapi import APIRouter, Query

from crm_tickets import beside, followup
from crm_tickets.access import Read, Write, not_forgotten
from crm_tickets.care_shapes import (
    CompletionBody,
    FollowupAnswer,
    FollowupBody,
    FollowupPage,
    WorkAnswer,
    WorkBody,
    WorkPage,
    followup_answer,
    work_answer,
)
from crm_tickets.followup import FOLLOWUPS
from crm_tickets.worklog import WORK, log_work

router = APIRouter(tags=["care"])

Agent = Annotated[str | None, Query(max_length=120)]


@router.post("/v1/work", **command(WorkAnswer))
async def log_work_done(body: WorkBody, call: Write) -> Answer:
    """Time that somebody of ours worked, on a ticket (whose customer it is then about) or on none."""
    key = await _customer_of(call, body.ticket_id) if body.ticket_id else None
    work_id = beside.own_id(body.id, key)
    event = WorkLogged(work_id=work_id, **body.model_dump(exclude={"id", "occurred_at"}, exclude_none=True))
    done = await call.store.handle(WORK, work_id, call.command(body), lambda work, _: log_work(work, event), key=key)
    return await call.answer(done, work_answer(done.part), created=f"/v1/work/{done.part.stream_id}")


@router.get("/v1/work/{work_id}", **query(WorkAnswer))
async def get_work(work_id: UUID, call: Read) -> Answer:
    """One stretch of work."""
    part = await call.store.read(WORK, work_id)
    if not part.version:
        raise NotFound("There is no work of this id.")
    return await call.show(work_answer(part), version=part.version)


@router.get("/v1/work", **query(WorkPage))
async def list_work(call: Read, page: Paging, ticket_id: UUID | None = None, customer_id: UUID | None = None, agent_id: Agent = None) -> Answer:
    """Newest first. Work of a customer is that of all ids merged with it."""
    asked = [
        ("customer_id = any({}::uuid[])", await cluster(call.store.pool, customer_id) if customer_id else None),
        ("state ->> 'ticket_id' = {}", str(ticket_id) if ticket_id else None),
        ("assignee = {}", agent_id),
    ]
    rows = await beside.rows(call.store, "work", "newest", asked, page.after, page.limit + 1)
    parts = await call.store.read_many(WORK, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([work_answer(part) for part in parts], beside.more(rows, page), page.limit)


@router.post("/v1/followups", **command(FollowupAnswer))
async def schedule_followup(body: FollowupBody, call: Write) -> Answer:
    """Ask the customer later how it went. What is not done when it is due is missed, by itself."""
    await not_forgotten(call, customer_id=body.customer_id)
    about = await call.store.read(call.state.desk.tickets, body.about_id)
    if about.version and about.customer_id not in await cluster(call.store.pool, body.customer_id):
        raise Invalid("/about_id", "another-customer", "This ticket is another customer's.")
    followup_id, agent = beside.own_id(body.id, body.customer_id), {"agent_id": body.agent_id} if body.agent_id else {}
    event = FollowupScheduled(followup_id=followup_id, about_id=body.about_id, due_at=body.due_at, **agent)
    done = await call.store.handle(
        FOLLOWUPS, followup_id, call.command(body), lambda known, now: followup.schedule(known, event=event, at=now), key=body.customer_id
    )
    return await call.answer(done, followup_answer(done.part), created=f"/v1/followups/{done.part.stream_id}")


@router.get("/v1/followups/{followup_id}", **query(FollowupAnswer))
async def get_followup(followup_id: UUID, call: Read) -> Answer:
    """One follow-up as of now."""
    part = await call.store.read(FOLLOWUPS, followup_id)
    if not part.version:
        raise NotFound("There is no follow-up of this id.")
    return await call.show(followup_answer(part), version=part.version)


@router.get("/v1/followups", **query(FollowupPage))
async def list_followups(
    call: Read,
    page: Paging,
    state: Literal["scheduled", "missed", "done", "open"] | None = None,
    customer_id: UUID | None = None,
    agent_id: Agent = None,
    due_before: Moment | None = None,
) -> Answer:
    """What is due soonest comes first; `open`: whatever is not done. Follow-ups of a customer are those of all ids merged with it."""
    missed = "(status = 'missed' or status = 'scheduled' and breach_at < (extract(epoch from clock_timestamp()) * 1000)::bigint)"  # told already or not yet
    wanted = {"open": "status <> 'done'", "done": "status = 'done'", "missed": missed, "scheduled": f"status = 'scheduled' and not {missed}"}
    asked = [
        (f"{wanted[state]} and {{}}" if state else "{}", True if state else None),
        ("customer_id = any({}::uuid[])", await cluster(call.store.pool, customer_id) if customer_id else None),
        ("assignee = {}", agent_id),
        ("breach_at < {}::bigint", ms(due_before) if due_before else None),
    ]
    rows = await beside.rows(call.store, "followup", "due", asked, page.after, page.limit + 1)
    parts = await call.store.read_many(FOLLOWUPS, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([followup_answer(part) for part in parts], beside.more(rows, page), page.limit)


@router.post("/v1/followups/{followup_id}/completion", **command(FollowupAnswer))
async def complete_followup(followup_id: UUID, body: CompletionBody, call: Write) -> Answer:
    """We asked. By two at once it is done once; a missed one is done late."""
    done = await call.store.handle(FOLLOWUPS, followup_id, call.command(body), lambda known, now: followup.complete(known, agent_id=body.agent_id, at=now))
    return await call.answer(done, followup_answer(done.part))


async def _customer_of(call: Call, ticket_id: UUID) -> UUID:
    part = await call.store.read(call.state.desk.tickets, ticket_id)
    if not part.version:
        raise Invalid("/ticket_id", "unknown", "There is no ticket of this id. Open it first, or leave it out.")
    await not_forgotten(call, ticket_id=ticket_id)
    customer_id: UUID = part.customer_id
    return customer_id
