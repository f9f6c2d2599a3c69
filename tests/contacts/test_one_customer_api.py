"""Do consents, interactions, relationships and merges hold for a customer as a whole, whoever else writes at once?"""

import asyncio
import json
import uuid
from collections import Counter
from typing import Any

from contacts_client import Api, mail, ok, problem, word
from crm_events.store.store import EventStore
from crm_events.store.verify import verify

GRANT = {"status": "granted", "text_version": "2026-1", "evidence": "web form"}


async def test_consent_is_denied_until_given_and_says_why(api: Api) -> None:
    customer = (await api.person())["id"]
    path = f"/v1/contacts/{customer}/consents/marketing"

    async def check(**more: Any) -> dict[str, Any]:
        decided: dict[str, Any] = ok(await api.post("/v1/consents/check", {"customer_id": customer, "purpose": "marketing", "channel": "sms"} | more))
        return decided

    assert (await check())["because"] == []
    granted = ok(await api.put(f"{path}/sms", GRANT))["consents"][0]
    assert (granted["status"], granted["text_version"]) == ("granted", "2026-1")
    assert ok(await api.put(f"{path}/sms", GRANT))["version"] == 2, "the same again is nothing new"
    allowed = await check()
    assert (allowed["decision"], [each["event_id"] for each in allowed["because"]]) == ("allow", [granted["event_id"]])
    ok(await api.put(f"{path}/any", GRANT | {"status": "withdrawn"}))
    assert (await check())["decision"] == "deny"
    ok(await api.put(f"{path}/sms", GRANT))
    assert (await check())["decision"] == "allow", "asked for again, later"
    assert (await check(at="2020-01-01T00:00:00Z"))["decision"] == "deny"
    problem(await api.post("/v1/consents/check", {"customer_id": str(uuid.uuid4()), "purpose": "marketing", "channel": "sms"}), 404, "not-found")


async def test_consent_then_is_asked_of_those_who_were_one_customer_then(api: Api) -> None:
    one, two = [(await api.person(occurred_at="2024-01-01T00:00:00Z"))["id"] for _ in range(2)]
    ok(await api.put(f"/v1/contacts/{one}/consents/marketing/sms", GRANT | {"occurred_at": "2024-02-01T00:00:00Z"}))
    ok(await api.put(f"/v1/contacts/{two}/consents/marketing/any", GRANT | {"status": "denied", "occurred_at": "2024-03-01T00:00:00Z"}))
    merge = ok(await api.post("/v1/merges", {"survivor_id": one, "absorbed_id": two, "occurred_at": "2024-04-01T00:00:00Z"}), 201)
    ok(await api.post(f"/v1/merges/{merge['id']}/reversal", {"reason": "two people", "occurred_at": "2024-05-01T00:00:00Z"}))

    async def decided(at: str, customer: str = one) -> str:
        question = {"customer_id": customer, "purpose": "marketing", "channel": "sms", "at": f"{at}T00:00:00Z"}
        return str(ok(await api.post("/v1/consents/check", question))["decision"])

    assert [await decided(at) for at in ("2024-01-15", "2024-03-15", "2024-04-15", "2024-05-15")] == ["deny", "allow", "deny", "allow"]
    assert await decided("2024-04-15", two) == "deny"


async def test_a_grant_ends_at_its_end_even_if_nobody_looks(api: Api, store: EventStore) -> None:
    customer = (await api.person(occurred_at="2024-01-01T00:00:00Z"))["id"]
    until = GRANT | {"occurred_at": "2024-02-01T00:00:00Z", "effective_to": "2024-03-01T00:00:00Z"}
    shown = ok(await api.put(f"/v1/contacts/{customer}/consents/survey/email", until))["consents"][0]
    assert (shown["status"], shown["since"]) == ("expired", "2024-03-01T00:00:00.000Z")
    ok(await api.put(f"/v1/contacts/{customer}/owner", {"agent_id": "a"}))
    rows = await store.pool.fetch("select type, occurred_at from events where customer_id = $1 order by position", uuid.UUID(customer))
    assert [row["type"] for row in rows] == ["contact.registered", "consent.granted", "consent.expired", "owner.assigned"]
    assert rows[2]["occurred_at"].month == 3
    assert (await verify(store)).whole


