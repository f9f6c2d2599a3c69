"""Does the service answer as its clients were promised?"""

import asyncio
import json
import random
import uuid
from collections import Counter
from typing import Any

import pytest
from contacts_client import Api, ok, problem
from crm_events.store.store import EventStore
from crm_events.store.verify import verify

GRANT = {"status": "granted", "text_version": "2026-1", "evidence": "web form"}


def mail() -> dict[str, str]:
    return {"kind": "email", "value": f"{uuid.uuid4().hex}@example.org"}


def digits(count: int) -> str:
    return "".join(random.choices("123456789", k=count))


def word() -> str:
    return "".join(random.choices("ابپتجدرزسشفلمنو", k=9))


async def test_a_contact_is_answered_whole(api: Api) -> None:
    number = digits(7)
    body = {"kind": "person", "name": "علي كريمي", "identifiers": [{"kind": "phone", "value": f"۰۹۱۲ {number}"}], "language": "fa", "time_zone": "Asia/Tehran"}
    answer = await api.post("/v1/contacts", body | {"roles": ["buyer"], "source": {"system": "web", "reference": "f-81"}})
    contact = ok(answer, 201)
    assert answer.headers["Location"] == f"/v1/contacts/{contact['id']}"
    assert answer.headers["ETag"] == '"2"'
    assert (contact["name"], contact["identifiers"][0]["normalised"], contact["canonical_id"]) == ("علي كريمي", f"+98912{number}", contact["id"])
    read = await api.get(f"/v1/contacts/{contact['id']}")
    assert ok(read) == contact
    assert (await api.send("GET", f"/v1/contacts/{contact['id']}", If_None_Match=read.headers["ETag"])).status_code == 304


async def test_nothing_personal_is_stored_in_clear(api: Api, store: EventStore) -> None:
    contact = await api.person(name="Zahrasecret", identifiers=[{"kind": "email", "value": "zahrasecret@example.org"}])
    await api.patch(f"/v1/contacts/{contact['id']}", {"address": "Secretstreet", "birthday": "1990-05-01"})
    await api.post(f"/v1/contacts/{contact['id']}/notes", {"text": "secretnote"})
    ok(await api.post(f"/v1/contacts/{contact['id']}/interactions", {"channel": "phone", "direction": "inbound", "text": "secrettalk"}), 201)
    for table in ("events", "streams", "commands", "claims"):
        rows = " ".join(row[0] for row in await store.pool.fetch(f"select t::text from {table} t"))
        assert "secret" not in rows.lower()
        assert "1990-05-01" not in rows
        assert rows


async def test_a_contact_is_found_by_any_spelling_of_number_or_name(api: Api) -> None:
    first, last, number = word(), word(), digits(7)
    contact = await api.person(name=f"{first}ي‌رضا ك{last}", identifiers=[{"kind": "phone", "value": f"0912 {number}"}])
    other = await api.person(name=f"{first}ی کریم‌پور")
    arabic = f"0098912{number}".translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert await api.found(identifier={"kind": "phone", "value": arabic}) == [contact["id"]]
    assert await api.found(identifier={"kind": "phone", "value": f"0912{digits(7)}"}) == []
    assert set(await api.found(name=f"{first}ی")) == {contact["id"], other["id"]}
    for name in (f"ک{last}", f"ک{last}"[:6], f"ك{last}"[:9], f"رضا {first}ی", f"ک{last}  رضا"):
        assert await api.found(name=name) == [contact["id"]], name
    for name in (f"ک{last}"[:2], last, f"{first}ی ک{last}ی", f"کریم ک{last}"):
        assert await api.found(name=name) == [], name


async def test_a_former_name_finds_nobody_and_the_new_one_at_once(api: Api) -> None:
    before, now, late = word(), word(), word()
    contact = await api.person(name=before)
    ok(await api.patch(f"/v1/contacts/{contact['id']}", {"name": now}))
    assert await api.found(name=now) == [contact["id"]]
    assert await api.found(name=before) == []
    ok(await api.patch(f"/v1/contacts/{contact['id']}", {"name": late, "occurred_at": "2020-01-01T00:00:00Z"}))
    assert await api.found(name=now) == [contact["id"]], "a name told late does not hide the one that holds"
    assert await api.found(name=late) == []


