"""Is a forgotten customer forgotten, in every copy and for good?"""

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

from contacts_client import Api, ok, problem
from crm_contacts import erasure
from crm_contacts.streams import CONTACTS
from crm_events.command import Command
from crm_events.sealing import is_sealed, unseal
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_events.vault import Destroyed, Key
from forgetter import eraser_of


async def customer(api: Api) -> tuple[str, str, dict[str, str], str]:
    """Two contacts that are one customer, one with an address and a name to be found by."""
    address, name = {"kind": "email", "value": f"{uuid.uuid4().hex}@example.org"}, f"Zahra {uuid.uuid4().hex[:12]}"
    one, two = (await api.person(name=name, identifiers=[address]))["id"], (await api.person())["id"]
    ok(await api.merge(two, one), 201)
    ok(await api.post(f"/v1/contacts/{one}/interactions", {"channel": "phone", "direction": "inbound", "text": "a secret"}), 201)
    return one, two, address, name


async def sealed_texts(store: EventStore, ids: list[str]) -> list[str]:
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, str) and is_sealed(node):
            found.append(node)
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            walk(child)

    for row in await store.pool.fetch("select payload::jsonb as payload from events where customer_id = any($1::uuid[])", ids):
        walk(json.loads(row["payload"]))
    return found


async def test_a_forgotten_customer_is_gone_in_every_contact_and_stays_so(api: Api, store: EventStore) -> None:
    one, two, address, name = await customer(api)
    texts = await sealed_texts(store, [one, two])
    keys = [uuid.UUID(text.split(".")[1]) for text in texts]
    assert len(texts) >= 5
    assert all([unseal(text, await store.vault.keys_for_reading(keys)) for text in texts]), "readable before"
    asked = await api.post("/v1/privacy/erasures", {"customer_id": one})
    request = ok(asked, 201)
    assert (request["state"], set(request["member_ids"]), request["customer_id"]) == ("requested", {one, two}, two)
    assert ok(await api.get(asked.headers["Location"])) == request

    for contact in (one, two):
        problem(await api.get(f"/v1/contacts/{contact}"), 410, "gone")
        problem(await api.patch(f"/v1/contacts/{contact}", {"name": "x"}), 410, "gone")
        problem(await api.post(f"/v1/contacts/{contact}/interactions", {"channel": "web", "direction": "inbound"}), 410, "gone")
        problem(await api.get(f"/v1/contacts/{contact}/interactions"), 410, "gone")
        problem(await api.merge(contact, (await api.person())["id"]), 410, "gone")
        problem(await api.post("/v1/contacts", {"kind": "person", "id": contact}), 410, "gone")
    problem(await api.post("/v1/consents/check", {"customer_id": one, "purpose": "marketing", "channel": "sms"}), 410, "gone")
    assert await api.found(identifier=address) == []
    assert await api.found(name=name) == []
    assert await store.pool.fetchval("select count(*) from claims where holder = any($1::uuid[]) and scope <> 'merge'", [one, two]) == 0

    eraser = eraser_of(store, settled=timedelta(hours=1))
    await eraser.tick()
    assert ok(await api.get(asked.headers["Location"]))["state"] == "destroying"
    assert [unseal(text, await store.vault.keys_for_reading(keys)) for text in texts] == [None] * len(texts), "no copy can be opened any more"
    await eraser_of(store).tick()
    done = ok(await api.get(asked.headers["Location"]))
    assert done["state"] == "erased"
    assert done["erased_at"]
    assert await eraser_of(store).tick() == 0
    problem(await api.get(f"/v1/contacts/{one}"), 410, "gone")
    assert (await verify(store)).whole

    again = await api.person(name=name, identifiers=[address])
    assert await api.found(identifier=address) == [again["id"]], "a new contact may have the same address"
    assert (await api.contact(again["id"]))["name"] == name


async def test_erasure_asked_twice_is_one_erasure(api: Api, store: EventStore) -> None:
    one, two, *_ = await customer(api)
    first = ok(await api.post("/v1/privacy/erasures", {"customer_id": one}), 201)
    assert ok(await api.post("/v1/privacy/erasures", {"customer_id": two}))["id"] == first["id"]
    await eraser_of(store).tick()
    assert ok(await api.post("/v1/privacy/erasures", {"customer_id": one}))["state"] == "erased"
    rows = await store.pool.fetch(
        "select type, count(*) as n from events where customer_id = any($1::uuid[]) and type like 'privacy%' group by type", [one, two]
    )
    assert {row["type"]: row["n"] for row in rows} == {"privacy.erasure_requested": 2, "privacy.erased": 2, "privacy.acknowledged": 2}
    problem(await api.post("/v1/privacy/erasures", {"customer_id": str(uuid.uuid4())}), 404, "not-found")
    problem(await api.get(f"/v1/privacy/erasures/{uuid.uuid4()}"), 404, "not-found")
    problem(await api.by("contacts:write").post("/v1/privacy/erasures", {"customer_id": one}), 403, "forbidden")


