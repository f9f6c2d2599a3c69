"""What is known of this customer? One statement, one snapshot: the cluster, its documents and marks, and the build they come from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from crm_events.event import utc_text
from crm_events.refusals import Gone, NotFound, Unavailable

from crm_reporting.clocks import Calendars
from crm_reporting.clusters import cluster_then
from crm_reporting.compose import SECTIONS, Cluster, compose, view
from crm_reporting.definition import definition
from crm_reporting.documents import SHAPES, decode
from crm_reporting.entry import JOURNAL_COLUMNS, entry_of_row
from crm_reporting.folding import fold_all
from crm_reporting.rfm import Scores
from crm_reporting.sections_service import calendars_named

_NOW = """
with recursive up(id, depth) as (
    select $1::uuid, 0
    union all
    select d.merged_into, up.depth + 1 from up
    join {build}.document d on d.customer_id = up.id and d.source = 'contacts' and d.merged_into is not null where up.depth < 100),
circle as (select id from up group by id having count(*) > 1 order by id limit 1),
top as (select coalesce((select id from circle), (select id from up order by depth desc limit 1)) as id),
down(id) as (
    select id from top
    union
    select d.customer_id from down join {build}.document d on d.merged_into = down.id),
marks as (select array_agg(distinct p.source) as sources from {build}.parked p where p.customer_id in (select id from down))
select (select id from top)::text as root, down.id::text as member, d.source, d.doc, d.upto,
    to_char(d.recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as recorded_at,
    (select sources from marks) as parked, (select build from builds where state = 'active') as active
from down left join {build}.document d on d.customer_id = down.id
"""
_TWO_WAY = """
select avg((inbound and outbound)::int)::float as ratio from (
    select bool_or(direction = 'inbound') as inbound, bool_or(direction = 'outbound') as outbound from {build}.interaction
    where customer_id = any($1::uuid[]) and occurred_at <= $2 and recorded_at <= $3 group by conversation_id
    union all
    select bool_or(author_kind = 'customer'), bool_or(author_kind = 'agent') from {build}.message
    where customer_id = any($1::uuid[]) and visibility = 'public' and occurred_at <= $2 and recorded_at <= $3 group by ticket_id) thread
"""
_PAST = f"""
select {JOURNAL_COLUMNS} from journal j where customer_id = any($1::uuid[]) and subject is not null and occurred_at <= $2 and recorded_at <= $3
    and not exists (select from dropped x where x.source = j.source and x.position = j.position) order by source, position
"""
_CALENDARS = "select name, version, value from reference_input where kind = 'calendar' and (name, version) in (select * from unnest($1::text[], $2::int[]))"


@dataclass(frozen=True, slots=True)
class Known:
    """A customer as read. `upto`: per source the last event's (position, recorded_at); `at`: the moment the view is of; `known_at`: what was known."""

    build: str
    cluster: Cluster
    upto: Mapping[str, tuple[int, str]]
    parked: frozenset[str]
    at: datetime
    known_at: datetime
    marks: tuple[tuple[str, str, int], ...]


class Reader:
    """Reads of the unified view. `pool`'s connections have the planner's scans off: plans prepared on empty tables would stay for ever."""

    def __init__(self, pool: asyncpg.Pool, scores: Scores) -> None:
        self.pool, self._scores = pool, scores
        self._build: str | None = None
        self._calendars: dict[tuple[str, int], Mapping[str, Any]] = {}  # a version of a calendar never changes

    async def build(self, *, again: bool = False) -> str:
        """The schema of the active build, if it is of this code's definition; Unavailable otherwise."""
        if self._build is None or again:
            self._build = await self.pool.fetchval("select build from builds where state = 'active' and definition = $1", definition())
        if self._build is None:
            raise Unavailable("The read model of this version is not built yet. Run `reporting rebuild`.", retry_after=10)
        return self._build

    async def now(self, customer_id: UUID, now: datetime) -> Known:
        """The customer as of now. NotFound when no source ever told of them, Gone when they were erased."""
        build = await self.build()
        rows = await self.pool.fetch(_NOW.format(build=build), customer_id)
        if rows[0]["active"] != build:  # switched since this process last looked: ask once more, of the new one
            build = await self.build(again=True)
            rows = await self.pool.fetch(_NOW.format(build=build), customer_id)
        root = rows[0]["root"]
        members = [root, *sorted({row["member"] for row in rows} - {root})]
        found = [row for row in rows if row["source"] is not None]
        upto: dict[str, tuple[int, str]] = {}
        for row in found:
            upto[row["source"]] = max(upto.get(row["source"], (0, "")), (row["upto"], row["recorded_at"]))
        cluster = compose(root, members, ((row["source"], decode(row["doc"])) for row in found))
        parked = frozenset(rows[0]["parked"] or ())
        known = Known(build, cluster, upto, parked, now, now, tuple(sorted((row["member"], row["source"], row["upto"]) for row in found)))
        return _there(known)

    async def then(self, customer_id: UUID, *, as_of: datetime, known_at: datetime) -> Known:
        """The customer as they stood: only what had happened by `as_of`, of what was recorded by `known_at`. The same folds over the journal's rows."""
        build = await self.build()
        async with self.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            root, members = await cluster_then(connection, build, str(customer_id), as_of=as_of, known_at=known_at)
            rows = await connection.fetch(_PAST, members, as_of, known_at)
        folded = fold_all(entry_of_row(row) for row in rows)
        upto: dict[str, tuple[int, str]] = {}
        for (source, _), one in folded.items():
            upto[source] = max(upto.get(source, (0, "")), (one.upto, one.recorded_at))
        cluster = compose(root, members, ((source, one.document) for (source, _), one in folded.items()))
        marks = tuple(sorted((customer, source, one.upto) for (source, customer), one in folded.items()))
        return _there(Known(build, cluster, upto, frozenset(), as_of, known_at, marks))

    async def shown(self, known: Known, fields: Iterable[str]) -> dict[str, Any]:
        """The unified view, its sections those asked for; sealed text left sealed."""
        sections = view(known.cluster, now=known.at, calendars=await self._calendars_of(known))
        asked = set(fields) or set(SECTIONS)
        if "contact" in asked:
            row = await self.pool.fetchrow(_TWO_WAY.format(build=known.build), known.cluster.members, known.at, known.known_at)
            sections["contact"]["two_way_ratio"] = row["ratio"] if row else None
        if "scores" in asked:
            sections["scores"]["rfm"] = await self._scores.of(known.build, known.cluster.documents["loyalty"], known.at, known.known_at)
        freshness = {
            source: {"position": position, "recorded_at": recorded_at or None, "parked": source in known.parked}
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


def _there(known: Known) -> Known:
    if known.cluster.erased:
        raise Gone("This customer was erased.")
    if not known.marks:
        raise NotFound("No source has told of a customer of this id.")
    return known


def etag(known: Known, sections: Mapping[str, Any], *asked: object) -> str:
    """Names what is shown: the build, the members' documents, what was asked, and the day, or the minute while a service clock runs."""
    moment = utc_text(known.at)[:16] if sections.get("service", {}).get("tickets") else utc_text(known.at)[:10]
    seen = orjson.dumps([known.build, known.cluster.root, known.marks, sorted(known.parked), moment, [str(each) for each in asked]])
    return blake2b(seen, digest_size=12).hexdigest()


def milliseconds(moment: datetime) -> datetime:
    """What the store keeps of a time."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
