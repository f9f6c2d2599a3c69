"""Who does what only one process should do, in every store and every group of readers, and what waits for them?"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from crm_events.event import utc_text

from crm_reporting.projector_process import GROUP

SECONDS = 3.0  # for one store, and for the broker: what does not answer by then is told as unknown
GROUPS = {GROUP: "projector", "tickets-edges": "follower", "loyalty-edges": "follower"}

log = structlog.get_logger(__name__)

# The oldest event that is not in Kafka is the first behind the relay's position: one step in the primary key.
_LEASES = """
select 'relay' as task, r.owner, r.epoch, nullif(r.until, '-infinity') as until, r.until > clock_timestamp() as leads,
    greatest(coalesce((select max(position) from events), 0) - r.position, 0) as unsent,
    coalesce((select extract(epoch from clock_timestamp() - recorded_at)::float8 from events where position > r.position order by position limit 1), 0) as age
from relay r
union all
select name, owner, epoch, nullif(until, '-infinity'), until > clock_timestamp(), null, null from leases
order by task
"""


async def leaders(stores: Mapping[str, str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The leases of every store that may be read, by source; and the sources whose store did not answer. One connection at a time, each for a moment."""
    found, unknown = [], []
    for source, url in sorted(stores.items()):
        try:
            async with asyncio.timeout(SECONDS):
                rows = await _leases(url)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            unknown.append(source)
            continue
        found += [
            {"source": source, **{name: row[name] for name in ("task", "owner", "epoch", "leads", "unsent")}, "age_seconds": _round(row["age"])}
            | {"until": utc_text(row["until"]) if row["until"] else None}
            for row in rows
        ]
    return found, unknown


async def _leases(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url, timeout=SECONDS, server_settings={"jit": "off"})
    try:
        return await connection.fetch(_LEASES)
    finally:
        connection.terminate()


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(max(seconds, 0.0), 3)


async def readers(bootstrap_servers: str) -> list[dict[str, Any]] | None:
    """The groups that share out partitions, and how many processes are in each; None: the broker does not answer."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=int(SECONDS * 1000))
    try:
        async with asyncio.timeout(SECONDS):
            await admin.start()
            # One at a time: aiokafka 0.14 reads version 3 of this answer as version 2, which fits only where one group is in it.
            answers = [answer for group in GROUPS for answer in await admin.describe_consumer_groups([group])]
    except Exception as error:  # noqa: BLE001  whatever it raised, it did not answer; who leads in the stores is told all the same
        log.info("readers_not_known", error=type(error).__name__)
        return None
    finally:
        with suppress(Exception):
            async with asyncio.timeout(SECONDS):
                await admin.close()
    groups = {group[1]: group for answer in answers for group in answer.groups}
    return [
        {"group": name, "task": task, "state": groups[name][2], "members": len(groups[name][5]), "hosts": sorted({member[2] for member in groups[name][5]})}
        for name, task in GROUPS.items()
        if name in groups
    ]
