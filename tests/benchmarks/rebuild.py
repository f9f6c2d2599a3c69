"""How fast is a read model made again, does it stay as fast with ten times the events, and in how much memory?"""

import asyncio
import json

import asyncpg

from benchmarks.backlog import EVENTS, interleaved, published
from benchmarks.children import child
from benchmarks.harness import ROUNDS, Ground, Measure
from benchmarks.project import projected, settings

TIMES = 10

_AGAIN = """
insert into journal (id, source, partition, position, event_id, type, schema_version, customer_id, subject, stream_id, version, occurred_at, recorded_at,
    command_id, actor, correlation_id, causation_id, traceparent, payload)
select id + $1::bigint * $2::bigint, source, partition, position + $1::bigint * $2::bigint, gen_random_uuid(), type, schema_version,
    md5(customer_id::text || $1)::uuid, case when subject is not null then md5(subject::text || $1)::uuid end, md5(stream_id::text || $1)::uuid, version,
    occurred_at, recorded_at, command_id, actor, correlation_id, causation_id, traceparent, payload
from journal where id <= $2
"""


async def bare(url: str, times: int) -> None:
    """Only a journal is left, with so many times the customers and events."""
    connection = await asyncpg.connect(url)
    for build in await connection.fetch("select build from builds"):
        await connection.execute(f"drop schema {build['build']} cascade")
    await connection.execute("delete from builds")
    for number in range(1, times):
        await connection.execute(_AGAIN.replace("$1", str(number)).replace("$2", str(EVENTS)))
    await connection.execute("vacuum analyze journal")
    await connection.execute("checkpoint")
    await connection.close()


async def _made(ground: Ground, template: str) -> tuple[float, float]:
    """Seconds and MB."""
    url = await ground.database(template.rpartition("/")[2])
    async with child(["rebuild"], settings(ground, url), stdout=asyncio.subprocess.PIPE) as process:
        out, _ = await process.communicate()
    if process.returncode:
        raise AssertionError(f"the rebuild ended with {process.returncode}")
    await ground.drop(url)
    seconds, peak = json.loads(out.splitlines()[-1])
    return seconds, peak


async def rebuild(ground: Ground) -> list[Measure]:
    """From the journal to an active build with its summaries: folds, copies, indexes, composing; without the comparison with an older build."""
    few, _, _ = await projected(ground, await published(ground, interleaved()))
    many = await ground.database(few.rpartition("/")[2])
    await bare(few, 1)
    await bare(many, TIMES)
    rates, linear, peaks = [], [], []
    for _ in range(ROUNDS):
        short, _ = await _made(ground, few)
        long, peak = await _made(ground, many)
        rates.append(EVENTS * TIMES / long)
        linear.append(long / TIMES / short)
        peaks.append(peak)
    await ground.drop(few)
    await ground.drop(many)
    return [Measure("rebuild_per_s", rates, ours=rates), Measure("rebuild_linear", linear), Measure("rebuild_rss_mb", peaks, ours=peaks)]
