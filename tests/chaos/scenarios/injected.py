"""Do duplicates, old records in any order, altered ones and foreign ones on the topics change anything, and is a record that was left out noticed?"""

from aiokafka import AIOKafkaProducer
from crm_events.topics import SOURCES

from chaos.ground import Ground
from chaos.injector import Injector
from chaos.scenario import scenario


@scenario("topics-get-others-records", faults=(14,), invariants="I4 I5 I6 I9", own_stack=True)
async def topics_get_others_records(ground: Ground) -> None:
    """Between ours: the same again, blocks of old ones backwards, old ones altered, and records without our chain. Ours go on beside them.

    Each writer starts anew once, so that its relay meets the topic's ends as they then are.
    """
    producer = AIOKafkaProducer(bootstrap_servers=ground.around.bootstrap)
    await producer.start()
    try:
        injector, rng = Injector(ground, producer), ground.rng
        before = await dropped(ground)
        for writer in ("contacts", "tickets", "loyalty"):
            for topic in SOURCES.values():
                records = list(await injector.read(topic))
                for record in rng.sample(records, min(15, len(records))):
                    await injector.again(record)
                for record in reversed(records[-15:]):
                    await injector.again(record)
                for record in rng.sample(records, min(10, len(records))):
                    await injector.again(record, value=rng.choice([b"{}", b"[1", b"\xff", b'{"name": "another"}']))
                for record in rng.sample(records, min(5, len(records))):
                    await injector.again(
                        record, headers=[(name, b"99999999-0000-4000-8000-000000000000" if name == "ce_id" else value) for name, value in record.headers]
                    )
            await injector.aliens(rng)
            await ground.restart(writer)
            await ground.load.more(15)
    finally:
        await producer.stop()
    await ground.until(lambda: _dropped_more(ground, before + 100), "readers have dropped what was sent again")
    async with ground.database("reporting") as reporting:
        kept = {(row["topic"], row["partition"], row["offset"]) for row in await reporting.fetch('select topic, partition, "offset" from alien')}
    assert kept and kept <= ground.injected, f"foreign records are kept aside: {len(kept)}"
    ground.notes["sent"] = f"{len(ground.injected)} records of which {len(kept)} foreign"


@scenario("reader-is-put-elsewhere", faults=(14,), invariants="I4 I5 I6", seeds=(1, 2))
async def reader_is_put_elsewhere(ground: Ground) -> None:
    """A reader that goes on behind records it never saw (they were left out) or far before (all come again): as a broker or an operator may make it."""
    for place in ("next + 3", "greatest(next - 50, 0)", "next + 1", "0"):
        await ground.until(lambda: _has_read(ground), "the reader is far enough to be put elsewhere")
        pid = ground.pid("projector")
        await ground.kill("projector")
        async with ground.database("reporting") as reporting:
            moved = await reporting.fetch(f"update offsets set next = {place} where consumer = 'reporting' and next > 4 returning topic, partition, next, last")
        assert moved, f"{pid} had read nothing yet"
        await ground.load.more(25)
        await ground.restart("projector")
        for row in (max(moved, key=lambda row: row["last"]),):
            await ground.until(lambda row=row: _further(ground, row["topic"], row["partition"], row["last"]), f"{row['topic']}/{row['partition']} goes on")
    searched = "consumer.searches" in (ground.stack.data_dir / "logs" / "projector.log").read_text()
    assert searched, "no reader noticed that something was left out"


async def _has_read(ground: Ground) -> bool:
    async with ground.database("reporting") as reporting:
        return bool(await reporting.fetchval("select exists (select from offsets where consumer = 'reporting' and next > 4)"))


async def dropped(ground: Ground) -> float:
    """How many records the projector has dropped, as seen before."""
    answer = await ground.load.http.get(f"{ground.around.addresses.url('projector')}/metrics")
    lines = [line for line in answer.text.splitlines() if line.startswith("crm_consumer_records_total") and 'dropped"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def _dropped_more(ground: Ground, count: float) -> bool:
    return await dropped(ground) >= count


async def _further(ground: Ground, topic: str, partition: int, last: int) -> bool:
    async with ground.database("reporting") as reporting:
        row = await reporting.fetchrow("select last, broken from offsets where consumer = 'reporting' and topic = $1 and partition = $2", topic, partition)
    return row["broken"] is None and row["last"] > last
