"""Is a long backlog worked off in bounded memory, at a good rate, while writes go on?"""

import asyncio
import json
import time
import uuid

import httpx2
import psutil

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.history import Op
from chaos.scenario import scenario

EVENTS, AT_ONCE, CUSTOMERS = 20_000, 1_000, 40
MEGABYTES = 200  # a projector at rest has some 110


@scenario("backlog", faults=(16,), invariants="I5 I6 I15", own_stack=True)
async def backlog(ground: Ground) -> None:
    """The projector is away while 20,000 events are written; back again it takes them all while the load goes on, and does not grow with them."""
    await ground.kill("projector")
    people = [await _register(ground) for _ in range(CUSTOMERS)]
    ground.load.pause()
    together = asyncio.Semaphore(4)
    await asyncio.gather(*(_write(ground, people, batch, together) for batch in range(EVENTS // AT_ONCE)))
    ground.load.resume()
    async with ground.database("reporting") as reporting:
        behind = await reporting.fetchval("select count(*) from journal")
        began, most = time.monotonic(), 0
        await ground.restart("projector")

        async def taken() -> bool:
            nonlocal most
            most = max(most, psutil.Process(ground.pid("projector")).memory_info().rss // 2**20)
            return bool(await reporting.fetchval("select count(*) from journal") >= behind + EVENTS)

        await ground.until(taken, "the backlog is taken", seconds=120)
    ground.notes["events a second"] = f"{EVENTS / (time.monotonic() - began):.0f}"
    ground.notes["projector's MB"] = str(most)
    if most > MEGABYTES:
        raise Broken("I15", f"the projector took {most} MB over a backlog of {EVENTS} events")


async def _register(ground: Ground) -> str:
    identity = str(uuid.UUID(int=ground.rng.getrandbits(128), version=4))
    op = Op("register", identity, f"k-{identity}", ("contact.registered", identity))
    ground.history.invoke(-1, op)
    answer = await ground.load.send("contacts", "POST", "/v1/contacts", {"id": identity, "kind": "person"}, Idempotency_Key=op.key)
    assert answer.is_success, answer.text
    ground.history.end(-1, op, "ok")
    return identity


async def _write(ground: Ground, people: list[str], batch: int, together: asyncio.Semaphore) -> None:
    """Interactions of these people, a thousand to a request."""
    ops, lines = list[Op](), list[str]()
    for number in range(AT_ONCE):
        who, interaction = people[(batch + number) % len(people)], str(uuid.UUID(int=ground.rng.getrandbits(128), version=4))
        op = Op("interact", who, f"k-{interaction}", ("interaction.recorded", interaction))
        ground.history.invoke(-1, op)
        ops.append(op)
        body = {"id": interaction, "channel": "web", "direction": "inbound"}
        lines.append(json.dumps({"operation": "recordInteraction", "key": op.key, "path": {"contact_id": who}, "body": body}))
    url, kind = f"{ground.load.urls['contacts']}/v1/commands", {"Content-Type": "application/x-ndjson"}
    answer: httpx2.Response | None = None
    async with together:
        while answer is None:
            try:
                answer = await ground.load.http.post(url, content="\n".join(lines) + "\n", headers=kind, timeout=300)
            except httpx2.TransportError:
                ground.note("a thousand interactions are sent again")  # each with its key
    assert answer.is_success, answer.text[:500]
    for op, line in zip(ops, answer.text.splitlines(), strict=True):
        told = json.loads(line)
        assert told["status"] in (200, 201), line
        ground.history.end(-1, op, "ok")
