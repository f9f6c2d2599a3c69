"""How is a whole build made again from the journal, while the old one goes on answering?

lay out → fold by ranges of customer ids, each document written once → follow the journal → compose by the same ranges → compare → switch. Every range is one
transaction with its row in `rebuild_range`: a rebuild that was killed goes on where it stopped, and several processes share the ranges (sharing.py).
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import structlog
from crm_events.failpoints import reached
from crm_events.lease import Connection

from crm_reporting import builds
from crm_reporting.builds import JOURNAL_LOCK, Build
from crm_reporting.composing import compose_again
from crm_reporting.copying import copy, line
from crm_reporting.entry import JOURNAL_COLUMNS
from crm_reporting.facts import KEY, TABLES
from crm_reporting.folding import Change, document_row, fold
from crm_reporting.following import follow
from crm_reporting.heard import LEFT_OUT, heard_row
from crm_reporting.projecting import DOCUMENT, mark

log = structlog.get_logger(__name__)

CHUNK = 2_000  # events folded at a time, to the end of a document
EVENTS_A_RANGE = 5_000  # of which a range's facts and documents fit in some 15 MB
MOST_RANGES = 20_000  # a hundred million events; of more, each range holds more
_BOUNDS = """
select percentile_disc($1::float8[]) within group (order by customer_id)::text[] from (
    select customer_id from journal tablesample bernoulli ($2) where id <= $3 and source <> 'reporting') sampled
