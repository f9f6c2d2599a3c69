"""How many interactions a second does contacts take over HTTP? Against a route that validates the same body and stores nothing."""

import itertools
import uuid

import orjson
from crm_local.stack import Stack
from crm_local.telling import Surroundings

from benchmarks.append import TEXT
from benchmarks.harness import ROUNDS, Ground, Measure
from benchmarks.serving import bearer, rate, rival
from benchmarks.wire import Answer, Wire

CUSTOMERS = 500
BODY = orjson.dumps({"channel": "phone", "direction": "inbound", "kind": "call", "purpose": "service", "text": TEXT, "agent_id": "agent-7"})


async def customers(stack: Stack, around: Surroundings, number: int = CUSTOMERS) -> list[str]:
    """The ids of so many new contacts."""
    wire, told, made = await Wire.connect(around.addresses.url("contacts")), bearer(stack), []
    for n in range(number):
        body = orjson.dumps({"kind": "person", "name": f"مشتری {n}", "identifiers": [{"kind": "email", "value": f"{uuid.uuid4().hex}@bench.example.com"}]})
        made.append((await wire.send("POST", "/v1/contacts", body, told | {"idempotency-key": uuid.uuid4().hex})).ok().json()["id"])
    wire.close()
    return made


async def http_post(ground: Ground) -> list[Measure]:
    """Token, idempotency, validation, sealed text, committed, relayed by the same process; nobody projects meanwhile."""
    stack, around = await ground.stack("contacts")
    whom, told, ours, empty = itertools.cycle(await customers(stack, around)), bearer(stack), [], []

    async def post(wire: Wire) -> Answer:
        return await wire.send("POST", f"/v1/contacts/{next(whom)}/interactions", BODY, told | {"idempotency-key": uuid.uuid4().hex})

    async with rival("noop") as url:
        for _ in range(ROUNDS):
            ours.append((await rate(around.addresses.url("contacts"), post))[0])
            empty.append((await rate(url, post))[0])
    return [Measure.ratio("http_post_vs_noop", ours, empty)]
