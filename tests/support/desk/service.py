"""Which routes does the toy have? One of each kind that the conventions know: make, change, put, delete, look up, read, list, and ones that fail."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from crm_chassis.answer import Answer
from crm_chassis.body import Body, Long, Resource, Short, Told
from crm_chassis.call import Call, caller
from crm_chassis.operations import command, deprecated, query
from crm_chassis.paging import PageOf, Paging
from crm_chassis.settings import ServiceSettings
from crm_chassis.writer import writer_app
from crm_events.deciding import Claim
from crm_events.language.contacts import NeedRecorded, NoteAdded, OwnerAssigned
from crm_events.refusals import Blocked, Invalid, NotFound, Rejected, Taken
from crm_events.store.loading import Loaded
from crm_events.store.store import EventStore
from fastapi import APIRouter, FastAPI, Security
from jars import JARS, Jar
from pydantic import Field
from starlette.responses import StreamingResponse

Read = Annotated[Call, Security(caller, scopes=["contacts:read", "self"])]
Write = Annotated[Call, Security(caller, scopes=["contacts:write", "self"])]
Admin = Annotated[Call, Security(caller, scopes=["contacts:merge"])]

router = APIRouter(tags=["jars"])
gate = asyncio.Event()
meeting = asyncio.Barrier(2)


class DeskSettings(ServiceSettings):
    """As any service's."""

    port: int = 8099


class Label(Body):
    """A part of a command."""

    colour: Literal["red", "blue"]
    text: Short


class OpenJar(Told):
    """A jar begins with a note."""

    id: UUID | None = None
    customer_id: UUID | None = None
    text: Long
    count: int = Field(default=1, ge=1, le=9)
    labels: tuple[Label, ...] = ()


class Note(Told):
    """One more note."""

    text: Long


class Owner(Body):
    """Whose it is."""

    agent_id: Short


class Need(Body):
    """What is needed; the same is not needed twice."""

    need: Short


class Question(Body):
    """Asked in a body, for it may be personal."""

    text: Short


class JarAnswer(Resource):
    """A jar as it is shown."""

    id: UUID
    version: int
    notes: int
    last: str | None
    redacted: tuple[str, ...] = ()


def view(part: Loaded[Jar]) -> JarAnswer:
    return JarAnswer(id=part.stream_id, version=part.version, notes=part.state.notes, last=part.state.last)


def put_in(text: str) -> Any:
    return lambda jar, now: [NoteAdded(note_id=uuid.uuid4(), text=text)]


def must_be(part: Loaded[Jar]) -> None:
    if not part.version:
        raise NotFound("There is no such jar.")


@router.post("/v1/jars", **command(JarAnswer))
async def open_jar(body: OpenJar, call: Write) -> Answer:
    """Make a jar."""
    jar = body.id or uuid.uuid4()
    call.own(body.customer_id)
    done = await call.store.handle(JARS, jar, call.command(body), put_in(body.text), key=body.customer_id)
    return await call.answer(done, view(done.part), created=f"/v1/jars/{done.part.stream_id}")


@router.post("/v1/jars/lookup", **query(PageOf[JarAnswer], lookup=True))
async def lookup_jars(body: Question, call: Read) -> Answer:
    """Find jars."""
    return await call.page([], None, 50)


@router.post("/v1/jars/{jar_id}/notes", **command(JarAnswer))
async def add_jar_note(jar_id: UUID, body: Note, call: Write) -> Answer:
    """Put a note into a jar that is there."""
    must_be(await call.store.read(JARS, jar_id))
    done = await call.store.handle(JARS, jar_id, call.command(body), put_in(body.text))
    return await call.answer(done, view(done.part))


@router.post("/v1/jars/{jar_id}/needs", **command(JarAnswer))
async def add_jar_need(jar_id: UUID, body: Need, call: Write) -> Answer:
    """Need something that nobody else needs."""
    done = await call.store.handle(JARS, jar_id, call.command(body), lambda jar, now: [NeedRecorded(need_id=uuid.uuid4(), need=body.need)])
    return await call.answer(done, view(done.part))


@router.put("/v1/jars/{jar_id}/owner", **command(JarAnswer))
async def assign_jar_owner(jar_id: UUID, body: Owner, call: Admin) -> Answer:
    """Give the jar to an agent."""
    done = await call.store.handle(JARS, jar_id, call.command(body), lambda jar, now: [OwnerAssigned(agent_id=body.agent_id)])
    return await call.answer(done, view(done.part))


