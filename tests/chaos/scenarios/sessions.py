"""Does somebody else's open transaction hold anybody up?"""

import time

from chaos.ground import Ground, Unfelt
from chaos.scenario import scenario

SOON = 3.0  # seconds until a write is seen, on a busy machine


@scenario("transaction-left-open", faults=(13,), invariants="I3 I4 I15", seeds=(1, 2))
async def transaction_left_open(ground: Ground) -> None:
    """One in another database and one in the store's own are left open after they wrote: every snapshot's horizon stands still, the relay goes on."""
    async with ground.database("postgres") as elsewhere, ground.database("contacts") as here:
        opened = [await _left_open(connection) for connection in (elsewhere, here)]
        await ground.load.more(ground.rng.randint(40, 80))
        took = await ground.recovered(time.monotonic())
        async with ground.database("contacts") as other:
            horizon = await other.fetchval("select pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            written = await other.fetchval("select max(xmin::text::bigint) from events")
        if not horizon <= max(opened) < written:
            raise Unfelt(f"the horizon is {horizon}, the transactions left open are {opened}, the last event is of {written}")
        assert took < SOON, f"a write is seen after {took:.1f} s"
        ground.notes["seen meanwhile"] = f"after {took:.2f} s"


async def _left_open(connection: object) -> int:
    await connection.execute("begin isolation level repeatable read")  # type: ignore[attr-defined]
    return int(await connection.fetchval("select pg_current_xact_id()::text::bigint"))  # type: ignore[attr-defined]
