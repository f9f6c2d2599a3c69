"""Is whoever was known by a consent alone found when it is gone, and nobody else?"""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from contacts_client import Api, mail, ok, problem
from crm_contacts.basis import unbased
from crm_contacts.forgetting import forget
from crm_contacts.unbased import Forgetter
from crm_events.command import Command
from crm_events.store.store import EventStore
from crm_events.store.verify import verify


async def consenting(api: Api, status: str = "granted", **fields: Any) -> str:
    contact: str = (await api.person(identifiers=[mail()], **fields))["id"]
    await said(api, contact, status)
    return contact


async def said(api: Api, contact: str, status: str, channel: str = "email", **more: Any) -> None:
    ok(await api.put(f"/v1/contacts/{contact}/consents/marketing/{channel}", {"status": status, "text_version": "1"} | more))


async def listed(api: Api, limit: int = 200) -> dict[str, Any]:
    """Everybody who lacks a ground, by customer; read page by page."""
    found, path = dict[str, Any](), f"/v1/privacy/without-basis?limit={limit}"
    while path:
        page = ok(await api.get(path))
        assert not found.keys() & {each["customer_id"] for each in page["items"]}, "nobody twice"
        found |= {each["customer_id"]: each for each in page["items"]}
        path = f"/v1/privacy/without-basis?limit={limit}&cursor={page['next']}" if page["next"] else ""
    assert [each["since"] for each in found.values()] == sorted(each["since"] for each in found.values())
    return found


async def heard(store: EventStore, customer: str) -> None:
    await store.pool.execute("insert into other_basis values ($1, 'ticket.opened', $2)", uuid.UUID(customer), uuid.uuid4())


async def forgotten(store: EventStore, *, days: int = 0, heard_all: bool = True) -> int:
    async def answer() -> bool:
        return heard_all

    return await Forgetter(store, after=timedelta(days=days), heard=answer).tick()


async def test_who_withdrew_the_only_consent_is_found_from_that_moment(api: Api) -> None:
    silent, gone, never = await consenting(api), await consenting(api), await consenting(api, "denied")
    await said(api, gone, "granted", "sms")
    await said(api, gone, "withdrawn")
    assert gone not in await listed(api), "another consent holds"
    await said(api, gone, "withdrawn", "sms")
    found = await listed(api)
    assert (found[gone]["member_ids"], {silent, never} & set(found)) == ([gone], set())
    await said(api, gone, "granted")
    assert gone not in await listed(api), "allowed anew"


async def test_a_consent_that_ends_by_itself_is_gone_too(api: Api) -> None:
    contact = (await api.person(occurred_at="2026-01-01T00:00:00Z"))["id"]
    await said(api, contact, "granted", occurred_at="2026-01-02T00:00:00Z", effective_to="2026-02-01T00:00:00Z")
    ok(await api.post(f"/v1/contacts/{contact}/notes", {"text": "سلام رساند"}), 201)  # whoever looks next finds it ended; without them, the timer does
    assert (await listed(api))[contact]["since"] == "2026-02-01T00:00:00.000Z"


@pytest.mark.parametrize("ground", ["type", "opportunity", "heard", "merged"])
async def test_another_ground_keeps_them(api: Api, store: EventStore, ground: str) -> None:
    contact = await consenting(api)
    await said(api, contact, "withdrawn")
    assert contact in await listed(api)
    if ground == "type":
        ok(await api.patch(f"/v1/contacts/{contact}", {"type": "external_actual"}))
    elif ground == "opportunity":
        body = {"stage": "offer", "amount": {"amount": 5, "currency": "EUR"}, "agent_id": "a-1"}
        ok(await api.post(f"/v1/contacts/{contact}/opportunities", body), 201)
    elif ground == "heard":
        await heard(store, contact)
    else:
        other = (await api.person())["id"]
        await heard(store, other)
        ok(await api.merge(contact, other), 201)
    assert contact not in await listed(api)
    await forgotten(store)
    assert ok(await api.get(f"/v1/contacts/{contact}"))["id"] == contact, "nobody forgets them"
    assert (await verify(store)).whole


async def test_customers_of_several_contacts_are_named_once_and_forgotten_whole(api: Api, store: EventStore) -> None:
    one, two = [await consenting(api) for _ in range(2)]
    ok(await api.merge(one, two), 201)
    await said(api, one, "withdrawn")
    assert not {one, two} & set(await listed(api)), "the other contact's consent holds"
    await said(api, two, "withdrawn")
    found = await listed(api, limit=1)
    (customer,) = {one, two} & set(found)
    assert set(found[customer]["member_ids"]) == {one, two}
    assert await forgotten(store, days=1) == 0, "not yet"
    assert await forgotten(store, heard_all=False) == 0, "a ground may be on its way"
    assert await forgotten(store) >= 1
    for contact in (one, two):
        problem(await api.get(f"/v1/contacts/{contact}"), 410, "gone")
    assert customer not in await listed(api)
    assert await forgotten(store) == 0, "asked once"


async def test_who_consents_while_it_is_decided_is_kept(api: Api, store: EventStore) -> None:
    contact = await consenting(api)
    await said(api, contact, "withdrawn")

    async def meanwhile() -> bool:
        await said(api, contact, "granted")
        return True

    await Forgetter(store, after=timedelta(0), heard=meanwhile).tick()
    done = await forget(store, uuid.UUID(contact), Command(uuid.uuid4(), b"", "timer"), unbased)  # listed before, decided now
    assert (done.changed, ok(await api.get(f"/v1/contacts/{contact}"))["id"]) == (False, contact)
