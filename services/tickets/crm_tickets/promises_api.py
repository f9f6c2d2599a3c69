"""What do we promise, and in which hours? Policies and calendars, each a row of versions; the newest is shown."""

from typing import Annotated

from crm_chassis.answer import Answer
from crm_chassis.operations import command, query
from crm_chassis.paging import Paging
from crm_events.event import Code
from crm_events.language.sla import OnBreach, SlaConditions
from crm_events.refusals import Invalid, NotFound
from fastapi import APIRouter, Path

from crm_tickets import policy
from crm_tickets.access import Admin, ReadPromises
from crm_tickets.answers import CalendarAnswer, CalendarPage, PolicyAnswer, PolicyPage, calendar_answer, policy_answer
from crm_tickets.bodies import CalendarBody, PolicyBody
from crm_tickets.policy import CALENDARS, POLICIES, calendar_id, policy_id

router = APIRouter(tags=["promises"])
Name = Annotated[Code, Path()]


@router.put("/v1/sla-policies/{name}", **command(PolicyAnswer))
async def define_sla_policy(name: Name, body: PolicyBody, call: Admin) -> Answer:
    """The next version of a promise; the same again changes nothing. Clocks that run keep the version they were started with."""
    if not (await call.store.read(CALENDARS, calendar_id(body.calendar))).version:
        raise Invalid("/calendar", "unknown-calendar", "Define the calendar first: PUT /v1/calendars/{name}.")
    content = body.model_dump(exclude={"when", "valid_from", "on_breach"}) | {"when": SlaConditions(**body.when.model_dump())}
    if body.on_breach:
        content["on_breach"] = {metric: OnBreach(**done.model_dump(exclude_none=True)) for metric, done in body.on_breach.items()}
    done = await call.store.handle(
        POLICIES, policy_id(name), call.command(), lambda told, now: policy.define_policy(told, name=name, valid_from=body.valid_from, now=now, **content)
    )
    await call.state.desk.refresh(call.store)
    return await call.answer(done, policy_answer(done.part))


@router.get("/v1/sla-policies/{name}", **query(PolicyAnswer))
async def get_sla_policy(name: Name, call: ReadPromises) -> Answer:
    """The newest version."""
    part = await call.store.read(POLICIES, policy_id(name))
    if not part.version:
        raise NotFound("There is no policy of this name.")
    return await call.show(policy_answer(part), version=part.version)


@router.get("/v1/sla-policies", **query(PolicyPage))
async def list_sla_policies(call: ReadPromises, page: Paging) -> Answer:
    """The newest version of each, by name."""
    desk, after = call.state.desk, page.after[0] if page.after else ""
    names = sorted(name for name in (await desk.current(call.store)).policies if name > after)
    parts = await call.store.read_many(POLICIES, [policy_id(name) for name in names[: page.limit]])
    return await call.page([policy_answer(part) for part in parts], [names[page.limit - 1]] if len(names) > page.limit else None, page.limit)


@router.put("/v1/calendars/{name}", **command(CalendarAnswer))
async def define_calendar(name: Name, body: CalendarBody, call: Admin) -> Answer:
    """The next version of business hours; the same again changes nothing. Clocks that run keep the version they were started with."""
    content = body.model_dump(exclude={"valid_from", "holidays"}) | {"holidays": tuple(each.day() for each in body.holidays)}
    done = await call.store.handle(
        CALENDARS,
        calendar_id(name),
        call.command(),
        lambda hours, now: policy.define_calendar(hours, name=name, valid_from=body.valid_from, now=now, **content),
    )
    await call.state.desk.refresh(call.store)
    return await call.answer(done, calendar_answer(done.part))


@router.get("/v1/calendars/{name}", **query(CalendarAnswer))
async def get_calendar(name: Name, call: ReadPromises) -> Answer:
    """The newest version."""
    part = await call.store.read(CALENDARS, calendar_id(name))
    if not part.version:
        raise NotFound("There is no calendar of this name.")
    return await call.show(calendar_answer(part), version=part.version)


@router.get("/v1/calendars", **query(CalendarPage))
async def list_calendars(call: ReadPromises, page: Paging) -> Answer:
    """The newest version of each, by name."""
    desk, after = call.state.desk, page.after[0] if page.after else ""
    names = sorted(name for name in (await desk.current(call.store)).calendars if name > after)
    parts = await call.store.read_many(CALENDARS, [calendar_id(name) for name in names[: page.limit]])
    return await call.page([calendar_answer(part) for part in parts], [names[page.limit - 1]] if len(names) > page.limit else None, page.limit)
