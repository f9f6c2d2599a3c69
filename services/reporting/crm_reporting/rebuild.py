"""How is a whole build made again from the journal, while the old one goes on answering?

lay out → fold by ranges of customer ids, each document written once → follow the journal → compose → compare → switch. Every range is one transaction with its
row in `rebuild_range`: a rebuild that was killed goes on where it stopped.
"""

from collections.abc import AsyncIterator

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
EVENTS_A_RANGE = 20_000  # of which a range's facts and documents fit in some 50 MB
_BOUNDS = """
select percentile_disc($1::float8[]) within group (order by customer_id)::text[] from (
    select customer_id from journal tablesample bernoulli ($2) where id <= $3 and source <> 'reporting') sampled
"""
_RANGE = f"""
select {JOURNAL_COLUMNS}, {LEFT_OUT} from journal j
where customer_id >= $1 and ($2::uuid is null or customer_id < $2) and id <= $3 order by j.customer_id, source, position
"""
_DONE = "update rebuild_range set documents = $3, facts = $4, done_at = clock_timestamp() where build = $1 and n = $2"
_CUSTOMERS = "select distinct customer_id::text as customer_id from {build}.document where customer_id > $1 order by 1 limit $2"


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
    number = max(1, min(target // EVENTS_A_RANGE, 500))
    bounds: list[str] = []
    if number > 1:
        shares = [n / number for n in range(1, number)]
        bounds = sorted(set(await connection.fetchval(_BOUNDS, shares, 2.0 if target > 100_000 else 100.0, target) or ()))
    lows = ["00000000-0000-0000-0000-000000000000", *bounds]
    rows = [(build, n, low, high) for n, (low, high) in enumerate(zip(lows, [*bounds, None], strict=True), 1)]
    await connection.executemany("insert into rebuild_range (build, n, low, high) values ($1, $2, $3::text::uuid, $4::text::uuid)", rows)


async def fold_ranges(connection: Connection, build: str) -> int:
    """Fold every range not done yet; how many events' worth of facts and documents were written, as rows."""
    target = await connection.fetchval("select target from builds where build = $1", build)
    written = 0
    for row in await connection.fetch("select n, low, high from rebuild_range where build = $1 and done_at is null order by n", build):
        async with connection.transaction():
            if not await connection.fetchval("select done_at is null from rebuild_range where build = $1 and n = $2 for update", build, row["n"]):
                continue  # another process works on the same build
            documents, facts = await _fold_range(connection, build, row["low"], row["high"], target)
            reached("rebuild.folded")
            await connection.execute(_DONE, build, row["n"], documents, facts)
        reached("rebuild.range_done")
        written += documents + facts
        log.info("rebuild.range", build=build, range=row["n"], documents=documents, facts=facts)
    await connection.execute("update builds set followed = target where build = $1 and followed < target", build)
    return written


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


async def compose_all(connection: Connection, build: str) -> int:
    """Summaries of all customers, from the documents; the composer's cursor stands where they do. How many."""
    async with connection.transaction():
        await connection.execute(f"update {build}.composer set cursor = (select followed from builds where build = $1)", build)
    last, composed = "00000000-0000-0000-0000-000000000000", 0
    while ids := [row["customer_id"] for row in await connection.fetch(_CUSTOMERS.format(build=build), last, 2_000)]:
        async with connection.transaction():
            composed += (await compose_again(connection, build, ids)).looked_at
        last = ids[-1]
    return composed


async def analyze(connection: Connection, build: str) -> None:
    """Fresh statistics: plans made on empty tables would stay (148 ms a read instead of 0.3)."""
    for table in ("document", "summary", "member", "parked", *TABLES):
        await connection.execute(f"analyze {build}.{table}")