async def test_a_search_goes_on_over_pages(api: Api) -> None:
    everyone = {(await api.person(name=f"Pagina {number}"))["id"] for number in range(5)}
    first = ok(await api.post("/v1/contacts/lookup?limit=2", {"name": "pagina"}))
    second = ok(await api.post(f"/v1/contacts/lookup?limit=2&cursor={first['next']}", {"name": "pagina"}))
    third = ok(await api.post(f"/v1/contacts/lookup?limit=2&cursor={second['next']}", {"name": "pagina"}))
    assert third["next"] is None
    seen = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert sorted(seen) == sorted(everyone)
    problem(await api.post("/v1/contacts/lookup?cursor=nonsense", {"name": "pagina"}), 400, "bad-cursor")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"identifiers": [mail(), {"kind": "phone", "value": "abc"}]}, "/identifiers/1/value"),
        ({"identifiers": [{"kind": "external", "value": "7"}]}, "/identifiers/0/system"),
        ({"name": "  "}, "/name"),
        ({"name": "s\x00"}, "/name"),
        ({"language": "persian!"}, "/language"),
        ({"time_zone": "Tehran"}, "/time_zone"),
        ({"colour": "red"}, "/colour"),
        ({"kind": "robot"}, "/kind"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "/occurred_at"),
        ({"id": "7"}, "/id"),
    ],
)
async def test_what_does_not_fit_is_refused_where_it_stands(api: Api, store: EventStore, body: dict[str, Any], pointer: str) -> None:
    before = await store.pool.fetchval("select count(*) from events")
    refused = problem(await api.post("/v1/contacts", {"kind": "person"} | body), 422, "invalid-request")
    assert [error["pointer"] for error in refused["errors"]] == [pointer]
    assert await store.pool.fetchval("select count(*) from events") == before


async def test_a_value_that_identifies_nobody_is_blocked(api: Api) -> None:
    problem(await api.post("/v1/contacts", {"kind": "person", "identifiers": [{"kind": "email", "value": "info@example.org"}]}), 422, "identifier-blocked")


async def test_staff_are_told_whose_an_identifier_is_and_a_customer_is_not(api: Api) -> None:
    address = mail()
    owner, other = await api.person(identifiers=[address]), await api.person()
    taken = problem(await api.post(f"/v1/contacts/{other['id']}/identifiers", address | {"value": address["value"].upper()}), 409, "identifier-taken")
    assert (taken["conflicting_contact_id"], taken["merge"]) == (owner["id"], "/v1/merges")
    herself = api.by("self", customer=other["id"])
    told = problem(await herself.post(f"/v1/contacts/{other['id']}/identifiers", address), 409, "identifier-taken")
    assert "conflicting_contact_id" not in told
    assert owner["id"] not in str(told)


async def test_a_removed_identifier_is_free_for_another(api: Api) -> None:
    address = mail()
    owner, other = await api.person(identifiers=[address]), await api.person()
    path = f"/v1/contacts/{owner['id']}/identifiers/{owner['identifiers'][0]['id']}"
    assert ok(await api.put(f"{path}/verification", {"method": "link"}))["identifiers"][0]["verified"] is True
    assert ok(await api.send("DELETE", path))["identifiers"] == []
    again = await api.send("DELETE", path)
    assert (again.status_code, again.headers["ETag"]) == (200, '"4"'), "removed twice is removed once"
    added = await api.post(f"/v1/contacts/{other['id']}/identifiers", address)
    assert added.headers["Location"].endswith(ok(added, 201)["identifiers"][0]["id"])
    same = await api.post(f"/v1/contacts/{other['id']}/identifiers", address)
    assert ok(same)["version"] == added.json()["version"], "the same again is nothing new"


async def test_a_change_tells_only_what_differs(api: Api, store: EventStore) -> None:
    contact = await api.person(language="fa")
    path = f"/v1/contacts/{contact['id']}"
    changed = ok(await api.patch(path, {"name": contact["name"], "language": None, "birthday": "1990-05-01", "type": "internal"}))
    assert (changed["language"], changed["birthday"], changed["type"], changed["version"]) == (None, "1990-05-01", "internal", 3)
    assert ok(await api.patch(path, {"name": contact["name"], "type": "internal"}))["version"] == 3
    payload = await store.pool.fetchval(
        "select payload::text from events where type = 'contact.details_changed' and customer_id = $1", uuid.UUID(contact["id"])
    )
    assert '"name"' not in payload
    assert '"language":null' in payload
    for wrong in ({"type": None}, {"birthday": "1990-02-30"}, {"birthday": "2999-01-01"}, {"birthday": 7}, {"roles": ["king"]}):
        problem(await api.patch(path, wrong), 422, "invalid-request")


