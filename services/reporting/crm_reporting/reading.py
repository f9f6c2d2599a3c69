"""What is known of this customer? One statement, one snapshot: the cluster, its documents and marks, and the build they come from."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from crm_events.lease import Connection
from crm_events.refusals import Gone, NotFound, Unavailable

from crm_reporting import builds
from crm_reporting.clocks import Calendars
from crm_reporting.clusters import cluster_then
from crm_reporting.compose import SECTIONS, Cluster, compose, view
from crm_reporting.documents import SHAPES, decode
from crm_reporting.entry import JOURNAL_COLUMNS
from crm_reporting.folding import Fold, Folded, fold
from crm_reporting.heard import Heard, heard_row
from crm_reporting.rfm import Scores
from crm_reporting.sections_service import calendars_named

# Of conversations and cases, the share in which both sides spoke.
_TWO_WAY = """
select avg((inbound and outbound)::int)::float as ratio from (
    select bool_or(direction = 'inbound') as inbound, bool_or(direction = 'outbound') as outbound from {{build}}.interaction
    where customer_id = any({ids}) and occurred_at <= {at} and recorded_at <= {known_at} group by conversation_id
    union all
    select bool_or(author_kind = 'customer'), bool_or(author_kind = 'agent') from {{build}}.message
    where customer_id = any({ids}) and visibility = 'public' and occurred_at <= {at} and recorded_at <= {known_at} group by ticket_id) thread
"""
_NOW = f"""
with recursive up(id, depth) as (
    select $1::uuid, 0
    union all
    select d.merged_into, up.depth + 1 from up
    join {{build}}.document d on d.customer_id = up.id and d.source = 'contacts' and d.merged_into is not null where up.depth < 100),
circle as (select id from up group by id having count(*) > 1 order by id limit 1),
top as (select coalesce((select id from circle), (select id from up order by depth desc limit 1)) as id),
down(id) as (
    select id from top
    union
    select d.customer_id from down join {{build}}.document d on d.merged_into = down.id),
