"""Does the service answer as its clients were promised?"""

import uuid
from typing import Any

import pytest
from contacts_client import Api, digits, mail, ok, problem, word
from crm_events.store.store import EventStore

GRANT = {"status": "granted", "text_version": "2026-1", "evidence": "web form"}


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