@router.delete("/v1/jars/{jar_id}/label", **command(JarAnswer))
async def remove_jar_label(jar_id: UUID, call: Write) -> Answer:
    """A change that changes nothing."""
    done = await call.store.handle(JARS, jar_id, call.command(), lambda jar, now: [])
    return await call.answer(done, view(done.part))


@router.put("/v1/jars/{jar_id}/meeting", **command(JarAnswer))
async def meet_at_jar(jar_id: UUID, call: Write) -> Answer:
    """Wait until another does the same."""
    async with asyncio.timeout(3):
        await meeting.wait()
    done = await call.store.handle(JARS, jar_id, call.command(), lambda jar, now: [])
    return await call.answer(done, view(done.part))


@router.get("/v1/jars/{jar_id}", **query(JarAnswer))
async def get_jar(jar_id: UUID, call: Read) -> Answer:
    """A jar."""
    part = await call.store.read(JARS, jar_id)
    must_be(part)
    call.own(part.customer_id)
    return await call.show(view(part), version=part.version)


@router.get("/v1/jars", **query(PageOf[JarAnswer]))
async def list_jars(call: Read, page: Paging, sort: Literal["version", "-version"] = "version") -> Answer:
    """All jars by id."""
    after = UUID(page.after[0]) if page.after else UUID(int=0)
    rows = await call.store.pool.fetch("select stream_id from streams where stream_id > $1 order by stream_id limit $2", after, page.limit + 1)
    parts = await call.store.read_many(JARS, [row["stream_id"] for row in rows[: page.limit]])
    return await call.page([view(part) for part in parts], (parts[-1].stream_id,) if len(rows) > page.limit else None, page.limit)


@router.get("/v1/old-jars", **deprecated(query(PageOf[JarAnswer]), since=date(2026, 1, 1), sunset=date(2027, 1, 1), instead="/v1/jars"))
async def list_old_jars(call: Read, page: Paging) -> Answer:
    """Goes away."""
    return await call.page([], None, page.limit)


@router.put("/v1/waits/{jar_id}", **command(JarAnswer))
async def wait_to_write(jar_id: UUID, call: Write) -> Answer:
    """Until the gate opens."""
    await gate.wait()
    return await call.show({"id": jar_id})


@router.post("/v1/fails/{how}", **query(JarAnswer, lookup=True))
async def fail(how: str, call: Write) -> Answer:
    """Fail in a way that the table of problems knows, or does not."""
    claim = Claim("email", "ann@example.org", refusal="identifier-taken")
    failures: dict[str, BaseException] = {
        "bug": RuntimeError("ann@example.org must not be told"),
        "group": ExceptionGroup("several", [Rejected("closed", "Reopen it first.")]),
        "away": ConnectionRefusedError("db.internal:5432"),
        "timeout": TimeoutError(),
        "closed": asyncpg.InterfaceError("pool is closed"),
        "shutdown": asyncpg.AdminShutdownError("terminating"),
        "query": asyncpg.DataError("invalid input for query argument $1: 'ann@example.org'"),
        "rule": Rejected("closed", "Reopen it first.", type="about:blank", closed_by="agent:7"),
        "taken": Taken(claim, UUID(int=1)),
        "exists": Taken(Claim("document", "A-1"), UUID(int=2)),
        "blocked": Blocked(),
        "parameter": Invalid("?as_of", "in-the-future", "Ask about a moment that has passed."),
        "invalid": Invalid("/lines/0/quantity", "too-many", "Only two were sold."),
    }
    raise failures[how]


@router.post("/v1/waits", **query(JarAnswer, lookup=True))
async def wait(call: Write) -> Answer:
    """Until the gate opens."""
    await gate.wait()
    return await call.show({"id": uuid.uuid4()})


async def _ticks() -> AsyncIterator[bytes]:
    yield b": begin\n\n"
    await asyncio.Event().wait()


@router.get("/v1/ticks")
async def stream_ticks(call: Read) -> StreamingResponse:
    """A stream that never ends by itself."""
    return StreamingResponse(_ticks(), media_type="text/event-stream")


async def friends(store: EventStore, customer_id: UUID) -> set[UUID]:
    """Customer 1 and customer 2 are one person."""
    return {UUID(int=1), UUID(int=2)} if customer_id in (UUID(int=1), UUID(int=2)) else set()


def desk(settings: DeskSettings) -> FastAPI:
    """The whole service."""
    return writer_app(name="contacts", title="Desk", settings=settings, aggregates=[JARS], routers=[router], cluster=friends)
