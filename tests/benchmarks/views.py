"""How many unified views a second does reporting answer, and does it stay so with a hundred times the customers? Against a route that returns a stored row."""

import asyncio
import random
import uuid
from collections.abc import Iterator

import asyncpg
import orjson
from crm_local.parts import PARTS
from crm_local.stack import Stack
from crm_local.telling import Surroundings

from benchmarks.harness import ROUNDS, Ground, Measure
from benchmarks.posts import BODY, customers
from benchmarks.serving import bearer, rate, rival
from benchmarks.wire import Answer, Wire

REAL, FEW, MANY = 600, 10_000, 1_000_000
AT_ONCE = 16

# Others' rows, so that indexes and caches are those of so many customers: a document, an interaction and a purchase each.
_OTHERS = """
insert into {build}.document (customer_id, source, doc, digest, upto, recorded_at)
select gen_random_uuid(), 'contacts', d.doc, d.digest, d.upto, d.recorded_at from generate_series(1, $1)
cross join (select * from {build}.document where source = 'contacts' and merged_into is null limit 1) d
"""
_FACTS = """
insert into {build}.{table} select made.* from (select t from {build}.{table} t limit 1) one
cross join generate_series(1, $1) others(number)
cross join jsonb_populate_record(one.t, jsonb_build_object(
  'customer_id', gen_random_uuid(), 'transaction_id', gen_random_uuid(), 'position', 1000000000 + $2 + others.number)) made
"""


async def _clusters(stack: Stack, around: Surroundings) -> list[str]:
    """Customers of two merged ids, with an interaction and a purchase each, once reporting shows them."""
    ids, told = await customers(stack, around, REAL * 2), bearer(stack)

    async def post(wire: Wire, path: str, body: bytes) -> Answer:
        return (await wire.send("POST", path, body, told | {"idempotency-key": uuid.uuid4().hex})).ok()

    async def some(pairs: Iterator[tuple[str, str]]) -> str:
        contacts, loyalty = [await Wire.connect(around.addresses.url(name)) for name in ("contacts", "loyalty")]
        shown = ""
        for one, two in pairs:
            await post(contacts, f"/v1/contacts/{one}/interactions", BODY)
            member = (await post(loyalty, "/v1/members", orjson.dumps({"customer_id": two}))).json()["id"]
            line = {"sku": "tea", "category": "tea", "quantity": 1, "list_price": 900, "paid_price": 900}
            sale = {"document": f"b-{two}", "channel": "shop", "currency": "EUR", "lines": [line]}
            await post(loyalty, f"/v1/members/{member}/transactions", orjson.dumps(sale))
            shown = (await post(contacts, "/v1/merges", orjson.dumps({"survivor_id": one, "absorbed_id": two}))).headers["consistency-token"]
        return shown

    pairs = zip(ids[::2], ids[1::2], strict=True)
    shown = await asyncio.gather(*(some(pairs) for _ in range(AT_ONCE)))
    wire = await Wire.connect(around.addresses.url("reporting"))
    once = {"consistency-token": ",".join(filter(None, shown)), "prefer": "wait=60, handling=strict"}
    (await wire.send("GET", f"/v1/customers/{ids[-1]}", headers=told | once)).ok()
    return ids


async def _others(around: Surroundings, number: int, before: int) -> None:
    connection = await asyncpg.connect(around.database_url("reporting"))
    build = await connection.fetchval("select build from builds where state = 'active'")
    await connection.execute(_OTHERS.format(build=build).replace("$1", str(number)))
    for table in ("interaction", "transaction_line"):
        await connection.execute(_FACTS.format(build=build, table=table).replace("$1", str(number)).replace("$2", str(before)))
    for table in ("document", "interaction", "transaction_line"):
        await connection.execute(f"vacuum analyze {build}.{table}")
    await connection.close()
    server = await asyncpg.connect(around.server_url)
    await server.execute("checkpoint")
    await server.close()


async def view_get(ground: Ground) -> list[Measure]:
    """`GET /v1/customers/{id}` of clusters of two ids with sealed fields opened, at 10,000 and at 1,000,000 customers."""
    stack, around = await ground.stack()
    ids, told = await _clusters(stack, around), bearer(stack)
    for part in PARTS:
        if part.name != "reporting":
            await asyncio.to_thread(stack.running(part).process.stop)
    url, chosen = around.addresses.url("reporting"), random.Random(1)

    async def get(wire: Wire) -> Answer:
        return await wire.send("GET", f"/v1/customers/{chosen.choice(ids)}", headers=told)

    rows = await ground.database()
    connection = await asyncpg.connect(rows)
    await connection.execute("create table rows (customer_id uuid primary key, body bytea not null)")
    body = (await get(await Wire.connect(url))).ok().body
    await connection.execute("insert into rows select gen_random_uuid(), $1::bytea from generate_series(1, 10000)", body)
    await connection.executemany("insert into rows values ($1, $2)", [(uuid.UUID(each), body) for each in ids])
    await connection.execute("vacuum analyze rows")
    await _others(around, FEW, 0)
    few, single, many = [], [], []
    async with rival("select", rows) as other:
        for _ in range(ROUNDS):
            few.append((await rate(url, get))[0])
            single.append((await rate(other, get))[0])
    await _others(around, MANY - FEW, FEW)
    for _ in range(ROUNDS):
        many.append((await rate(url, get))[0])
    return [Measure.ratio("view_get_vs_select", few, single), Measure("view_get_growth", [a / b for a, b in zip(few, many, strict=True)], ours=many, rival=few)]
