"""Is a customer forgotten for good, whatever happens at the same moment: writes, merges, a rebuild, the taking up of a parked document, a restored vault?"""

import asyncio
import base64
import random
import uuid
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
from crm_events.sealing import is_sealed, sealed_key_ids, unseal
from crm_events.topics import FEED, partition_of
from crm_events.vault import LocalVault

from chaos.broken import Broken
from chaos.ground import Ground
from chaos.scenario import scenario

PAIRS, WRITERS = 4, 3
_PARK = """
insert into {live}.parked (source, customer_id, reason, event_id, type, position)
select 'contacts', $1, 'put aside', event_id, type, position from journal where customer_id = $1 and source = 'contacts' order by position limit 1
"""


@dataclass
class Victim:
    """Two contacts that keep being merged and parted, until both, or one, asked to be forgotten. `forgotten`: which of them."""

    one: str
    two: str
    latin: str
    forgotten: tuple[str, ...] = ()
    erasure: str = ""


@scenario("erasure-races", faults=(18,), invariants="I1 I5 I12")
async def erasure_races(ground: Ground) -> None:
    """Everything is done to customers at once with their erasure; half of them parked; then the vault's backup comes back."""
    victims = [await _victim(ground) for _ in range(PAIRS)]
    stop = asyncio.Event()
    writers = [asyncio.create_task(_write(ground, each, random.Random(f"{ground.name}/{number}"), stop)) for each in victims for number in range(WRITERS)]
    rebuild = asyncio.create_task(ground.run("reporting", "rebuild"))
    backup = await _vault(ground, victims)
    for number, each in enumerate(victims):
        if number % 2:
            await _park(ground, each.one)
        await asyncio.sleep(ground.rng.random())
        asked = await _certain(ground, "/v1/privacy/erasures", {"customer_id": each.one})
        each.erasure, each.forgotten = asked["id"], tuple(asked["member_ids"])
    for each in victims:
        await ground.until(lambda each=each: _erased(ground, each), f"{each.one} is forgotten")
    stop.set()
    accepted = sum(await asyncio.gather(*writers))
    done = await rebuild
    assert accepted > 50, f"only {accepted} writes raced"
    if done.returncode:
        raise Broken("I5", f"the rebuild failed: {done.stdout[-300:]}{done.stderr[-300:]}")
    await _settled(ground)
    for each in victims:  # of those that are still parked, the documents are taken up now: on sealed text that nobody opens
        await ground.load.send("reporting", "POST", f"/v1/operations/parked/contacts/{each.one}/retry", Idempotency_Key=uuid.uuid4().hex)
    await _settled(ground)
    await _nothing_is_left(ground, victims)
    async with ground.database("vault") as vault:
        restored = await vault.executemany("update subject_key set wrapped = $2, destroyed_at = null where subject = $1", backup)
        ground.note(f"the vault is as in its backup {restored or ''}")
    await ground.restart("contacts")
    gone = [uuid.UUID(name) for each in victims for name in each.forgotten]
    await ground.until(lambda: _destroyed(ground, gone), "the keys are destroyed once more")
    await _nothing_is_left(ground, victims)
    ground.notes["forgotten"] = f"{len(gone)} contacts among {accepted} writes"


async def _victim(ground: Ground) -> Victim:
    latin = "".join(ground.rng.sample("bcdfghjklmnpqrstvwxz", 12))
    address = {"kind": "email", "value": f"{latin}@example.org"}
    one = (await _certain(ground, "/v1/contacts", {"kind": "person", "name": latin.title(), "identifiers": [address]}))["id"]
    return Victim(one, (await _certain(ground, "/v1/contacts", {"kind": "person", "name": f"{latin} two"}))["id"], latin)


async def _write(ground: Ground, victim: Victim, rng: random.Random, stop: asyncio.Event) -> int:
    """Whatever may be said about a customer, until told to stop; how much of it was taken."""
    accepted, merges = 0, list[str]()
    while not stop.is_set():
        who, text = rng.choice([victim.one, victim.two]), f"{victim.latin} {rng.random()}"
        identifier = {"kind": "email", "value": f"{victim.latin}{rng.randrange(10**6)}@example.org"}
        choices: list[tuple[str, str, dict[str, Any]]] = [
            ("contacts", f"/v1/contacts/{who}/interactions", {"channel": "web", "direction": "inbound", "text": text}),
            ("contacts", f"/v1/contacts/{who}/notes", {"text": text}),
            ("contacts", f"/v1/contacts/{who}/identifiers", identifier),
            ("contacts", "/v1/merges", {"survivor_id": victim.one, "absorbed_id": victim.two, "reason": text}),
            ("tickets", "/v1/tickets", {"customer_id": who, "kind": "question", "channel": "web", "priority": "low", "subject": text, "text": text}),
            ("loyalty", "/v1/members", {"customer_id": who, "card_number": f"{victim.latin}{rng.randrange(10**6)}", "programme": ground.load.programme}),
        ]
        if merges:
            choices.append(("contacts", f"/v1/merges/{merges[-1]}/reversal", {"reason": text}))
        service, path, body = rng.choice(choices)
        try:
            answer = await ground.load.send(service, "POST", path, body, Idempotency_Key=uuid.uuid4().hex)
        except httpx2.TransportError:
            continue
        if answer.status_code == 500:
            raise Broken("I1", f"500 to {path}: {answer.text[:300]}")
        accepted += answer.is_success
        merges += [answer.json()["id"]] if answer.is_success and path == "/v1/merges" else []
        await asyncio.sleep(0.02)
    return accepted


