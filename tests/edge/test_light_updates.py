"""Is the state of a stream in no index? Else each of its updates, whatever it changes, would have to touch every index of the table."""

import asyncpg
import pytest
from crm_chassis.migrating import upgrade

_INDEXES_OVER_STATE = """
select i.relname from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid join pg_class i on i.oid = d.objid
where d.refobjid = 'streams'::regclass and a.attname = 'state' and i.relkind = 'i'
"""


@pytest.mark.parametrize("package", ["crm_contacts", "crm_tickets", "crm_loyalty"])
async def test_no_index_is_over_the_state(package: str, database: str) -> None:
    await upgrade(package, database)
    connection = await asyncpg.connect(database)
    try:
        assert [row["relname"] for row in await connection.fetch(_INDEXES_OVER_STATE)] == []
        await connection.execute("create index proof on streams ((state ->> 'x')) where type = 'proof'")
        assert len(await connection.fetch(_INDEXES_OVER_STATE)) == 1, "the question finds such an index"
    finally:
        await connection.close()