async def test_interactions_of_all_members_are_listed_newest_first(api: Api) -> None:
    one, two = [(await api.person())["id"] for _ in range(2)]
    for month in range(1, 7):
        body = {"channel": "web", "direction": "inbound", "occurred_at": f"2024-0{month}-01T00:00:00Z", "subject": str(month)}
        answer = await api.post(f"/v1/contacts/{one if month % 2 else two}/interactions", body)
        assert ok(answer, 201)["recorded_at"] > answer.json()["occurred_at"]
    assert [item["subject"] for item in ok(await api.get(f"/v1/contacts/{one}/interactions"))["items"]] == ["5", "3", "1"]
    ok(await api.merge(one, two), 201)
    first = ok(await api.get(f"/v1/contacts/{two}/interactions?limit=4"))
    rest = ok(await api.get(f"/v1/contacts/{two}/interactions?limit=4&cursor={first['next']}"))
    assert [item["subject"] for item in first["items"] + rest["items"]] == ["6", "5", "4", "3", "2", "1"]
    assert rest["next"] is None
    assert ok(await api.get(f"/v1/contacts/{one}"))["version"] == 2, "interactions do not move the contact"
    problem(await api.post(f"/v1/contacts/{uuid.uuid4()}/interactions", {"channel": "web", "direction": "inbound"}), 404, "not-found")


async def test_a_relationship_lasts_until_it_is_unlinked(api: Api) -> None:
    one, two = [(await api.person())["id"] for _ in range(2)]
    path = f"/v1/contacts/{one}/relationships"
    linked = ok(await api.post(path, {"kind": "works_for", "other_id": two}), 201)
    assert problem(await api.post(path, {"kind": "works_for", "other_id": two}), 409, "already-exists")["existing_id"] == linked["id"]
    ok(await api.post(path, {"kind": "household", "other_id": two}), 201)
    assert len(ok(await api.get(f"/v1/contacts/{two}/relationships"))["items"]) == 2, "seen from either side"
    assert ok(await api.send("DELETE", f"{path}/{linked['id']}"))["ended_at"]
    assert ok(await api.send("DELETE", f"{path}/{linked['id']}"))["version"] == 2
    assert [item["kind"] for item in ok(await api.get(path))["items"]] == ["household"]
    ok(await api.post(path, {"kind": "works_for", "other_id": two}), 201)
    problem(await api.post(path, {"kind": "works_for", "other_id": str(uuid.uuid4())}), 422, "invalid-request")
    problem(await api.send("DELETE", f"/v1/contacts/{(await api.person())['id']}/relationships/{linked['id']}"), 404, "not-found")


async def test_a_merged_id_answers_with_the_survivor_and_is_written_to_as_itself(api: Api) -> None:
    one, two, three = [(await api.person(name=name))["id"] for name in ("One", "Two", "Three")]
    name = word()
    merge = ok(await api.merge(two, three), 201)
    ok(await api.merge(one, two), 201)
    old = await api.get(f"/v1/contacts/{three}")
    shown = ok(old)
    assert (shown["id"], shown["name"], shown["canonical_id"], set(shown["merged_ids"])) == (one, "One", one, {two, three})
    assert old.headers["Link"] == f'</v1/contacts/{one}>; rel="canonical"'
    written = ok(await api.patch(f"/v1/contacts/{three}", {"name": name}))
    assert (written["id"], written["name"], written["canonical_id"]) == (three, name, one)
    assert await api.found(name=name) == [one], "found by a member's name, shown as the customer"
    read = ok(await api.get(f"/v1/merges/{merge['id']}"))
    assert (read["survivor_id"], read["absorbed_id"], read["cause"], read["reversed_at"]) == (two, three, "manual", None)
    back = ok(await api.post(f"/v1/merges/{merge['id']}/reversal", {"reason": "two people"}))
    assert back["reversed_at"]
    assert ok(await api.post(f"/v1/merges/{merge['id']}/reversal", {"reason": "two people"})) == back
    assert (await api.contact(three))["canonical_id"] == three
    assert (await api.contact(two))["canonical_id"] == one
    problem(await api.get(f"/v1/merges/{uuid.uuid4()}"), 404, "not-found")


