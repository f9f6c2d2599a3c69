"""Is every stored event in its topic and in the journal, once, at its own place, and is every store whole in itself?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import asyncpg
from crm_events.store.verify import verify
from crm_events.topics import PARTITIONS, SOURCES
from crm_local.parts import PARTS
from crm_local.telling import environment
from crm_reporting.connecting import connect
from crm_reporting.reconciling import reconcile
from prometheus_client import CollectorRegistry

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.topics_read import Kept, read

WRITERS = ("contacts", "tickets", "loyalty")
_STORE = "select position, partition, event_id::text as event_id, stream_id::text as stream_id, version from events where partition >= 0 order by position"
_JOURNAL = "select id, partition, position, event_id::text as event_id from journal where source = $1 order by id"


@dataclass(frozen=True)
class Stored:
    """How many events all stores hold, and how many records of the topics repeat one."""

    events: int
    repeats: int


async def stores_topics_and_journal(ground: Ground) -> Stored:
    """Every stored event is in its topic and in the journal, at its own position and in order, and there is nothing else."""
    topics = dict(zip(SOURCES, await asyncio.gather(*(read(ground.around.bootstrap, topic) for topic in SOURCES.values())), strict=True))
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


def _first_occurrences(source: str, wanted: dict[int, tuple[int, str]], records: Sequence[Kept], ground: Ground) -> int:
    """How many records repeat an earlier one."""
    seen: dict[int, str] = {}
    last = dict.fromkeys(range(PARTITIONS), 0)
    repeats = 0
    for partition, offset, _, told, _ in records:
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