marks as (select array_agg(distinct p.source) as sources from {{build}}.parked p where p.customer_id in (select id from down))
select (select id from top)::text as root, down.id::text as member, d.source, d.doc, d.upto,
    to_char(d.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as recorded_at,
    (select sources from marks) as parked, array(select source from paused) as paused, (select state from builds where build = '{{build}}') as state,
    exists (select from erased e where e.customer_id in (select id from down)) as erased,
    case when $2::timestamptz is not null then ({_TWO_WAY.format(ids="array(select id from down)", at="$2", known_at="$2")}) end as two_way
from down left join {{build}}.document d on d.customer_id = down.id
"""
_TWO_WAY_THEN = _TWO_WAY.format(ids="$1::uuid[]", at="$2", known_at="$3")
_PAST = f"""
select {JOURNAL_COLUMNS}, false as left_out from journal j
where customer_id = any($1::uuid[]) and subject is not null and occurred_at <= $2 and recorded_at <= $3
    and not exists (select from dropped x where x.source = j.source and x.position = j.position) order by source, position
"""
_PAUSED = "select array(select source from paused)"
_ERASED = "select true from erased where customer_id = any($1::uuid[]) limit 1"
_CALENDARS = "select name, version, value from reference_input where kind = 'calendar' and (name, version) in (select * from unnest($1::text[], $2::int[]))"


ASK = 1.0  # seconds a build's name is believed, by those who cannot see in their own statement that it was switched away from
PIECE = 500  # events of the past folded between two turns of the loop: others wait no longer


@dataclass(frozen=True, slots=True)
class Known:
    """A customer as read. `upto`: per source the last event's (position, recorded_at); `at`: the moment the view is of; `known_at`: what was known.

    `paused`: sources of which nothing more is applied, of anybody, until an operator resumes them.
    `two_way`: the share of conversations in which both sides spoke, where it was asked for.
    `follows`: the build is not the active one, for that is of another release; it may be a moment behind.
    """

    build: str
    cluster: Cluster
    upto: Mapping[str, tuple[int, str]]
    parked: frozenset[str]
    at: datetime
    known_at: datetime
    there: bool
    two_way: float | None = None
    follows: bool = False
    paused: frozenset[str] = frozenset()


class Reader:
    """Reads of the unified view. `pool`'s connections have the planner's scans off: plans prepared on empty tables would stay for ever."""

    def __init__(self, pool: asyncpg.Pool, scores: Scores) -> None:
        self.pool, self._scores = pool, scores
        self._build: tuple[str, float] | None = None
        self._calendars: dict[tuple[str, int], Mapping[str, Any]] = {}  # a version of a calendar never changes

    async def build(self, *, again: bool = False) -> str:
        """The schema to read: the active build if it is of this code's definition, else one of it that still follows. Unavailable where there is none."""
        if self._build is None or again or time.monotonic() > self._build[1]:
            async with self.pool.acquire() as connection:
                found = await builds.mine(connection, "active", "draining", "ready")
            if found is None:
                raise Unavailable("The read model of this version is not built yet. Run `reporting rebuild`.", retry_after=10)
            self._build = found.name, time.monotonic() + ASK
        return self._build[0]

    async def now(self, customer_id: UUID, now: datetime, within: "Connection | None" = None, *, two_way: bool = False) -> Known:
        """The customer as of now. NotFound when no source ever told of them, Gone when they were erased.

        `within`: in this connection's snapshot. `two_way`: with the share of conversations in which both sides spoke, of the same snapshot.
        """
        asks, moment = within or self.pool, now if two_way else None
        build = await self.build()
        rows = await asks.fetch(_NOW.format(build=build), customer_id, moment)
        if rows[0]["state"] != "active":  # switched since this process last looked: ask once more, of the new one
            build = await self.build(again=True)
            rows = await asks.fetch(_NOW.format(build=build), customer_id, moment)
        root = rows[0]["root"]
        members = [root, *sorted({row["member"] for row in rows} - {root})]
        found = [row for row in rows if row["source"] is not None]
        upto: dict[str, tuple[int, str]] = {}
        for row in found:
            upto[row["source"]] = max(upto.get(row["source"], (0, "")), (row["upto"], row["recorded_at"]))
        cluster = compose(root, members, ((row["source"], decode(row["doc"])) for row in found))
        parked = frozenset(rows[0]["parked"] or ())
        known = Known(build, cluster, upto, parked, now, now, bool(found), rows[0]["two_way"], rows[0]["state"] != "active", frozenset(rows[0]["paused"]))
        return _there(known, erased=rows[0]["erased"])

    async def then(self, customer_id: UUID, *, as_of: datetime, known_at: datetime) -> Known:
        """The customer as they stood: only what had happened by `as_of`, of what was recorded by `known_at`. The same folds over the journal's rows.

        Gone when they were erased since: nothing of the past is read of somebody who asked to be forgotten.
        """
        build = await self.build()
        documents: dict[Fold, Folded] = {}
        parked: frozenset[Fold] = frozenset()
        async with self.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            root, members = await cluster_then(connection, build, str(customer_id), as_of=as_of, known_at=known_at)
            erased = await connection.fetchval(_ERASED, [str(customer_id), *members])
            paused = await connection.fetchval(_PAUSED)
            two_way = await connection.fetchval(_TWO_WAY_THEN.format(build=build), members, as_of, known_at)
            async for heard in _pieces(connection, members, as_of, known_at):
                change = fold(heard, documents, parked)
                documents |= change.documents
                parked |= change.marks.keys()
        upto: dict[str, tuple[int, str]] = {}
        for (source, _), one in documents.items():
            upto[source] = max(upto.get(source, (0, "")), (one.upto, one.recorded_at))
        cluster = compose(root, members, ((source, one.document) for (source, _), one in documents.items()))
        known = Known(build, cluster, upto, frozenset(source for source, _ in parked), as_of, known_at, bool(documents), two_way, paused=frozenset(paused))
        return _there(known, erased=bool(erased))

    async def shown(self, known: Known, fields: Iterable[str]) -> dict[str, Any]:
        """The unified view, its sections those asked for; sealed text left sealed."""
        sections = view(known.cluster, now=known.at, calendars=await self._calendars_of(known))
        asked = set(fields) or set(SECTIONS)
        if "contact" in asked:
            sections["contact"]["two_way_ratio"] = known.two_way
        if "scores" in asked:
            sections["scores"]["rfm"] = await self._scores.of(known.build, known.cluster.documents["loyalty"], known.at, known.known_at)
        freshness = {
            source: {"position": position, "recorded_at": recorded_at or None, "parked": source in known.parked, "paused": source in known.paused}
            for source in SHAPES
            for position, recorded_at in [known.upto.get(source, (0, ""))]
        }
        head = {"customer_id": None, "canonical_id": known.cluster.root, "member_ids": list(known.cluster.members)}
        return head | {name: sections[name] for name in SECTIONS if name in asked} | {"redacted": [], "freshness": freshness}

    async def _calendars_of(self, known: Known) -> Calendars:
        wanted = calendars_named(known.cluster.documents["tickets"])
        missing = sorted(wanted - self._calendars.keys())
        if missing:
            rows = await self.pool.fetch(_CALENDARS, [name for name, _ in missing], [version for _, version in missing])
            self._calendars |= {(row["name"], row["version"]): orjson.loads(row["value"]) for row in rows}
        return self._calendars


async def _pieces(connection: Connection, members: Iterable[str], as_of: datetime, known_at: datetime) -> AsyncIterator[list[Heard]]:
    """The journal's rows of these ids, some at a time: neither memory nor the loop is one customer's alone."""
    rows = connection.cursor(_PAST, members, as_of, known_at, prefetch=PIECE)
    held: list[Heard] = []
    async for row in rows:
        held.append(heard_row(row))
        if len(held) == PIECE:
            yield held
            held = []
            await asyncio.sleep(0)
    yield held


def _there(known: Known, *, erased: bool) -> Known:
    if erased or known.cluster.erased:
        raise Gone("This customer was erased.")
    if not known.there:
        raise NotFound("No source has told of a customer of this id.")
    return known


def etag(shown: Mapping[str, Any], *asked: object) -> str:
    """Names what is shown, by its text: whatever moves it, an event, the clock or everybody else's purchases. `asked`: the question, and who may see."""
    return blake2b(orjson.dumps([shown, [str(each) for each in asked]], option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
