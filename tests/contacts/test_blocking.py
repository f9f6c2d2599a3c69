"""What identifies nobody any more leads to nobody: not when it is looked up, matched, given to others, or written to?"""

import asyncio
import uuid

from contacts_client import Api, digits, mail, ok, problem
from crm_contacts.likely import HUB
from crm_contacts.matcher import Matcher
from crm_contacts.metrics import HUBS
from crm_events.store.store import EventStore
from crm_events.store.verify import verify


async def test_a_number_that_was_the_shops_is_nobodys_any_more(api: Api) -> None:
    number = {"kind": "phone", "value": f"0912{digits(7)}"}
    contact = await api.person(identifiers=[number, mail()])
    phone = next(each for each in contact["identifiers"] if each["kind"] == "phone")
    assert phone["blocked"] is False
    path = f"/v1/contacts/{contact['id']}/identifiers/{phone['id']}"
    shown = ok(await api.put(f"{path}/blocking", {"rule": "of_the_shop"}))
    assert {each["kind"]: each["blocked"] for each in shown["identifiers"]} == {"phone": True, "email": False}
    assert ok(await api.put(f"{path}/blocking", {}))["version"] == shown["version"], "blocked twice is nothing new"
    assert await api.found(identifier=number) == []
    other = (await api.person())["id"]
    spelt = number | {"value": "+98" + number["value"][1:]}
    problem(await api.post(f"/v1/contacts/{other}/identifiers", spelt), 422, "identifier-blocked")
    problem(await api.post("/v1/contacts", {"kind": "person", "identifiers": [mail(), spelt]}), 422, "identifier-blocked")
    ok(await api.send("DELETE", path))
    problem(await api.post(f"/v1/contacts/{contact['id']}/identifiers", number), 422, "identifier-blocked")
    problem(await api.put(f"/v1/contacts/{other}/identifiers/{uuid.uuid4()}/blocking", {}), 404, "not-found")
    problem(await api.put(f"/v1/contacts/{uuid.uuid4()}/identifiers/{uuid.uuid4()}/blocking", {}), 404, "not-found")


async def test_nothing_is_sent_to_it(api: Api) -> None:
    contact = await api.person(identifiers=[{"kind": "phone", "value": f"0912{digits(7)}"}])
    ok(await api.put(f"/v1/contacts/{contact['id']}/consents/marketing/sms", {"status": "granted", "text_version": "1"}))
    message = {"channel": "sms", "purpose": "marketing", "goal": "retention", "template": "t"}
    sent = ok(await api.post(f"/v1/contacts/{contact['id']}/outreach", message | {"campaign_id": str(uuid.uuid4())}), 201)
    assert sent["suppressed"] is None
    ok(await api.put(f"/v1/contacts/{contact['id']}/identifiers/{contact['identifiers'][0]['id']}/blocking", {}))
    held = ok(await api.post(f"/v1/contacts/{contact['id']}/outreach", message | {"campaign_id": str(uuid.uuid4())}), 201)
    assert held["suppressed"] == "no_address"


async def test_who_is_forgotten_leaves_no_blocked_value_behind(api: Api, store: EventStore) -> None:
    contact = await api.person(identifiers=[{"kind": "phone", "value": f"0912{digits(7)}"}])
    ok(await api.put(f"/v1/contacts/{contact['id']}/identifiers/{contact['identifiers'][0]['id']}/blocking", {}))
    ok(await api.post("/v1/privacy/erasures", {"customer_id": contact["id"]}), 201)
    problem(await api.put(f"/v1/contacts/{contact['id']}/identifiers/{contact['identifiers'][0]['id']}/blocking", {}), 410, "gone")


async def test_what_more_have_than_one_value_may_is_blocked_at_each_of_them_and_somebody_is_called(api: Api, store: EventStore) -> None:
    tablet = {"kind": "device", "value": uuid.uuid4().hex}
    people = [(await api.person(identifiers=[tablet]))["id"] for _ in range(HUB + 3)]
    counted = HUBS.on(store.metrics.registry).labels("value")
    before = counted._value.get()
    await asyncio.gather(*(Matcher(store).consider(uuid.UUID(each)) for each in people[-2:]))
    assert counted._value.get() > before
    while await Matcher(store).tick():
        pass
    shown = [(await api.contact(each))["identifiers"][0]["blocked"] for each in people]
    assert shown == [True] * len(people)
    rows = await store.pool.fetch(
        "select payload::json ->> 'rule' as rule from events where type = 'contact.identifier_blocked' and stream_id = any($1::uuid[])", people
    )
    assert [row["rule"] for row in rows] == ["hub"] * len(people), "once at each"
    problem(await api.post("/v1/contacts", {"kind": "person", "identifiers": [tablet]}), 422, "identifier-blocked")
    assert ok(await api.get(f"/v1/matches?customer_id={people[0]}"))["items"] == []
    assert (await verify(store)).whole