async def test_a_stale_change_is_refused(api: Api) -> None:
    path = f"/v1/contacts/{(await api.person())['id']}"
    ok(await api.patch(path, {"language": "en"}, If_Match='"1"'))
    assert problem(await api.patch(path, {"language": "fa"}, If_Match='"1"'), 412, "version-conflict")["current_version"] == 2


async def test_a_repeated_request_is_answered_once(api: Api) -> None:
    key = uuid.uuid4().hex
    first = await api.post("/v1/contacts", {"kind": "person"}, key=key)
    again = await api.post("/v1/contacts", {"kind": "person"}, key=key)
    assert ok(first, 201) == ok(again, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    problem(await api.post("/v1/contacts", {"kind": "organisation"}, key=key), 422, "idempotency-key-reused")
    problem(await api.post("/v1/contacts", {"kind": "person", "id": first.json()["id"]}), 409, "already-exists")


async def test_owner_preferences_notes_and_needs_are_set(api: Api) -> None:
    path = f"/v1/contacts/{(await api.person())['id']}"
    assert ok(await api.put(f"{path}/owner", {"agent_id": "agent-7"}))["owner_id"] == "agent-7"
    window = {"days": ["sat"], "from": "09:00", "to": "12:30", "time_zone": "Asia/Tehran"}
    wished = {"channel": "sms", "language": "fa", "time_windows": [window], "frequency_cap": {"count": 2, "per_days": 7}}
    assert ok(await api.put(f"{path}/preferences", wished))["preferences"] == wished
    assert ok(await api.put(f"{path}/preferences", {"frequency_cap": None}))["preferences"] == wished | {"frequency_cap": None}
    problem(await api.put(f"{path}/preferences", {"time_windows": [window | {"from": "13:00"}]}), 422, "invalid-request")
    noted = await api.post(f"{path}/notes", {"text": "likes tea"})
    assert "/notes/" in noted.headers["Location"]
    ok(noted, 201)
    ok(await api.post(f"{path}/needs", {"need": "tea", "weight": 80}), 201)
    problem(await api.post(f"{path}/needs", {"need": "tea", "weight": 101}), 422, "invalid-request")


async def test_who_may_not_see_personal_data_sees_that_there_is_some(api: Api) -> None:
    contact = await api.person(identifiers=[mail()])
    seen = ok(await api.by("contacts:read").get(f"/v1/contacts/{contact['id']}"))
    assert (seen["name"], seen["identifiers"][0]["value"]) == (None, None)
    assert set(seen["redacted"]) == {"name", "identifiers.value", "identifiers.normalised"}
    problem(await api.by("contacts:read").patch(f"/v1/contacts/{contact['id']}", {"language": "en"}), 403, "forbidden")
    problem(await api.by("contacts:write").merge(contact["id"], contact["id"]), 403, "forbidden")


async def test_a_customer_touches_herself_and_nobody_else(api: Api) -> None:
    ada, bea, old = [(await api.person())["id"] for _ in range(3)]
    ok(await api.merge(ada, old), 201)
    herself = api.by("self", customer=ada)
    assert ok(await herself.get(f"/v1/contacts/{ada}"))["name"] == "مریم رضایی"
    assert ok(await herself.patch(f"/v1/contacts/{old}", {"language": "fa"}))["language"] == "fa", "an id merged with hers is hers"
    ok(await herself.put(f"/v1/contacts/{ada}/consents/marketing/sms", GRANT))
    ok(await herself.put(f"/v1/contacts/{ada}/preferences", {"channel": "sms"}))
    problem(await herself.get(f"/v1/contacts/{bea}"), 404, "not-found")
    problem(await herself.patch(f"/v1/contacts/{bea}", {"language": "fa"}), 404, "not-found")
    problem(await herself.put(f"/v1/contacts/{bea}/consents/marketing/sms", GRANT), 404, "not-found")
    problem(await herself.post(f"/v1/contacts/{ada}/notes", {"text": "x"}), 403, "forbidden")


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
