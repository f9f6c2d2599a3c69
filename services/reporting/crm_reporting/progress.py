"""How far behind is the projection, and how far is a rebuild?"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from crm_events.event import utc_text
from crm_events.lease import Connection

BROKER_SECONDS = 3.0

_PLACES = """
select o.source, o.topic, o.partition, o.next, o.last, o.broken, j.recorded_at, j.applied_at,
    extract(epoch from clock_timestamp() - j.recorded_at)::float8 as age
from offsets o left join journal j on j.source = o.source and j.position = o.last where o.consumer = $1 order by o.source, o.partition
"""
_BUILD = """
select b.build, b.definition, b.state, b.created_at, b.ready_at, b.switched_at, b.compared, b.reason, count(r.n) as ranges, count(r.done_at) as done,
    coalesce(sum(r.documents), 0)::bigint as documents, coalesce(sum(r.facts), 0)::bigint as facts
from builds b left join rebuild_range r on r.build = b.build where b.build = $1 group by b.build
"""


async def places(connection: Connection, consumer: str) -> list[asyncpg.Record]:
    """How far the projection is in every partition; for `lag`."""
    return await connection.fetch(_PLACES, consumer)


async def lag(rows: Sequence[asyncpg.Record], bootstrap_servers: str) -> list[dict[str, Any]]:
    """Per partition: events behind the log's end (None: the broker does not answer), and seconds since the last one taken was recorded, where any wait
    (None: none was taken yet). Asks the broker, for seconds where it is away: hold no connection meanwhile."""
    ends = await _ends([(row["topic"], row["partition"]) for row in rows], bootstrap_servers)
    return [
        {
            "source": row["source"],
            "partition": row["partition"],
            "next": row["next"],
            "last": row["last"],
            "lag_events": behind,
            "lag_seconds": 0.0 if behind == 0 else None if behind is None or row["age"] is None else round(max(row["age"], 0.0), 3),
            "recorded_at": utc_text(row["recorded_at"]) if row["recorded_at"] else None,
            "broken": row["broken"],
        }
        for row in rows
        for end in [ends.get((row["topic"], row["partition"]))]
        for behind in [None if end is None else max(end - row["next"], 0)]
    ]


async def _ends(places: list[tuple[str, int]], bootstrap_servers: str) -> dict[tuple[str, int], int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False, request_timeout_ms=int(BROKER_SECONDS * 1000))
    try:
        async with asyncio.timeout(BROKER_SECONDS):
            await consumer.start()
            ends = await consumer.end_offsets([TopicPartition(topic, partition) for topic, partition in places])
        return {(place.topic, place.partition): end for place, end in ends.items()}
    except Exception:  # noqa: BLE001  the figures are told without the broker's part; whatever it raised, it did not answer
        return {}
    finally:
        with suppress(Exception):  # of one that never came up
            async with asyncio.timeout(BROKER_SECONDS):
                await consumer.stop()


async def rebuild_progress(connection: asyncpg.Connection, build: str) -> dict[str, Any] | None:
    """A build's ranges done, what was compared, and whether it was switched to; None if there is none of this name."""
    row = await connection.fetchrow(_BUILD, build)
    if row is None:
        return None
    compared = orjson.loads(row["compared"]) if row["compared"] else None
    moments = {name: utc_text(row[name]) if row[name] else None for name in ("created_at", "ready_at", "switched_at")}
    return {
        "id": row["build"],
        "state": row["state"],
        "definition": row["definition"],
        "ranges": row["ranges"],
        "ranges_done": row["done"],
        "documents": row["documents"],
        "facts": row["facts"],
        "compared": compared | {"equal": not compared["differ"] and not compared["facts_differ"]} if compared else None,
        "switched": row["state"] in ("active", "draining") and row["switched_at"] is not None,
        "reason": row["reason"],
        **moments,
    }
