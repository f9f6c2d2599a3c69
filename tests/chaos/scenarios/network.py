"""Does a service that is cut off from its database or its broker say so, keep nobody waiting for ever, and go on by itself when the network is back?"""

import asyncio
import time
import uuid

import httpx2

from chaos.apart import apart, connections, waits
from chaos.broken import Broken
from chaos.ground import Ground
from chaos.scenario import scenario

TOLD = 25.0  # seconds within which a command sent into a cut must have been answered, one way or another
BACK = 40.0  # seconds within which a process must be at work again once the network is, at the latest
READERS = 24  # at once, more than the service has connections to its database


@scenario("network-api-postgres", faults=(7,), invariants="I1 I13 I15")
async def api_postgres(ground: Ground) -> None:
    """Contacts loses its database: it answers 503 in time, and has all its connections again afterwards."""
    async with apart(ground, "contacts") as network:
        identity = str(uuid.UUID(int=ground.rng.getrandbits(128), version=4))
        assert (await _command(ground, identity))[0] == 201
        network.loses("postgres")
        ground.note("contacts is cut off from PostgreSQL")
        began = time.monotonic()
        code, told = await _command(ground, str(uuid.UUID(int=ground.rng.getrandbits(128), version=4)))
        assert code == 503 and told["type"] == "/problems/dependency-unavailable", told
        ground.notes["answered 503 after"] = f"{time.monotonic() - began:.1f} s"
        assert (await ground.load.send("contacts", "GET", "/healthz")).is_success
        await ground.lasts(ground.rng.uniform(0, 6))  # so that some calls are at each of their waits when it ends
        network.heals()
        await _healed(ground)
        began = time.monotonic()
        answers = await asyncio.gather(*(ground.load.send("contacts", "GET", f"/v1/contacts/{identity}") for _ in range(READERS)))
        assert all(answer.is_success for answer in answers), [answer.status_code for answer in answers]
        assert time.monotonic() - began < 5, "connections of the pool are lost"


@scenario("network-relay-kafka", faults=(7,), invariants="I4 I6 I15", seeds=(1, 2))
async def relay_kafka(ground: Ground) -> None:
    """Contacts loses the broker, the second seed only its answers: writes go on, what waits is told, and is sent when it is back."""
    async with apart(ground, "contacts") as network:
        await ground.load.more(10)
        network.loses("kafka", *(("from",) if ground.rng.random() < 0.5 else ()))
        ground.note("contacts is cut off from Kafka")
        await ground.load.more(60)
        took = await ground.until(lambda: _waits(ground, "events wait"), "the relay tells that events wait", seconds=TOLD)
        ground.notes["told after"] = f"{took:.1f} s"
        network.heals()
        await _healed(ground)


@scenario("network-projector-postgres", faults=(7,), invariants="I5 I6 I7 I15")
async def projector_postgres(ground: Ground) -> None:
    """The projector's connections lead nowhere: cut for a while, and forgotten without a word by what is between."""
    async with apart(ground, "projector") as network:
        await ground.load.more(10)
        network.loses("postgres")
        ground.note("the projector is cut off from PostgreSQL")
        before = await _journalled(ground)
        await ground.load.more(ground.rng.randint(60, 120))
        assert await _journalled(ground) <= before + 20, "the cut was not felt"
        network.heals()
        await _healed(ground)
        network.forgets(await connections(ground, network))
        ground.note("the projector's connections are forgotten")
        await _healed(ground, "forgotten, found in")


@scenario("network-commit", faults=(8,), invariants="I1 I2 I13")
async def commit(ground: Ground) -> None:
    """PostgreSQL commits and its answer is lost: the caller hears that the outcome is unknown, and the same key says it was done, once."""
    async with apart(ground, "contacts") as network:
        await ground.load.more(10)
        identity = str(uuid.UUID(int=ground.rng.getrandbits(128), version=4))
        assert (await _command(ground, identity))[0] == 201
        ground.load.pause()  # so that the append that waits is one of these
        await ground.until(lambda: not ground.history.of("invoke"), "no other command is under way")
        texts = [f"said-once-{ground.rng.getrandbits(32):x}" for _ in range(4)]
        async with ground.database("contacts") as holder:
            await holder.execute("select pg_advisory_lock(7001)")  # every append waits for it: sent, and not yet done
            asked = [asyncio.create_task(_note(ground, identity, text)) for text in texts]
            await ground.until(lambda: _queues(ground, network.inside), "an append of contacts waits")
            network.loses("postgres", "from")
            ground.note("answers of PostgreSQL to contacts are lost")
            await holder.execute("select pg_advisory_unlock(7001)")
        await ground.until(lambda: _notes(ground, identity), "a note nobody was told of is stored")
        answers = await asyncio.gather(*asked)
        assert all(code in (0, 503) for code in answers), answers
        stored = await _notes(ground, identity)
        network.heals()
        ground.load.resume()
        await _healed(ground)
        for text in texts:
            await ground.until(lambda text=text: _taken(ground, identity, text), "the note sent again is acknowledged")
        if (found := await _notes(ground, identity)) != len(texts):
            raise Broken("I13", f"{len(texts)} notes were each sent twice with one key, and {found} are stored")
        ground.notes["committed unheard"] = f"{stored} of {len(texts)}"


async def _healed(ground: Ground, what: str = "healed in") -> None:
    took = await ground.recovered(time.monotonic())
    ground.notes[what] = f"{took:.1f} s"
    assert took < BACK, f"{what} {took:.0f} s"


async def _command(ground: Ground, identity: str) -> tuple[int, dict[str, str]]:
    url, body = f"{ground.load.urls['contacts']}/v1/contacts", {"id": identity, "kind": "person"}
    try:
        answer = await ground.load.http.post(url, json=body, headers={"Idempotency-Key": identity}, timeout=TOLD)
    except httpx2.TimeoutException as late:
        raise Broken("I15", f"contacts has not answered a command within {TOLD:.0f} s") from late
    return answer.status_code, answer.json()


async def _note(ground: Ground, identity: str, text: str) -> int:
    """The answer's status; 0: none."""
    try:
        return (await ground.load.send("contacts", "POST", f"/v1/contacts/{identity}/notes", {"text": text}, Idempotency_Key=text)).status_code
    except httpx2.TransportError:
        return 0


async def _queues(ground: Ground, address: str) -> bool:
    async with ground.database("postgres") as postgres:
        asked = "select exists (select from pg_stat_activity where client_addr = $1::text::inet and wait_event = 'advisory')"
        return bool(await postgres.fetchval(asked, address))


async def _taken(ground: Ground, identity: str, text: str) -> bool:
    return await _note(ground, identity, text) in (200, 201)


async def _notes(ground: Ground, identity: str) -> int:
    async with ground.database("contacts") as contacts:
        return int(await contacts.fetchval("select count(*) from events where stream_id = $1 and type = 'note.added'", uuid.UUID(identity)))


async def _waits(ground: Ground, reason: str) -> bool:
    return reason in await waits(ground, "contacts")


async def _journalled(ground: Ground) -> int:
    async with ground.database("reporting") as reporting:
        return int(await reporting.fetchval("select coalesce(max(id), 0) from journal"))