async def _certain(ground: Ground, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, asked for with one key until there is one. A customer that keeps moving is asked for again."""
    key, answers = uuid.uuid4().hex, list[httpx2.Response]()

    async def done() -> bool:
        answers.append(await ground.load.send("contacts", "POST", path, body, Idempotency_Key=key))
        return answers[-1].is_success

    await ground.until(done, f"{path} is done")
    told: dict[str, Any] = answers[-1].json()
    return told


async def _vault(ground: Ground, victims: list[Victim]) -> list[tuple[uuid.UUID, bytes]]:
    async with ground.database("vault") as vault:
        rows = await vault.fetch(
            "select subject, wrapped from subject_key where subject = any($1::uuid[])", [name for each in victims for name in (each.one, each.two)]
        )
    return [(row["subject"], row["wrapped"]) for row in rows if row["wrapped"]]


async def _park(ground: Ground, customer: str) -> None:
    async with ground.database("reporting") as reporting:
        live = await reporting.fetchval("select build from builds where state = 'active'")
        await reporting.execute(_PARK.format(live=live), customer)


async def _erased(ground: Ground, victim: Victim) -> bool:
    answer = await ground.load.send("contacts", "GET", f"/v1/privacy/erasures/{victim.erasure}")
    return answer.is_success and answer.json()["state"] == "erased"


async def _destroyed(ground: Ground, subjects: list[uuid.UUID]) -> bool:
    async with ground.database("vault") as vault:
        return not await vault.fetchval("select count(*) from subject_key where subject = any($1::uuid[]) and wrapped is not null", subjects)


async def _settled(ground: Ground) -> None:
    """A write of now is seen, so all before it was heard by the read model; and the followers are as far."""
    await ground.recovered(0.0)
    async with ground.database("contacts") as contacts:
        head = await contacts.fetchval("select max(position) from events where type = 'privacy.erased'")

    async def heard() -> bool:
        async with ground.database("loyalty") as loyalty:
            return bool(await loyalty.fetchval("select coalesce(max(last), 0) >= $1 from offsets", head))

    await ground.until(heard, "loyalty has heard of it")


async def _nothing_is_left(ground: Ground, victims: list[Victim]) -> None:
    gone = [name for each in victims for name in each.forgotten]
    for name in gone:
        for service, method, path, body in (
            ("contacts", "GET", f"/v1/contacts/{name}", None),
            ("contacts", "POST", f"/v1/contacts/{name}/notes", {"text": "x"}),
            ("tickets", "POST", "/v1/tickets", {"customer_id": name, "kind": "question", "channel": "web", "priority": "low", "subject": "x", "text": "x"}),
            ("loyalty", "POST", "/v1/members", {"customer_id": name, "card_number": "x1"}),
            ("reporting", "GET", f"/v1/customers/{name}", None),
            ("reporting", "GET", f"/v1/customers/{name}/timeline", None),
        ):
            answer = await ground.load.send(service, method, path, body, Idempotency_Key=uuid.uuid4().hex)
            if answer.status_code != 410:
                raise Broken("I12", f"{method} {path} of a forgotten customer: {answer.status_code} {answer.text[:300]}")
    await _no_index(ground, gone)
    await _unreadable(ground, gone)
    await _no_feed(ground, gone)


async def _no_index(ground: Ground, gone: list[str]) -> None:
    """No hash of theirs finds anybody. A merge's own claim holds its id only, a member's its programme."""
    for service, query in (
        ("contacts", "select scope from claims where holder = any($1::uuid[]) and scope <> 'merge'"),
        ("loyalty", "select scope from claims c join streams s on s.stream_id = c.holder where s.customer_id = any($1::uuid[]) and scope = 'card'"),
        ("reporting", "select field from terms where customer_id = any($1::uuid[])"),
        ("reporting", "select type from to_index join journal using (source, position) where to_index.customer_id = any($1::uuid[])"),
    ):
        async with ground.database(service) as database:
            if rows := await database.fetch(query, gone):
                raise Broken("I12", f"{service} still finds a forgotten customer: {rows[:3]}")


async def _unreadable(ground: Ground, gone: list[str]) -> None:
    """With all the secrets there are, no text sealed for them opens; and no text of theirs was stored unsealed."""
    texts, keys = list[str](), base64.b64decode(ground.around.ring.master_key)
    for service in ("contacts", "tickets", "loyalty"):
        async with ground.database(service) as database:
            for row in await database.fetch("select payload from events where customer_id = any($1::uuid[])", gone):
                texts += [text for text in orjson.loads(row["payload"]).values() if isinstance(text, str) and is_sealed(text)]
    async with ground.database("vault") as vault:
        found = await LocalVault(vault, keys).keys_for_reading(sealed_key_ids(texts))  # type: ignore[arg-type]
    assert texts
    if readable := [text for text in texts if unseal(text, found) is not None]:
        raise Broken("I12", f"{len(readable)} texts of forgotten customers can be opened, as {readable[0][:120]}")


async def _no_feed(ground: Ground, gone: list[str]) -> None:
    """The newest record of each on the feed is a tombstone, or there never was one."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(bootstrap_servers=ground.around.bootstrap, auto_offset_reset="earliest", isolation_level="read_committed")
    await consumer.start()
    try:
        parts = sorted({TopicPartition(FEED, partition_of(uuid.UUID(name))) for name in gone})
        consumer.assign(parts)
        ends, newest = await consumer.end_offsets(parts), dict[str, bytes | None]()
        for part in parts:
            while await consumer.position(part) < ends[part]:
                newest |= {record.key.decode(): record.value for record in (await consumer.getmany(part, timeout_ms=500)).get(part, [])}
    finally:
        await consumer.stop()
    if told := [name for name in gone if newest.get(name) is not None]:
        raise Broken("I12", f"the feed still shows {told}")
