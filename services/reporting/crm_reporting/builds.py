"""Which build is read and written, and how is a new one laid out?

States: building → ready (equal to the active one, following the journal) → active → draining (still following: going back is the same switch)
→ retired. `refused`: compared unequal though its definition is the active one's.
"""

from dataclasses import dataclass
from importlib.resources import files

from crm_events.lease import Connection

from crm_reporting.definition import definition

JOURNAL_LOCK = 7002  # whoever appends to the journal, or switches builds, holds it through commit


@dataclass(frozen=True, slots=True)
class Build:
    """One row of `builds`. `name` is also its schema's."""

    name: str
    definition: str
    state: str
    followed: int


_CURSOR = "insert into {build}.composer (cursor) values (0)"
_SELECT = "select build as name, definition, state, followed from builds"
_MINE = f"{_SELECT} where definition = $1 and state <> 'retired' order by state = 'active' desc, created_at desc"


class NoBuild(Exception):
    """No build of this code's definition is active: run `reporting rebuild`."""


async def active(connection: Connection) -> Build | None:
    """The build that is read, whatever its definition; None before the first start."""
    row = await connection.fetchrow(f"{_SELECT} where state = 'active'")
    return Build(**row) if row else None


async def mine(connection: Connection, *states: str) -> Build | None:
    """The build of this code's definition in one of these states (any, where none is given): the active one before others, else the newest."""
    rows = await connection.fetch(_MINE, definition())
    return next((Build(**row) for row in rows if not states or row["state"] in states), None)


async def ensure_first(connection: Connection) -> Build:
    """The active build; a fresh database gets one of this code's definition, empty, which needs no rebuild. Raises NoBuild if it is of another definition."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", JOURNAL_LOCK)
        found = await active(connection)
        if found is None:
            if await connection.fetchval("select true from journal limit 1"):
                raise NoBuild("The journal has events but no build is active: run `reporting rebuild`.")
            found = await lay_out(connection, state="active")
    if found.definition != definition():
        raise NoBuild(f"Build {found.name} was made by another definition ({found.definition}, this code has {definition()}): run `reporting rebuild`.")
    return found


async def lay_out(connection: Connection, *, state: str) -> Build:
    """A new empty schema and its row. Inside the caller's transaction."""
    await connection.execute("select pg_advisory_xact_lock(hashtext('builds'))")
    number = await connection.fetchval("select coalesce(max(substr(build, 2)::int), 0) + 1 from builds")
    name = f"b{number}"
    await connection.execute(f"create schema {name}")
    before = await connection.fetchval("show search_path")
    await connection.execute(f"set local search_path = {name}")
    await connection.execute(files("crm_reporting.migrations").joinpath("build.sql").read_text())
    await connection.execute("select set_config('search_path', $1, true)", before)
    await connection.execute(_CURSOR.format(build=name))
    await connection.execute("insert into builds (build, definition, state) values ($1, $2, $3)", name, definition(), state)
    return Build(name, definition(), state, 0)


async def drop(connection: Connection, name: str) -> None:
    """Forget a build that is not active, with all its tables."""
    async with connection.transaction():
        gone = await connection.fetchval("update builds set state = 'retired' where build = $1 and state <> 'active' returning build", name)
        if gone:
            await connection.execute(f"drop schema if exists {name} cascade")