async def test_no_merge_slips_past_an_erasure_fifty_times_over(api: Api, store: EventStore) -> None:
    for _ in range(50):
        one, two = [contact["id"] for contact in await asyncio.gather(api.person(), api.person())]
        merged, erased = await asyncio.gather(api.merge(one, two), api.post("/v1/privacy/erasures", {"customer_id": one}))
        members = set(ok(erased, 201)["member_ids"])
        assert (merged.status_code, members) in ((201, {one, two}), (410, {one})), "both are forgotten, or they never became one"


async def test_a_worker_that_died_between_two_steps_is_taken_over(api: Api, store: EventStore) -> None:
    one, two, *_ = await customer(api)
    request = ok(await api.post("/v1/privacy/erasures", {"customer_id": one}), 201)
    await store.vault.destroy([uuid.UUID(one), uuid.UUID(two)])  # died before it noted the destruction
    await eraser_of(store, settled=timedelta(hours=1)).tick()
    noted = await store.pool.fetch("select key_id from destroyed_key where customer_id = any($1::uuid[])", [one, two])
    assert len(noted) == 2
    command = Command(uuid.uuid5(uuid.UUID(request["id"]), one), b"erased", "timer")  # died after it confirmed one of two
    keys = [row["key_id"] for row in noted]
    await store.handle(
        CONTACTS, uuid.UUID(one), command, lambda contact, _: erasure.confirm_erasure(contact, request_id=uuid.UUID(request["id"]), key_ids=keys)
    )
    await eraser_of(store).tick()
    assert ok(await api.get(f"/v1/privacy/erasures/{request['id']}"))["state"] == "erased"


async def test_a_vault_put_back_from_a_backup_forgets_again(api: Api, store: EventStore) -> None:
    one, two, *_ = await customer(api)
    texts = await sealed_texts(store, [one, two])
    keys = {uuid.UUID(text.split(".")[1]) for text in texts}
    backup = await store.vault._pool.fetch("select subject, wrapped from subject_key where key_id = any($1::uuid[])", list(keys))
    request = ok(await api.post("/v1/privacy/erasures", {"customer_id": one}), 201)
    eraser = eraser_of(store)
    while ok(await api.get(f"/v1/privacy/erasures/{request['id']}"))["state"] != "erased":
        await eraser.tick()
    assert await eraser.again() == 0
    restore = "update subject_key set wrapped = $2, destroyed_at = null where subject = $1"
    await store.vault._pool.executemany(restore, [(row["subject"], row["wrapped"]) for row in backup])
    store.vault._reading.forget(keys)
    assert any([unseal(text, await store.vault.keys_for_reading(keys)) for text in texts]), "as a backup brings it back"
    assert await eraser.again() == 2
    assert not any([unseal(text, await store.vault.keys_for_reading(keys)) for text in texts])
    await store.pool.execute("delete from destroyed_key where customer_id = $1", uuid.UUID(one))  # the store was restored too
    assert (await eraser.again(), await eraser.again()) == (1, 0)


class Away:
    """A vault that is away once, then there."""

    def __init__(self, vault: Any) -> None:
        self.vault, self.refused = vault, asyncio.Event()

    async def keys_for_writing(self, subjects: Any) -> dict[uuid.UUID, Key]:
        return dict(await self.vault.keys_for_writing(subjects))

    async def keys_for_reading(self, key_ids: Any) -> dict[uuid.UUID, Any]:
        return dict(await self.vault.keys_for_reading(key_ids))

    async def destroy(self, subjects: Any) -> list[Destroyed]:
        if not self.refused.is_set():
            self.refused.set()
            raise ConnectionRefusedError("the vault is away")
        return list(await self.vault.destroy(subjects))


async def test_a_vault_that_is_away_only_delays_an_erasure(api: Api, store: EventStore) -> None:
    one, *_ = await customer(api)
    request = ok(await api.post("/v1/privacy/erasures", {"customer_id": one}), 201)
    away, stop = Away(store.vault), asyncio.Event()
    work = asyncio.create_task(eraser_of(store, away).run(stop))
    async with asyncio.timeout(20):
        await away.refused.wait()
        while ok(await api.get(f"/v1/privacy/erasures/{request['id']}"))["state"] != "erased":
            assert not work.done()
    stop.set()
    await work


async def test_one_eraser_works_at_a_time_and_another_takes_over(store: EventStore) -> None:
    await store.pool.execute("delete from leases where name = 'eraser'")
    first, second, third = (eraser_of(store) for _ in range(3))
    assert [await each._leads() for each in (first, second, third, first)] == [True, False, False, True]
    await store.pool.execute("update leases set until = '-infinity' where name = 'eraser'")  # the first one froze
    assert [await each._leads() for each in (second, first, third)] == [True, False, False]
