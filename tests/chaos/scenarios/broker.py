"""Is every event in its topic, once in effect and in order, after the broker was killed, lost what it had not written, or lost everything?"""

import asyncio
import shutil
import time
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from crm_events.topics import FEED, PARTITIONS
from prometheus_client.parser import text_string_to_metric_families

from chaos.apart import waits
from chaos.ground import Ground, Unfelt
from chaos.scenario import scenario
from chaos.segments import cut_short

WRITERS = ("contacts", "tickets", "loyalty")


@scenario("broker-killed", faults=(5,), invariants="I4 I6 I7 I15")
async def broker_killed(ground: Ground) -> None:
    """SIGKILL, once or twice: writes go on while it is away."""
    for _ in range(ground.rng.randint(1, 2)):
        await ground.kill("kafka")
        await ground.load.more(ground.rng.randint(20, 60))
        await ground.until(lambda: _waits(ground), "the relay tells that events wait")
        await _back(ground)


@scenario("broker-cut-short", faults=(5,), invariants="I4 I6 I7", seeds=(1, 2))
async def broker_cut_short(ground: Ground) -> None:
    """The machine of the broker lost power: the last batches of some partitions, acknowledged as they were, are not on its disk."""
    await ground.kill("kafka")
    before, lost = await _rewinds(ground), 0
    for source in WRITERS:
        found = [log for log in sorted(_logs(ground).glob(f"crm.{source}.v1-*/*.log")) if log.stat().st_size]
        for log in ground.rng.sample(found, min(3, len(found))):
            lost += cut_short(log, batches=ground.rng.randint(1, 5))
    if not lost:
        raise Unfelt("no batch was cut off")
    ground.notes["batches lost"] = str(lost)
    await _back(ground)
    await ground.until(lambda: _rewound(ground, before), "a relay found its topic shorter than it was")


@scenario("broker-emptied", faults=(5,), invariants="I4 I5 I6 I7", own_stack=True)
async def broker_emptied(ground: Ground) -> None:
    """It comes back with nothing: topics, offsets and all records are gone."""
    await ground.load.more(ground.rng.randint(50, 150))
    await ground.kill("kafka")
    before = await _rewinds(ground)
    shutil.rmtree(_logs(ground))
    await _back(ground)
    await ground.until(lambda: _rewound(ground, before), "a relay found its topic empty", seconds=100)  # it looks every minute
    await ground.until(lambda: _fed(ground), "the feed holds every customer again")


async def _back(ground: Ground) -> None:
    began = time.monotonic()
    ground.load.pause()  # a broker that was killed takes its time: what is written meanwhile would only make the checks longer
    await ground.up()
    ground.load.resume()
    started = time.monotonic() - began
    took = await ground.recovered(began)
    ground.notes["broker back"] = f"in {started:.1f} s and of use in {took:.1f} s"


async def _fed(ground: Ground) -> bool:
    """Does the feed's topic hold the newest version of everybody?"""
    async with ground.database("reporting") as reporting:
        rows = await reporting.fetch("select customer_id::text as id, version from feed where digest is not null")
    consumer = AIOKafkaConsumer(bootstrap_servers=ground.around.bootstrap, enable_auto_commit=False, isolation_level="read_committed")
    await consumer.start()
    try:
        tps = [TopicPartition(FEED, number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        await consumer.seek_to_beginning()
        told: dict[str, int] = {}
        for tp in tps:
            while await consumer.position(tp) < ends[tp]:
                for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, ()):
                    told[record.key.decode()] = int(dict(record.headers)["ce_sequence"])
    finally:
        await consumer.stop()
    return all(told.get(row["id"]) == row["version"] for row in rows)


def _logs(ground: Ground) -> Path:
    return ground.stack.data_dir / "kafka" / "logs"


async def _waits(ground: Ground) -> bool:
    return "events wait" in await waits(ground, "contacts")


async def _rewound(ground: Ground, before: float) -> bool:
    return await _rewinds(ground) > before


async def _rewinds(ground: Ground) -> float:
    """How often relays went back to fill their topic again."""
    answers = await asyncio.gather(*(ground.load.http.get(f"{ground.load.urls[name]}/metrics") for name in WRITERS))
    samples = (sample for answer in answers for family in text_string_to_metric_families(answer.text) for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "crm_relay_rewinds_total")
