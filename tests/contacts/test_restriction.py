"""Is what we know of somebody not used while they say so, whatever they allowed, in whichever contact?"""

import asyncio
import uuid
from typing import Any

from contacts_client import Api, mail, ok, problem
from crm_events.store.store import EventStore
from crm_events.store.verify import verify

CHECK = {"purpose": "marketing", "channel": "email"}


async def willing(api: Api) -> str:
    contact = await api.person(identifiers=[mail()], occurred_at="2026-01-01T00:00:00Z")
    said = {"status": "granted", "text_version": "1", "occurred_at": "2026-01-02T00:00:00Z"}
    ok(await api.put(f"/v1/contacts/{contact['id']}/consents/marketing/email", said))
    return str(contact["id"])


async def may(api: Api, customer: str, **more: Any) -> tuple[str, list[str]]:
    decision = ok(await api.post("/v1/consents/check", CHECK | {"customer_id": customer} | more))
    return decision["decision"], [each["status"] for each in decision["because"]]


async def restrict(api: Api, customer: str, restricted: bool = True, **more: Any) -> dict[str, Any]:
    answer = await api.post("/v1/privacy/restrictions", {"customer_id": customer, "restricted": restricted} | more)
    found: dict[str, Any] = ok(answer, 201 if answer.status_code == 201 else 200)
    return found


async def test_a_restricted_customer_is_written_to_by_nobody_and_the_event_says_why(api: Api, store: EventStore) -> None:
    customer = await willing(api)
    assert await may(api, customer) == ("allow", ["granted"])
    held = await restrict(api, customer)
    assert (held["restricted"], held["customer_id"], held["member_ids"]) == (True, customer, [customer])
    assert ok(await api.get(f"/v1/privacy/restrictions/{held['id']}")) == held
    assert await may(api, customer) == ("deny", ["restricted"])
    assert (await api.contact(customer))["restricted"] is True
    campaign = {"campaign_id": str(uuid.uuid4()), "channel": "email", "purpose": "marketing", "goal": "retention", "template": "نوروز"}
    sent = ok(await api.post(f"/v1/contacts/{customer}/outreach", campaign), 201)
    event = await store.pool.fetchval("select event_id::text from events where stream_id = $1 and type = 'privacy.restricted'", uuid.UUID(customer))
    assert (sent["suppressed"], sent["decided_by"]) == ("no_consent", [event])
    ok(await api.put(f"/v1/contacts/{customer}/consents/marketing/email", {"status": "granted", "text_version": "2"}))
    assert (await may(api, customer))[0] == "deny", "no new consent lifts it"
    lifted = await restrict(api, customer, restricted=False)
    assert (lifted["id"], lifted["restricted"]) == (held["id"], False)
    assert (await may(api, customer))[0] == "allow"
    assert (await verify(store)).whole


async def test_it_holds_for_every_contact_that_is_the_customer_and_at_its_own_time(api: Api) -> None:
    one, two = [await willing(api) for _ in range(2)]
    await restrict(api, two, occurred_at="2026-03-01T00:00:00Z")
    assert (await may(api, one), (await may(api, two))[0]) == (("allow", ["granted"]), "deny")
    ok(await api.merge(one, two), 201)
    assert await may(api, one) == ("deny", ["restricted"]), "one of them is restricted"
    assert (await may(api, two, at="2026-02-01T00:00:00Z"))[0] == "allow", "before it was asked for"
    assert (await may(api, two, at="2026-04-01T00:00:00Z"))[0] == "deny"
    await restrict(api, one, restricted=False)
    await restrict(api, two, occurred_at="2026-02-01T00:00:00Z")  # told late: what was said since stands
    assert (await may(api, one))[0] == "allow"


async def test_asked_twice_it_is_one_restriction(api: Api, store: EventStore) -> None:
    customer = await willing(api)
    first, second = await asyncio.gather(restrict(api, customer), restrict(api, customer))
    assert first["id"] == second["id"]
    told = await store.pool.fetchval("select count(*) from events where stream_id = $1 and type = 'privacy.restricted'", uuid.UUID(customer))
    assert told == 1
    await restrict(api, customer, restricted=False)
    assert (await restrict(api, customer, restricted=False))["restricted"] is False
    again = await restrict(api, customer)
    assert (again["restricted"], again["id"] != first["id"]) == (True, True)


async def test_what_cannot_be_restricted_is_refused(api: Api) -> None:
    problem(await api.post("/v1/privacy/restrictions", {"customer_id": str(uuid.uuid4())}), 404, "not-found")
    free = await willing(api)
    problem(await api.post("/v1/privacy/restrictions", {"customer_id": free, "restricted": False}), 404, "not-found")
    problem(await api.get(f"/v1/privacy/restrictions/{uuid.uuid4()}"), 404, "not-found")
    ok(await api.post("/v1/privacy/erasures", {"customer_id": free}), 201)
    problem(await api.post("/v1/privacy/restrictions", {"customer_id": free}), 410, "gone")
    problem(await api.by("contacts:write").post("/v1/privacy/restrictions", {"customer_id": free}), 403, "forbidden")
