"""Past its capacity: does a service say so at once, go on answering reads, keep what it acknowledged, and come back by itself?

The wave is open-loop, three times what the same service carried a moment before from clients who wait for their answers.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from wave import Crowd, percentile

import asyncpg
import httpx2
import orjson
from benchmarks.wire import Answer, Wire
from crm_chassis.settings import ServiceSettings
from crm_local.stack import Stack

CLIENTS, CALM, WAVE, TIMES = 32, 3.0, 5.0, 3
AT_ONCE = 2.0  # seconds for nearly all, on cores that the sender, the database and the whole stack share; a queue of the wave would be ten seconds long

MAX_WRITES = ServiceSettings.model_fields["max_writes"].default


async def test_a_wave_of_three_times_what_it_carries(backbone: Stack, stack: Mapping[str, str], record_property: Callable[[str, object], None]) -> None:
    told = {"authorization": f"Bearer {stack['TOKEN']}"}
    ids = [uuid.uuid4() for _ in range(60_000)]

    async def register(wire: Wire, number: int) -> Answer:
        body = orjson.dumps({"id": str(ids[number]), "kind": "person", "name": "مریم رضایی"})
        return await wire.send("POST", "/v1/contacts", body, {**told, "idempotency-key": ids[number].hex})

    async def read(wire: Wire, _: int) -> Answer:
        return await wire.send("GET", f"/v1/contacts/{ids[0]}", b"", told)

    writers, readers = Crowd(stack["CONTACTS_URL"], register), Crowd(stack["CONTACTS_URL"], read)
    await writers.closed(CLIENTS, CALM)  # a broker just started is still compiling itself
    capacity = await writers.closed(CLIENTS, CALM)
    calm = len(writers.answers)
    assert {each.answer.status for each in writers.answers} == {201}, "as many as a browser would be: nobody is turned away"

    await asyncio.gather(writers.wave(TIMES * capacity, WAVE), readers.wave(20, WAVE))
    crowd = writers.answers[calm:]
    refused, accepted = [each for each in crowd if each.answer.status == 503], [each for each in crowd if each.answer.status == 201]
    assert len(refused) + len(accepted) == len(crowd), {each.answer.status for each in crowd}
    assert len(refused) > len(crowd) / 4, "the wave was none"
    assert len(accepted) > capacity * WAVE / 4, "who can carry so many carries them in the wave too"
    for each in refused:
        assert each.answer.headers["retry-after"] == "1" and each.answer.json()["type"] == "/problems/overloaded" and "outcome" not in each.answer.json()
    assert {each.answer.status for each in readers.answers} == {200}
    figures = {name: round(percentile(some, 0.95), 3) for name, some in (("refused", refused), ("accepted", accepted), ("read", readers.answers))}
    record_property("wave", f"capacity {capacity:.0f}/s; of {len(crowd)} {len(accepted)} accepted, {len(refused)} refused; p95 in seconds {figures}")
    assert max(figures["refused"], figures["read"]) < AT_ONCE, figures
    assert figures["accepted"] < AT_ONCE + 2 * MAX_WRITES / capacity, (figures, "what was let in waits for those let in before, and for nobody else")
    assert percentile(refused, 0.5) < percentile(accepted, 0.5), "who is turned away is told before those who were let in are done"

    began = time.perf_counter()
    assert await writers.closed(CLIENTS, 1.0) > capacity / 3, "it is itself again"
    assert {each.answer.status for each in writers.answers[calm + len(crowd) :]} == {201}
    assert time.perf_counter() - began < 5
    writers.close()
    readers.close()

    acknowledged = {ids[each.number] for each in writers.answers if each.answer.status == 201}
    connection = await asyncpg.connect(backbone.surroundings().database_url("contacts"))
    stored = {row["stream_id"] for row in await connection.fetch("select stream_id from streams where stream_id = any($1)", ids)}
    await connection.close()
    assert stored == acknowledged, "all that was acknowledged, and nothing that was refused"
    await _published(stack, acknowledged)


async def _published(stack: Mapping[str, str], acknowledged: set[uuid.UUID]) -> None:
    """The last of them are in the unified view too: what was acknowledged went all the way."""
    async with httpx2.AsyncClient(base_url=stack["REPORTING_URL"], headers={"Authorization": f"Bearer {stack['TOKEN']}"}, timeout=60) as http:
        async with asyncio.timeout(60):
            for each in list(acknowledged)[:50]:
                while (await http.get(f"/v1/customers/{each}")).status_code == 404:
                    await asyncio.sleep(0.2)