"""
_RANGE = f"""
select {JOURNAL_COLUMNS}, {LEFT_OUT} from journal j
where customer_id >= $1 and ($2::uuid is null or customer_id < $2) and id <= $3 order by j.customer_id, source, position
"""
# What nobody has now, and then what others have: their transaction ends with the range done, or undone, and then it is taken over.
_CLAIMS = [
    f"select n, low, high from rebuild_range where build = $1 and {{lacking}} is null order by n limit 1 for update{how}" for how in (" skip locked", "")
]
_FOLDED = "update rebuild_range set documents = $3, facts = $4, done_at = clock_timestamp() where build = $1 and n = $2"
_COMPOSED = "update rebuild_range set composed_at = clock_timestamp() where build = $1 and n = $2"
# Each root is in one range, and its members are composed with it: no two processes write a row.
_ROOTS = """
select distinct customer_id::text as customer_id from {build}.document d where customer_id >= $1 and ($2::uuid is null or customer_id < $2)
and not exists (select from {build}.document e where e.customer_id = d.customer_id and e.source = 'contacts' and e.merged_into is not null)
"""
# Merged in a circle, or into an id that nothing else is known of.
_ROOTLESS = """
select distinct customer_id::text as customer_id from {build}.document d where not exists (select from {build}.summary s where s.customer_id = d.customer_id)
and not exists (select from {build}.member m where m.customer_id = d.customer_id)
"""


async def begin(connection: Connection) -> Build:
    """The build to work on: one of this definition that was begun and not finished, else a new one."""
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", JOURNAL_LOCK)  # so that `target` is a whole transaction's end
        unfinished = await builds.mine(connection, "building")
        if unfinished:
            return unfinished
        build = await builds.lay_out(connection, state="building")
        target = await connection.fetchval("select coalesce(max(id), 0) from journal")
        await connection.execute("update builds set target = $2 where build = $1", build.name, target)
        await _plan(connection, build.name, target)
        return build


async def _plan(connection: Connection, build: str, target: int) -> None:
    """Ranges of about the same number of events, from a sample of the journal's customer ids."""
    number = max(1, min(target // EVENTS_A_RANGE, MOST_RANGES))
    bounds: list[str] = []
    if number > 1:
        shares = [n / number for n in range(1, number)]
        bounds = sorted(set(await connection.fetchval(_BOUNDS, shares, 2.0 if target > 100_000 else 100.0, target) or ()))
    lows = ["00000000-0000-0000-0000-000000000000", *bounds]
    rows = [(build, n, low, high) for n, (low, high) in enumerate(zip(lows, [*bounds, None], strict=True), 1)]
    await connection.executemany("insert into rebuild_range (build, n, low, high) values ($1, $2, $3::text::uuid, $4::text::uuid)", rows)


async def _at_every_range(connection: Connection, build: str, lacking: str, work: Callable[[asyncpg.Record], Awaitable[None]]) -> None:
    """Do the work at every range whose column `lacking` is null, each in one transaction; when it returns, none is left, here or in another process."""
    for claim in _CLAIMS:
        while True:
            async with connection.transaction():
                claimed = await connection.fetchrow(claim.format(lacking=lacking), build)
                if claimed is None:
                    break
                await work(claimed)
            reached("rebuild.range_done")


async def fold_ranges(connection: Connection, build: str) -> None:
    """Fold every range not done yet, with whoever else does."""
    target = await connection.fetchval("select target from builds where build = $1", build)

    async def work(claimed: asyncpg.Record) -> None:
        documents, facts = await _fold_range(connection, build, claimed["low"], claimed["high"], target)
        reached("rebuild.folded")
        await connection.execute(_FOLDED, build, claimed["n"], documents, facts)
        log.info("rebuild.range", build=build, range=claimed["n"], documents=documents, facts=facts)

    await _at_every_range(connection, build, "done_at", work)
    await connection.execute("update builds set followed = target where build = $1 and followed < target", build)


async def _fold_range(connection: Connection, build: str, low: object, high: object, target: int) -> tuple[int, int]:
    documents: list[str] = []
    change = Change()
    async for rows in _customers(connection, low, high, target):
        made = fold(map(heard_row, rows), {})
        documents += [line(document_row(where, folded)) for where, folded in made.documents.items()]
        change.marks |= made.marks
        for table, lines in made.facts.items():
            change.facts.setdefault(table, []).extend(lines)
    await copy(connection, "document", DOCUMENT, documents, schema=build)
    for table, lines in change.facts.items():
        await copy(connection, table, KEY + TABLES[table], lines, schema=build)
    await mark(connection, build, change.marks)
    return len(documents), change.fact_count


async def _customers(connection: Connection, low: object, high: object, target: int) -> AsyncIterator[list[asyncpg.Record]]:
    """The journal's rows, some thousands at a time, never cutting a document's events in two."""
    held: list[asyncpg.Record] = []
    async for row in connection.cursor(_RANGE, low, high, target, prefetch=CHUNK):
        if len(held) >= CHUNK and (row["customer_id"], row["source"]) != (held[-1]["customer_id"], held[-1]["source"]):
            yield held
            held = []
        held.append(row)
    if held:
        yield held


async def catch_up(connection: Connection, build: str) -> int:
    """Follow the journal to its end as it now is; how many events."""
    followed = 0
    while count := await follow(connection, build):
        followed += count
    return followed


async def before_composing(connection: Connection, build: str) -> None:
    """The composer's cursor stands where the documents do. What an earlier rebuild composed is composed again: its cursor stood elsewhere."""
    async with connection.transaction():
        await connection.execute(f"update {build}.composer set cursor = (select followed from builds where build = $1)", build)
        await connection.execute("update rebuild_range set composed_at = null where build = $1", build)


async def compose_ranges(connection: Connection, build: str) -> None:
    """Summaries of the customers of every range not composed yet, with whoever else does."""

    async def work(claimed: asyncpg.Record) -> None:
        found = await connection.fetch(_ROOTS.format(build=build), claimed["low"], claimed["high"])
        await _compose(connection, build, found)
        await connection.execute(_COMPOSED, build, claimed["n"])

    await _at_every_range(connection, build, "composed_at", work)


async def compose_rootless(connection: Connection, build: str) -> None:
    """Summaries of those whom no range has: only when all ranges are composed, and by one process."""
    async with connection.transaction():
        await _compose(connection, build, await connection.fetch(_ROOTLESS.format(build=build)))


async def _compose(connection: Connection, build: str, found: list[asyncpg.Record]) -> None:
    ids = [row["customer_id"] for row in found]
    for chunk in range(0, len(ids), CHUNK):
        await compose_again(connection, build, ids[chunk : chunk + CHUNK])


async def analyze(connection: Connection, build: str) -> None:
    """Fresh statistics: plans made on empty tables would stay (148 ms a read instead of 0.3)."""
    for table in ("document", "summary", "member", "parked", *TABLES):
        await connection.execute(f"analyze {build}.{table}")
