"""Do stores, topics, journal and read model hold the same, gaplessly, and does a read model made anew equal the one that lived through it all?"""

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from crm_events.store.verify import verify
from crm_events.topics import PARTITIONS, SOURCES
from crm_local.parts import PARTS
from crm_local.telling import environment
from crm_reporting import builds
from crm_reporting.connecting import UNHURRIED, connect
from crm_reporting.rebuilding import rebuild
from crm_reporting.reconciling import reconcile
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from chaos.broken import Broken
from chaos.ground import Ground

WRITERS = ("contacts", "tickets", "loyalty")
_STORE = "select position, partition, event_id::text as event_id, stream_id::text as stream_id, version from events where partition >= 0 order by position"
_JOURNAL = "select id, partition, position, event_id::text as event_id from journal where source = $1 order by id"
_SUMMARIES = """
select count(*) filter (where a.digest is distinct from b.digest) as differ, min(coalesce(a.customer_id, b.customer_id)::text)
  filter (where a.digest is distinct from b.digest) as example
from {live}.summary a full join {again}.summary b using (customer_id)
"""


@dataclass(frozen=True)
class Stored:
    """How many events all stores hold, and how many records of the topics repeat one."""

    events: int
    repeats: int


async def backlog(ground: Ground) -> str:
    """What still waits, in words; empty = nothing does."""
    async with ground.database("reporting") as reporting:
        for source in SOURCES:
            async with ground.database(source) as store:
                head = await store.fetchval("select coalesce(max(position), 0) from events")
                sent = await store.fetchval("select position from relay where source = $1", source) or 0
                events = await store.fetchval("select count(*) from events where partition >= 0")
            if sent < head:
                return f"{head - sent} events of {source} wait for Kafka"
            journalled = await reporting.fetchval("select count(*) from journal where source = $1", source)
            if journalled < events:
                broken = await reporting.fetchval("select min(broken) from offsets where broken is not null")
                return f"{events - journalled} events of {source} wait for the projector{f': {broken}' if broken else ''}"
        live = await reporting.fetchval("select build from builds where state = 'active'")
        cursor = await reporting.fetchval(f"select cursor from {live}.composer")
        last = await reporting.fetchval("select coalesce(max(id), 0) from journal")
        if cursor < last:
            return f"{last - cursor} events wait for the composer"
        for table, what in (("requests", "requests wait for the composer"), ("to_index", "events wait for the index")):
            if count := await reporting.fetchval(f"select count(*) from {table}"):
                return f"{count} {what}"
        pending = await reporting.fetchval("select count(*) from feed where pending")
        return f"{pending} customers wait for the feed" if pending else ""


async def stores_topics_and_journal(ground: Ground) -> Stored:
    """Every stored event is in its topic and in the journal, at its own position and in order, and there is nothing else."""
    topics = dict(zip(SOURCES, await asyncio.gather(*(_topic(ground, topic) for topic in SOURCES.values())), strict=True))
    events = repeats = 0
    async with ground.database("reporting") as reporting:
        for source in SOURCES:
            async with ground.database(source) as store:
                rows = await store.fetch(_STORE)
            wanted = {row["position"]: (row["partition"], row["event_id"]) for row in rows}
            _gapless(source, rows)
            repeats += _first_occurrences(source, wanted, topics[source], ground)
            _journalled(source, wanted, await reporting.fetch(_JOURNAL, source))
            events += len(rows)
        ids = await reporting.fetchrow("select count(*) as n, coalesce(min(id), 1) as low, coalesce(max(id), 0) as high from journal")
        if (ids["low"], ids["high"]) != (1, ids["n"]):
            raise Broken("I7", f"the journal has {ids['n']} rows numbered {ids['low']} to {ids['high']}")
    return Stored(events, repeats)


def _gapless(source: str, rows: list[asyncpg.Record]) -> None:
    positions = [row["position"] for row in rows]
    if positions != list(range(1, len(rows) + 1)):
        raise Broken("I3", f"{source}: {len(rows)} events, at positions {positions[:1]} to {positions[-1:]}")
    versions: dict[str, int] = {}
    for row in rows:
        if row["version"] != versions.get(row["stream_id"], 0) + 1:
            raise Broken("I2", f"{source}: version {row['version']} of {row['stream_id']} follows {versions.get(row['stream_id'], 0)}")
        versions[row["stream_id"]] = row["version"]


