"""Is what a preview says of a merge what the merge then makes, and does asking change nothing?"""

import uuid
from typing import Any

from contacts_client import Api, digits, mail, ok, problem
from crm_events.store.store import EventStore


async def preview(api: Api, survivor: str, absorbed: str) -> Any:
    return ok(await api.post("/v1/merges/previews", {"survivor_id": survivor, "absorbed_id": absorbed}))


async def told(api: Api, **fields: Any) -> str:
    return str((await api.person(occurred_at="2026-01-01T00:00:00Z", **fields))["id"])


async def consent(api: Api, contact: str, status: str, channel: str, day: int) -> None:
    body = {"status": status, "text_version": "1", "occurred_at": f"2026-02-0{day}T00:00:00Z"}
    ok(await api.put(f"/v1/contacts/{contact}/consents/marketing/{channel}", body))


async def decision(api: Api, contact: str, channel: str) -> tuple[str, list[str]]:
    answer = ok(await api.post("/v1/consents/check", {"customer_id": contact, "purpose": "marketing", "channel": channel}))
    return answer["decision"], [each["event_id"] for each in answer["because"]]


async def test_each_field_shows_what_holds_and_what_loses_and_nothing_is_written(api: Api, store: EventStore) -> None:
    one, other = await told(api, name="مریم رضایی", roles=["buyer"], identifiers=[mail()]), await told(api, name="م. رضایی", identifiers=[mail(), mail()])
    for contact, day, address in ((one, 3, "تهران"), (other, 2, "شیراز")):
        ok(await api.patch(f"/v1/contacts/{contact}", {"address": address, "occurred_at": f"2026-02-0{day}T00:00:00Z"}))
    ok(await api.patch(f"/v1/contacts/{other}", {"name": "مریم رضائی", "birthday": "1991-03-21", "occurred_at": "2026-03-01T00:00:00Z"}))
    ok(await api.patch(f"/v1/contacts/{one}", {"birthday": "1990-03-21", "occurred_at": "2026-02-01T00:00:00Z"}))
    witness = ok(await api.get(f"/v1/contacts/{one}"))["identifiers"][0]["id"]
    ok(await api.put(f"/v1/contacts/{one}/identifiers/{witness}/verification", {}))
    ok(await api.post(f"/v1/contacts/{other}/interactions", {"channel": "phone", "direction": "inbound"}), 201)
    before = await store.pool.fetchrow("select max(position) as last, count(*) as n from events")
    shown = await preview(api, one, other)
    assert await store.pool.fetchrow("select max(position) as last, count(*) as n from events") == before
    fields = {each["name"]: each for each in shown["fields"]}
    assert (fields["name"]["value"], fields["name"]["member_id"]) == ("مریم رضائی", other)
    assert [(each["value"], each["member_id"]) for each in fields["name"]["losing"]] == [("مریم رضایی", one)]
    assert (fields["address"]["value"], [each["value"] for each in fields["address"]["losing"]]) == ("تهران", ["شیراز"])
    assert (fields["roles"]["value"], fields["roles"]["losing"]) == (["buyer"], []), "what a registration has by default was told by nobody"
    assert (fields["birthday"]["value"], fields["birthday"]["losing"][0]["value"]) == ("1990-03-21", "1991-03-21"), "the better witness, not the later one"
    assert "language" not in fields
    assert (shown["canonical_id"], shown["member_ids"], shown["refused"]) == (one, [one, other], None)
    assert [each["vetoes"] for each in shown["disagreements"]] == [["birthday"]]
    counts = {each["name"]: (each["survivor"], each["absorbed"], each["merged"]) for each in shown["counts"]}
    assert counts == {"contact": (1, 1, 2), "identifier": (1, 2, 3), "interaction": (0, 1, 1)}
    hidden = await preview(api.by("contacts:merge"), one, other)
    assert {each["name"]: each["value"] for each in hidden["fields"]}["address"] is None
    assert hidden["redacted"]


async def test_consents_come_to_what_they_are_after_the_merge(api: Api) -> None:
    one, other, third = [await told(api) for _ in range(3)]
    ok(await api.merge(one, third), 201)
    await consent(api, one, "granted", "sms", 4)
    await consent(api, other, "denied", "sms", 2)
    await consent(api, third, "granted", "email", 1)
    await consent(api, other, "granted", "phone", 1)
    await consent(api, third, "withdrawn", "email", 3)
    apart = {side: {channel: (await decision(api, contact, channel))[0] for channel in ("sms", "phone", "email")} for side, contact in
             (("survivor", one), ("absorbed", other))}  # fmt: skip
    shown = {each["channel"]: each for each in (await preview(api, one, other))["consents"]}
    assert {side: {channel: shown[channel][side] for channel in ("sms", "phone", "email")} for side in apart} == apart
    ok(await api.merge(one, other), 201)
    after = {channel: await decision(api, one, channel) for channel in shown}
    assert {channel: (each["merged"], each["because"]) for channel, each in shown.items()} == after
    assert (shown["sms"]["survivor"], shown["sms"]["merged"]) == ("allow", "deny"), "the most restrictive wins until they are asked again"


async def test_what_speaks_against_it_is_said_and_what_would_refuse_it(api: Api) -> None:
    one, other = await told(api), await told(api)
    firm = str(ok(await api.post("/v1/contacts", {"kind": "organisation", "name": "چای لاهیجان"}), 201)["id"])
    for contact, day in ((one, "1990-01-01"), (other, "1991-01-01")):
        ok(await api.patch(f"/v1/contacts/{contact}", {"birthday": day}))
        passport = {"kind": "national_id", "system": "DE", "value": f"L{digits(8)}"}
        ok(await api.post(f"/v1/contacts/{contact}/identifiers", passport), 201)
    assert (await preview(api, one, other))["disagreements"] == [{"contact_id": one, "other_id": other, "vetoes": ["birthday", "national_id"]}]
    assert (await preview(api, firm, one))["disagreements"][0]["vetoes"] == ["kind"]
    ok(await api.merge(one, other), 201)
    assert ((await preview(api, one, other))["refused"]["rule"], (await preview(api, other, one))["refused"]["rule"]) == ("already-merged", "merge-cycle")
    refused = (await preview(api, firm, other))["refused"]
    assert (refused["rule"], refused["canonical_id"]) == ("already-merged", one)
    assert refused == {name: problem(await api.merge(firm, other), 409, "rejected")[name] for name in refused}
    assert [each["merged"] for each in (await preview(api, one, other))["counts"] if each["name"] == "contact"] == [2]


async def test_whom_nobody_can_merge_nobody_can_preview(api: Api) -> None:
    one, gone = await told(api), await told(api)
    problem(await api.post("/v1/merges/previews", {"survivor_id": one, "absorbed_id": one}), 422, "invalid-request")
    problem(await api.post("/v1/merges/previews", {"survivor_id": one, "absorbed_id": str(uuid.uuid4())}), 404, "not-found")
    problem(await api.post("/v1/merges/previews", {"survivor_id": one}), 422, "invalid-request")
    ok(await api.post("/v1/privacy/erasures", {"customer_id": gone}), 201)
    for pair in ((one, gone), (gone, one)):
        problem(await api.post("/v1/merges/previews", dict(zip(("survivor_id", "absorbed_id"), pair, strict=True))), 410, "gone")
    problem(await api.by("contacts:write").post("/v1/merges/previews", {"survivor_id": one, "absorbed_id": gone}), 403, "forbidden")