async def test_t11_an_address_of_another_contact_leads_to_merging_the_two(api: Api) -> None:
    address = {"kind": "email", "value": f"{uuid.uuid4().hex}@example.ir"}
    known, new = (await api.person(identifiers=[address]))["id"], (await api.person())["id"]
    refused = problem(await api.post(f"/v1/contacts/{new}/identifiers", address | {"value": address["value"].upper()}), 409, "identifier-taken")
    assert (refused["conflicting_contact_id"], refused["merge"]) == (known, "/v1/merges")
    ok(await api.post(refused["merge"], {"survivor_id": refused["conflicting_contact_id"], "absorbed_id": new}), 201)
    assert (await api.contact(new))["canonical_id"] == known
    stranger = (await api.person())["id"]
    own = await api.by("self", customer=stranger).post(f"/v1/contacts/{stranger}/identifiers", address)
    assert "conflicting_contact_id" not in problem(own, 409, "identifier-taken"), "a customer is not told whose it is"


async def test_merging_refuses_circles_and_says_why(api: Api) -> None:
    one, two, three = [(await api.person())["id"] for _ in range(3)]
    ok(await api.merge(one, two), 201)
    assert problem(await api.merge(two, one), 409, "rejected")["rule"] == "merge-cycle"
    refused = problem(await api.merge(three, two), 409, "rejected")
    assert (refused["rule"], refused["canonical_id"]) == ("already-merged", one)
    assert problem(await api.merge(two, three), 409, "rejected")["canonical_id"] == one
    problem(await api.merge(one, one), 422, "invalid-request")
    problem(await api.merge(one, str(uuid.uuid4())), 404, "not-found")


async def test_of_six_who_register_one_address_at_once_one_wins_fifty_times_over(api: Api) -> None:
    for _ in range(50):
        body = {"kind": "person", "name": "R. Ace", "identifiers": [mail()]}
        answers = await asyncio.gather(*(api.post("/v1/contacts", body) for _ in range(6)))
        won = [answer.json()["id"] for answer in answers if answer.status_code == 201]
        assert len(won) == 1
        assert Counter(problem(answer, 409, "identifier-taken")["conflicting_contact_id"] for answer in answers if answer.status_code != 201) == {won[0]: 5}


async def test_of_two_opposite_merges_at_once_one_wins_fifty_times_over(api: Api) -> None:
    for _ in range(50):
        one, two = [contact["id"] for contact in await asyncio.gather(api.person(), api.person())]
        answers = await asyncio.gather(api.merge(one, two), api.merge(two, one))
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        lost = next(answer for answer in answers if answer.status_code == 409)
        assert problem(lost, 409, "rejected")["rule"] == "merge-cycle"


async def test_of_two_changes_of_one_version_at_once_one_wins_fifty_times_over(api: Api) -> None:
    path = f"/v1/contacts/{(await api.person())['id']}"
    for version in range(1, 51):
        changes = [api.patch(path, {"language": f"{word}-A{version}"}, If_Match=f'"{version}"') for word in ("fa", "en")]
        answers = await asyncio.gather(*changes)
        assert sorted(answer.status_code for answer in answers) == [200, 412]


OPERATIONS = """registerContact getContact lookupContacts changeContact addIdentifier removeIdentifier verifyIdentifier setConsent checkConsent setPreferences
recordInteraction listInteractions addNote assignOwner recordNeed linkRelationship unlinkRelationship listRelationships mergeContacts getMerge reverseMerge
requestErasure getErasure"""


async def test_each_operation_promised_is_there_by_its_name(api: Api) -> None:
    described = ok(await api.get("/openapi.json"))
    assert set(OPERATIONS.split()) <= {operation["operationId"] for path in described["paths"].values() for operation in path.values()}


async def test_many_commands_make_a_contact_and_what_passed_with_it_in_one_request(api: Api) -> None:
    identity, keys = str(uuid.uuid4()), [uuid.uuid4().hex for _ in range(3)]
    lines = [
        {"operation": "registerContact", "key": keys[0], "path": {}, "body": {"kind": "person", "id": identity}},
        {"operation": "recordInteraction", "key": keys[1], "path": {"contact_id": identity}, "body": {"channel": "web", "direction": "inbound"}},
        {"operation": "setConsent", "key": keys[2], "path": {"contact_id": identity, "purpose": "marketing", "channel": "sms"}, "body": GRANT},
    ]
    for _ in range(2):
        told = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/x-ndjson"}
        answer = await api.http.post("/v1/commands", content="".join(json.dumps(line) + "\n" for line in lines), headers=told)
        rows = [json.loads(line) for line in answer.text.splitlines()]
        assert [row["status"] for row in rows] == [201, 201, 200], rows
    assert len(ok(await api.get(f"/v1/contacts/{identity}/interactions"))["items"]) == 1
    assert (await api.contact(identity))["version"] == 2
