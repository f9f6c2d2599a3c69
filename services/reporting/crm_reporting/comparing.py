"""Do two builds of one definition say the same? Compared at one id of the journal, while both go on."""

from dataclasses import asdict, dataclass

import orjson
from crm_events.lease import Connection

from crm_reporting.facts import TABLES
from crm_reporting.following import follow_here

_DOCUMENTS = """
select count(*) as documents, count(*) filter (where a.digest is distinct from b.digest) as differ,
    (array_agg(source || ' ' || customer_id) filter (where a.digest is distinct from b.digest))[1:20] as examples
from {active}.document a full join {other}.document b using (customer_id, source)
where not exists (select from {active}.parked p where (p.source, p.customer_id) = (source, customer_id))
  and not exists (select from {other}.parked p where (p.source, p.customer_id) = (source, customer_id))
"""
_FACTS = "select count(*) as count, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text as digest from {build}.{table} t"


@dataclass(frozen=True, slots=True)
class Compared:
    """Documents of both, how many differ (with examples), and the fact tables whose count or hash differ."""

    at: int
    documents: int
    differ: int
    examples: tuple[str, ...]
    facts: int
    facts_differ: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not self.differ and not self.facts_differ


async def compare(connection: Connection, active: str, other: str) -> Compared:
    """Compare a build with the active one, and keep the outcome in its row. Folds parked in either are left out.

    One snapshot: the active build's rows and the journal's end commit together, so that snapshot is the state at one id; `other` is brought to that id first.
    """
    async with connection.transaction(isolation="repeatable_read"):
        while await follow_here(connection, other, limit=5_000):
            pass
        at = await connection.fetchval("select coalesce(max(id), 0) from journal")
        row = await connection.fetchrow(_DOCUMENTS.format(active=active, other=other))
        assert row is not None
        total, different = 0, []
        for table in sorted(TABLES):
            one, two = [await connection.fetchrow(_FACTS.format(build=build, table=table)) for build in (active, other)]
            assert one is not None
            total += one["count"]
            if one != two:
                different.append(table)
        compared = Compared(at, row["documents"], row["differ"], tuple(row["examples"] or ()), total, tuple(different))
        await connection.execute("update builds set compared = $2 where build = $1", other, orjson.dumps(asdict(compared)).decode())
    return compared
