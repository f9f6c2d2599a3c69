"""Which toy do the store's tests play with? Jars: notes are counted, an owner makes one due, time files a need."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

import asyncpg
from crm_events.command import Command
from crm_events.deciding import Aggregate, At, Claim, Fact, Happened
from crm_events.language.contacts import NeedRecorded, NoteAdded, OwnerAssigned
from crm_events.store.ddl import create_store
from crm_events.store.store import EventStore, open_store
from crm_events.vault import SCHEMA, SESSION, LocalVault
from sqlalchemy.ext.asyncio import create_async_engine

PRINT = b"print"
PAST = datetime(2024, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Jar:
    """A toy: notes are counted, an owner makes it due, time files a note for whoever owns it."""

    notes: int = 0
    last: str | None = None
    due: datetime | None = None
    needs: tuple[str, ...] = ()


JarEvent = NoteAdded | OwnerAssigned | NeedRecorded


def evolve(jar: Jar, fact: Fact[JarEvent]) -> Jar:
    match fact.event:
        case NoteAdded(text=text):
            return replace(jar, notes=jar.notes + 1, last=text)
        case OwnerAssigned():
            return replace(jar, due=fact.occurred_at + timedelta(hours=1))
        case NeedRecorded(need=need):
            return replace(jar, needs=(*jar.needs, need), due=None)
        case _:
            assert_never(fact.event)


def advance(jar: Jar, now: datetime) -> Iterable[Happened[JarEvent]]:
    return [At(NeedRecorded(need_id=uuid.UUID(int=7), need="filed"), jar.due)] if jar.due and jar.due <= now else []


def claims(_: Jar, event: JarEvent) -> list[Claim]:
    return [Claim("need", event.need)] if isinstance(event, NeedRecorded) and event.need != "filed" else []


JARS = Aggregate("jar", Jar, evolve, advance=advance, claims=claims, due=lambda jar: jar.due, columns=lambda jar: {"notes": jar.notes})


async def migrated(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await connection.run_sync(create_store)
    await engine.dispose()
    connection = await asyncpg.connect(url)
    await connection.execute(SCHEMA)
    await connection.close()


@asynccontextmanager
async def opened(url: str, aggregate: Aggregate[Jar, JarEvent] = JARS) -> AsyncIterator[EventStore]:
    async with (
        asyncpg.create_pool(url, min_size=0, max_size=3, server_settings=SESSION) as keys,
        open_store(source="contacts", database_url=url, vault=LocalVault(keys, bytes(32)), index_key=bytes(32), aggregates=[aggregate]) as store,
    ):
        yield store


def command(name: str | None = None, **fields: Any) -> Command:
    return Command(uuid.uuid5(uuid.NAMESPACE_OID, name) if name else uuid.uuid4(), PRINT, "agent:7", **fields)


def note(text: str = "hello") -> Callable[[Jar, datetime], list[NoteAdded]]:
    return lambda jar, now: [NoteAdded(note_id=uuid.uuid4(), text=text)]
