"""Has the read model taken everything, does one made anew equal it, and does the feed hold what it says?"""

import asyncio
import time
from contextlib import AsyncExitStack

import asyncpg
import httpx2
from crm_events.topics import FEED, SOURCES
from crm_local.parts import PARTS
from crm_reporting import builds
from crm_reporting.connecting import UNHURRIED, connect
from crm_reporting.rebuilding import rebuild
from prometheus_client.parser import text_string_to_metric_families

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.topics_read import read

DRAINED = 60.0  # seconds after the fault within which every backlog must be gone
TELLING = 20.0  # seconds within which metrics must tell that all is well again: parked customers are looked for every 5
_NOUGHT = ("crm_consumer_partition_broken", "crm_reporting_parked", "crm_append_queue_commands")
_STORE = """
select coalesce(max(e.position), 0) as head, (select count(*) from events where partition >= 0) as events,
  coalesce((select position from relay where source = $1), 0) as sent from events e
"""
_BEHIND = """
select (select count(*) from requests) as requests, (select count(*) from to_index) as to_index, (select count(*) from feed where pending) as feed,
  (select coalesce(max(id), 0) from journal) as last, (select cursor from {live}.composer) as cursor
"""
_SUMMARIES = """
select count(*) filter (where a.digest is distinct from b.digest) as differ, min(coalesce(a.customer_id, b.customer_id)::text)
  filter (where a.digest is distinct from b.digest) as example
from {live}.summary a full join {again}.summary b using (customer_id)
"""


async def drained(ground: Ground) -> float:
    """Seconds until nothing waited any more: for Kafka, the projector, the composer, the index or the feed."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        stores = {source: await stack.enter_async_context(ground.database(source)) for source in SOURCES}
        while waiting := await _waiting(stores):
            if time.monotonic() - began > DRAINED:
                raise Broken("I4" if "Kafka" in waiting else "I6", f"after {DRAINED:.0f} s {waiting}")
            await asyncio.sleep(0.1)
    return time.monotonic() - began


async def _waiting(stores: "dict[str, asyncpg.Connection[asyncpg.Record]]") -> str:
    """What still waits, in words; empty = nothing does."""
    reporting = stores["reporting"]
    journalled = {row["source"]: row["n"] for row in await reporting.fetch("select source, count(*) as n from journal group by source")}
    for source, store in stores.items():
        row = await store.fetchrow(_STORE, source)
        if row["sent"] < row["head"]:
            return f"{row['head'] - row['sent']} events of {source} wait for Kafka"
        if (missing := row["events"] - journalled.get(source, 0)) > 0:
            broken = await reporting.fetchval("select min(broken) from offsets where broken is not null")
            return f"{missing} events of {source} wait for the projector{f': {broken}' if broken else ''}"
    live = await reporting.fetchval("select build from builds where state = 'active'")
    row = await reporting.fetchrow(_BEHIND.format(live=live))
    waits = {"composer": row["last"] - row["cursor"] + row["requests"], "index": row["to_index"], "feed": row["feed"]}
    return next((f"{count} wait for the {who}" for who, count in waits.items() if count > 0), "")


async def feed_is_current(ground: Ground) -> None:
    """The newest record of every customer in the feed is the version the read model owes, and a tombstone for whoever is gone."""
    newest: dict[str, tuple[int, bool]] = {}
    for record in await read(ground.around.bootstrap, FEED):
        version, key = int(record.headers["ce_sequence"]), (record.key or b"").decode()
        if version < newest.get(key, (0, False))[0]:
            raise Broken("I4", f"the feed tells version {version} of {key} after {newest[key][0]}")
        newest[key] = (version, record.tombstone)
    async with ground.database("reporting") as reporting:
        rows = await reporting.fetch("select customer_id::text as id, version, digest is null as gone from feed")
    owed = {row["id"]: (row["version"], row["gone"]) for row in rows}
    if odd := sorted(key for key in newest.keys() | owed.keys() if newest.get(key) != owed.get(key)):
        raise Broken("I5", f"{len(odd)} customers are not as the feed tells: {odd[0]} is {owed.get(odd[0])}, told {newest.get(odd[0])}")


async def rebuilt_is_live(ground: Ground) -> None:
    """Documents, facts and summaries of a build made from the journal now equal those of the one that is live."""
    connection = await connect(ground.around.database_url("reporting"), UNHURRIED)
    try:
        live = await builds.active(connection)
        made = await rebuild(connection, and_switch=False)
        if made.compared is None or not made.compared.equal or live is None:
            raise Broken("I5", f"a rebuild differs from the live build: {made.compared}")
        row = await connection.fetchrow(_SUMMARIES.format(live=live.name, again=made.build))
        if row["differ"]:
            raise Broken("I5", f"{row['differ']} summaries differ between {live.name} and its rebuild, as {row['example']}")
        await builds.drop(connection, made.build)
        parked = {row["id"] for row in await connection.fetch(f"select customer_id::text as id from {live.name}.parked")}
        aliens = {(row["topic"], row["partition"], row["offset"]) for row in await connection.fetch('select topic, partition, "offset" from alien')}
        if parked - ground.parked or aliens - ground.injected:
            raise Broken("I9", f"parked: {sorted(parked - ground.parked)[:3]}, alien records: {sorted(aliens - ground.injected)[:3]}")
    finally:
        await connection.close()


async def metrics_are_sane(ground: Ground) -> None:
    """Every process tells its metrics, and by them nothing waits and nothing stands still; what is looked at every few seconds may take that long to say so."""
    until = time.monotonic() + TELLING
    while strange := [each for part in PARTS for each in await _strange(ground, part.name)]:
        if time.monotonic() > until:
            raise Broken("I15", "; ".join(strange))
        await asyncio.sleep(0.5)


async def _strange(ground: Ground, name: str) -> list[str]:
    try:
        answer = await ground.load.http.get(f"{ground.around.addresses.url(name)}/metrics")
    except httpx2.RemoteProtocolError:  # a kept connection to the process that was there before
        answer = await ground.load.http.get(f"{ground.around.addresses.url(name)}/metrics")
    if not answer.is_success:
        raise Broken("I15", f"{name}: /metrics answers {answer.status_code}")
    samples = (sample for family in text_string_to_metric_families(answer.text) for sample in family.samples)
    return [f"{name}: {each.name}{each.labels} is {each.value:g}" for each in samples if each.name in _NOUGHT and each.value and not ground.parked]
