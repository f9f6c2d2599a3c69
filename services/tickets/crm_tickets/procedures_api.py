"""How do a desk's procedures and macros come to be known, and how is a macro applied, over HTTP?"""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
from crm_chassis.answer import Answer
from crm_chassis.body import Instant, Resource
from crm_chassis.call import Call
from crm_chassis.operations import command, query
from crm_chassis.paging import PageOf, Paging
from crm_events.event import Code
from crm_events.language.procedure import MacroStep, ProcedureWhen
from crm_events.refusals import Invalid, NotFound
from crm_events.store.loading import Loaded
from fastapi import APIRouter, Path
from uuid_utils.compat import uuid7

from crm_tickets import macro, procedures
from crm_tickets.access import Admin, ReadPromises, Write, not_forgotten
from crm_tickets.answers import TicketAnswer
from crm_tickets.handling_api import agent_of
from crm_tickets.macro import WORDS, Telling
from crm_tickets.macro_bodies import MacroBody, MacroUse, ProcedureBody
from crm_tickets.policy import in_force
from crm_tickets.procedures import MACROS, PROCEDURES, Macro, Procedure, macro_id, procedure_id
from crm_tickets.tickets_api import written

router = APIRouter(tags=["procedures"])
Name = Annotated[Code, Path()]
# A page of names: a stream of versions is named in each of its events, and the first one is as good as any.
_NAMED = """
select e.payload ->> 'name' as name, s.stream_id from streams s join events e on e.stream_id = s.stream_id and e.version = 1
where s.type = $1 and e.payload ->> 'name' > $2 order by 1 limit $3
"""


class ProcedureConditionsAnswer(Resource):
    """Which tickets it is for; an empty list admits all."""

    kinds: list[str]
    categories: list[str]


class ProcedureAnswer(Resource):
    """The newest version of a procedure."""

    name: str
    version: int
    when: ProcedureConditionsAnswer
    steps: list[str]
    valid_from: Instant
    recorded_at: Instant | None


class MacroStepAnswer(Resource):
    """One thing done; what does not belong to it is `null`."""

    do: str
    agent_id: str | None
    group: str | None
    priority: str | None
    category: str | None
    status: str | None
    level: int | None
    to: str | None
    root_cause: str | None


class MacroAnswer(Resource):
    """The newest version of a macro."""

    name: str
    version: int
    steps: list[MacroStepAnswer]
    valid_from: Instant
    recorded_at: Instant | None


@router.put("/v1/procedures/{name}", **command(ProcedureAnswer))
async def define_procedure(name: Name, body: ProcedureBody, call: Admin) -> Answer:
    """The next version of how such tickets are handled; the same again changes nothing."""
    content = {"name": name, "when": ProcedureWhen(**body.when.model_dump()), "steps": body.steps}
    done = await call.store.handle(
        PROCEDURES, procedure_id(name), call.command(), lambda told, now: procedures.define_procedure(told, valid_from=body.valid_from, now=now, **content)
    )
    return await call.answer(done, procedure_answer(done.part))


@router.get("/v1/procedures/{name}", **query(ProcedureAnswer))
async def get_procedure(name: Name, call: ReadPromises) -> Answer:
    """The newest version."""
    part = await call.store.read(PROCEDURES, procedure_id(name))
    if not part.version:
        raise NotFound("There is no procedure of this name.")
    return await call.show(procedure_answer(part), version=part.version)


@router.get("/v1/procedures", **query(PageOf[ProcedureAnswer]))
async def list_procedures(call: ReadPromises, page: Paging) -> Answer:
    """The newest version of each, by name."""
    rows, more = await _names(call, "procedure", page)
    parts = await call.store.read_many(PROCEDURES, [row["stream_id"] for row in rows])
    return await call.page([procedure_answer(part) for part in parts], more, page.limit)


@router.put("/v1/macros/{name}", **command(MacroAnswer))
async def define_macro(name: Name, body: MacroBody, call: Admin) -> Answer:
    """The next version of what is done with one click; the same again changes nothing."""
    content = {"name": name, "steps": tuple(MacroStep(**step.model_dump(exclude_none=True)) for step in body.steps)}
    done = await call.store.handle(
        MACROS, macro_id(name), call.command(), lambda told, now: procedures.define_macro(told, valid_from=body.valid_from, now=now, **content)
    )
    return await call.answer(done, macro_answer(done.part))


@router.get("/v1/macros/{name}", **query(MacroAnswer))
async def get_macro(name: Name, call: ReadPromises) -> Answer:
    """The newest version."""
    part = await call.store.read(MACROS, macro_id(name))
    if not part.version:
        raise NotFound("There is no macro of this name.")
    return await call.show(macro_answer(part), version=part.version)


@router.get("/v1/macros", **query(PageOf[MacroAnswer]))
async def list_macros(call: ReadPromises, page: Paging) -> Answer:
    """The newest version of each, by name."""
    rows, more = await _names(call, "macro", page)
    parts = await call.store.read_many(MACROS, [row["stream_id"] for row in rows])
    return await call.page([macro_answer(part) for part in parts], more, page.limit)


@router.post("/v1/tickets/{ticket_id}/macros", **command(TicketAnswer))
async def apply_macro(ticket_id: UUID, body: MacroUse, call: Write) -> Answer:
    """Each step does what its own command would, all or nothing: a `rejected` names the `step` that may not be done. The version in force then is applied."""
    await not_forgotten(call, ticket_id=ticket_id)
    known: Loaded[Macro] = await call.store.read(MACROS, macro_id(body.macro))
    chosen = in_force(known.state.versions, body.occurred_at or call.now)
    if chosen is None:
        raise Invalid("/macro", "unknown-macro", "Name a macro that is defined: GET /v1/macros.")
    words = {name: text for name in WORDS.values() if (text := getattr(body, name)) is not None}
    telling = Telling(agent_of(call), body.channel, words, {"reply": uuid7(), "note": uuid7()})
    desk = call.state.desk
    promises = await desk.current(call.store)
    done = await call.store.handle(
        desk.tickets,
        ticket_id,
        call.command(body),
        lambda ticket, now: macro.apply(ticket, ticket_id=ticket_id, macro=chosen, telling=telling, at=now, promises=promises),
    )
    return await written(call, done)


async def _names(call: Call, type_: str, page: Paging) -> tuple[list[asyncpg.Record], list[Any] | None]:
    rows = await call.store.pool.fetch(_NAMED, type_, page.after[0] if page.after else "", page.limit + 1)
    shown = rows[: page.limit]
    return shown, [shown[-1]["name"]] if len(rows) > page.limit else None


def procedure_answer(part: Loaded[Procedure]) -> ProcedureAnswer:
    """The newest version."""
    return ProcedureAnswer.model_validate(part.state.versions[-1].model_dump(mode="json") | {"recorded_at": part.recorded_at})


def macro_answer(part: Loaded[Macro]) -> MacroAnswer:
    """The newest version."""
    newest = part.state.versions[-1]
    steps = [{name: getattr(step, name) for name in MacroStepAnswer.model_fields} for step in newest.steps]
    return MacroAnswer.model_validate(
        {"name": newest.name, "version": newest.version, "steps": steps, "valid_from": newest.valid_from, "recorded_at": part.recorded_at}
    )
