"""Which customer ids are one customer?

A merge is an edge, `merged_into`, in the absorbed id's document; nothing is rewritten. The root is the end of the chain of edges. Edges live on different
partitions, so for a while (or for as long as one id is parked) they may show a circle that contacts never decided: A→B, taken back, B→A, while A's partition
lags. Then the least id on the circle is the root. Reads and composer ask by the same two statements.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_events.lease import Connection

_DEPTH = 100  # longer than any chain seen (14); a circle is walked so often and no more

ROOTS = """
with recursive up(start, id, depth) as (
    select s, s, 0 from unnest($1::uuid[]) s
    union all
    select up.start, d.merged_into, up.depth + 1 from up
    join {build}.document d on d.customer_id = up.id and d.source = 'contacts' and d.merged_into is not null where up.depth < {depth}),
circles as (select start, (array_agg(id order by id))[1] as id from (select start, id from up group by start, id having count(*) > 1) c group by start)
select l.start::text, coalesce(c.id, l.id)::text as root
from (select distinct on (start) start, id from up order by start, depth desc) l left join circles c using (start)
"""
MEMBERS = """
with recursive down(root, id) as (
    select r, r from unnest($1::uuid[]) r
    union
    select down.root, d.customer_id from down join {build}.document d on d.merged_into = down.id)
select root::text, id::text as member from down
"""
EDGES_THEN = """
with recursive edge as (
    select distinct on (customer_id) customer_id, survivor_id from {build}.merge m
    where state = 'merged' and occurred_at <= $2 and recorded_at <= $3 and not exists (
        select from {build}.merge u where u.merge_id = m.merge_id and u.customer_id = m.customer_id and u.state = 'unmerged' and u.occurred_at <= $2
        and u.recorded_at <= $3)
    order by customer_id, occurred_at desc, position desc),
reach(id) as (
    select $1::uuid
    union
    select case when e.customer_id = r.id then e.survivor_id else e.customer_id end from reach r join edge e on r.id in (e.customer_id, e.survivor_id))
select customer_id::text, survivor_id::text from edge where customer_id in (select id from reach)
"""


async def roots(connection: Connection, build: str, ids: Iterable[str]) -> dict[str, str]:
    """The canonical id of each id; an id nothing is known of is its own."""
    rows = await connection.fetch(ROOTS.format(build=build, depth=_DEPTH), list(ids))
    return {row["start"]: row["root"] for row in rows}


async def members(connection: Connection, build: str, of: Iterable[str]) -> dict[str, list[str]]:
    """Every id that leads to each root, the root first, then by id."""
    found: dict[str, list[str]] = {}
    for row in await connection.fetch(MEMBERS.format(build=build), list(of)):
        found.setdefault(row["root"], []).append(row["member"])
    return {root: [root, *sorted(set(ids) - {root})] for root, ids in found.items()}


def root_of(customer_id: str, edges: Mapping[str, str]) -> str:
    """The root, by edges held in memory: the same answer as `roots`."""
    path = [customer_id]
    while path[-1] in edges:
        into = edges[path[-1]]
        if into in path:
            return min(path[path.index(into) :])
        path.append(into)
    return path[-1]


async def cluster_then(connection: Connection, build: str, customer_id: str, *, as_of: Any, known_at: Any) -> tuple[str, list[str]]:
    """The canonical id and the members as edges stood: what had happened by `as_of`, of what was recorded by `known_at` (aware datetimes)."""
    rows = await connection.fetch(EDGES_THEN.format(build=build), customer_id, as_of, known_at)
    edges = {row["customer_id"]: row["survivor_id"] for row in rows}
    root = root_of(customer_id, edges)
    ids = {customer_id, *edges, *edges.values()}
    return root, [root, *sorted(member for member in ids - {root} if root_of(member, edges) == root)]