def _first_occurrences(source: str, wanted: dict[int, tuple[int, str]], records: list[tuple[int, int, dict[str, bytes]]], ground: Ground) -> int:
    """How many records repeat an earlier one. `records`: (partition, offset, headers), each partition's in order."""
    seen: dict[int, str] = {}
    last = dict.fromkeys(range(PARTITIONS), 0)
    repeats = 0
    for partition, offset, told in records:
        if (SOURCES[source], partition, offset) in ground.injected:
            continue
        position, event_id = int(told["ce_position"]), told["ce_id"].decode()
        if wanted.get(position) != (partition, event_id):
            raise Broken("I1", f"{source}: the topic has {event_id} as position {position} on partition {partition}, the store has {wanted.get(position)}")
        if position in seen:
            repeats += 1
            continue
        if int(told["ce_previous"]) != last[partition] or position < last[partition]:
            raise Broken("I4", f"{source}/{partition}: position {position} (after {int(told['ce_previous'])}) first comes after {last[partition]}")
        seen[position], last[partition] = event_id, position
    if missing := wanted.keys() - seen.keys():
        raise Broken("I4", f"{source}: {len(missing)} events are not in the topic, the first at {min(missing)}")
    return repeats


def _journalled(source: str, wanted: dict[int, tuple[int, str]], rows: list[asyncpg.Record]) -> None:
    found = {row["position"]: (row["partition"], row["event_id"]) for row in rows}
    if len(found) != len(rows):
        raise Broken("I6", f"{source}: the journal has {len(rows) - len(found)} events twice")
    if found != wanted:
        odd = sorted(position for position in found.keys() | wanted.keys() if found.get(position) != wanted.get(position))
        raise Broken("I6", f"{source}: {len(odd)} events differ between store and journal, the first at {odd[0]}")
    last = dict.fromkeys(range(PARTITIONS), 0)
    for row in rows:
        if row["position"] < last[row["partition"]]:
            raise Broken("I4", f"{source}/{row['partition']}: the journal has {row['position']} after {last[row['partition']]}")
        last[row["partition"]] = row["position"]


async def _topic(ground: Ground, topic: str) -> list[tuple[int, int, dict[str, bytes]]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=ground.around.bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        await asyncio.gather(*(_seek(consumer, tp, starts[tp]) for tp in tps))
        waiting = {tp for tp in tps if ends[tp] > starts[tp]}
        found: list[tuple[int, int, dict[str, bytes]]] = []
        async with asyncio.timeout(60):
            while waiting:
                for tp, records in (await consumer.getmany(*waiting, timeout_ms=200, max_records=5_000)).items():
                    found += [(tp.partition, record.offset, dict(record.headers)) for record in records if record.offset < ends[tp]]
                    if records[-1].offset >= ends[tp] - 1:
                        waiting.discard(tp)
        return found
    finally:
        await consumer.stop()


async def _seek(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> None:
    consumer.seek(tp, offset)


async def stores_are_whole(ground: Ground) -> None:
    """Every row is the fold of its events (`verify`), and `reporting reconcile` finds no difference."""
    for source in WRITERS:
        async with _opened(ground, source) as store:
            verdict = await verify(store)
        if not verdict.whole:
            raise Broken("I2", f"{source} verify: {verdict.differences[0]}")
    connection = await connect(ground.around.database_url("reporting"))
    try:
        stores = {name: ground.around.database_url(name) for name in WRITERS}
        for one in await reconcile(connection, ground.around.bootstrap, stores):
            if not one.equal:
                raise Broken("I6", f"reporting reconcile: {one}"[:600])
    finally:
        await connection.close()


def _opened(ground: Ground, source: str) -> Any:
    from crm_chassis.writer import opened

    settings, aggregates = _service(source)
    part = next(part for part in PARTS if part.name == source)
    told = {name.lower(): value for name, value in environment(part, ground.around).items()}
    return opened(source, settings(**told), aggregates, CollectorRegistry())


@cache
def _service(source: str) -> tuple[Any, Any]:
    """Its settings and its aggregates."""
    from crm_contacts.app import AGGREGATES as CONTACTS
    from crm_contacts.settings import ContactsSettings
    from crm_loyalty.app import AGGREGATES as LOYALTY
    from crm_loyalty.settings import LoyaltySettings
    from crm_tickets.app import AGGREGATES as TICKETS
    from crm_tickets.settings import TicketsSettings

    return {"contacts": (ContactsSettings, CONTACTS), "tickets": (TicketsSettings, TICKETS), "loyalty": (LoyaltySettings, LOYALTY)}[source]


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
    """One relay leads each store and is at its head; nothing lags, nothing stands still."""
    for part in PARTS:
        answer = await ground.load.http.get(f"{ground.around.addresses.url(part.name)}/metrics")
        if not answer.is_success:
            raise Broken("I15", f"{part.name}: /metrics answers {answer.status_code}")
        values = {sample.name: sample.value for family in text_string_to_metric_families(answer.text) for sample in family.samples}
        for name in ("crm_consumer_broken", "crm_projector_parked"):
            if values.get(name, 0) and not ground.parked:
                raise Broken("I15", f"{part.name}: {name} is {values[name]}")
