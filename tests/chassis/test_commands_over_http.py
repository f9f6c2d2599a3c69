"""Is a command over HTTP done once, answered whole, and refused for a reason?"""

import asyncio
import json
import uuid

import httpx2
from fastapi import FastAPI
from problem_asserts import keyed, problem

JSON = {"Content-Type": "application/json"}


async def jar(http: httpx2.AsyncClient, staff: dict[str, str], **told: object) -> httpx2.Response:
    answer = await http.post("/v1/jars", json={"text": "راز"} | told, headers=staff | keyed())
    assert answer.status_code == 201, answer.text
    return answer


async def test_what_is_made_is_answered_whole_with_its_place_version_and_token(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    answer = await jar(http, staff)
    body = answer.json()
    assert body == {"id": body["id"], "version": 1, "notes": 1, "last": "راز", "redacted": []}
    assert answer.headers["Location"] == f"/v1/jars/{body['id']}" and answer.headers["ETag"] == '"1"'
    assert answer.headers["Consistency-Token"].startswith("contacts.") and "Idempotency-Replayed" not in answer.headers
    assert (await http.get(answer.headers["Location"], headers=staff)).json() == body


async def test_a_repeat_is_answered_as_the_first_with_the_resource_as_it_now_is(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    key = keyed()
    first = await http.post("/v1/jars", json={"text": "a"}, headers=staff | key)
    path = first.headers["Location"]
    await http.post(f"{path}/notes", json={"text": "b"}, headers=staff | keyed())
    again = await http.post("/v1/jars", json={"text": "a"}, headers=staff | key)
    assert (again.status_code, again.headers["Location"], again.headers["Idempotency-Replayed"]) == (201, path, "true")
    assert again.json()["notes"] == 2 and again.headers["Consistency-Token"] == first.headers["Consistency-Token"]
    reordered = await http.post("/v1/jars", content=b'{ "count": 1, "text": "a" }', headers=staff | key | JSON)
    problem(reordered, 422, "idempotency-key-reused")


async def test_the_same_body_written_otherwise_is_the_same_request(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    key = keyed()
    await http.post("/v1/jars", content=b'{"text":"a","count":2}', headers=staff | key | JSON)
    again = await http.post("/v1/jars", content=b'{ "count": 2, "text": "\\u0061" }', headers=staff | key | JSON)
    assert again.status_code == 201 and again.headers["Idempotency-Replayed"] == "true"


async def test_a_key_is_its_callers_and_its_operations_own(http: httpx2.AsyncClient, staff: dict[str, str], as_) -> None:
    key, other = keyed(), as_("contacts:write", subject="other")
    path = (await http.post("/v1/jars", json={"text": "a"}, headers=staff | key)).headers["Location"]
    assert (await http.post("/v1/jars", json={"text": "a"}, headers=other | key)).headers["Location"] != path
    assert "Idempotency-Replayed" not in (await http.post(f"{path}/notes", json={"text": "a"}, headers=staff | key)).headers


async def test_a_post_that_writes_needs_a_key_and_one_that_asks_does_not(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    problem(await http.post("/v1/jars", json={"text": "a"}, headers=staff), 400, "idempotency-key-missing")
    for bad in ("", "a b", "x" * 201, "é"):
        problem(await http.post("/v1/jars", json={"text": "a"}, headers=[*staff.items(), ("Idempotency-Key", bad.encode())]), 400, "malformed")
    problem(await http.post("/v1/jars", json={"text": "a"}, headers=[*staff.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]), 400, "malformed")
    assert (await http.post("/v1/jars/lookup", json={"text": "a"}, headers=staff)).json() == {"items": [], "next": None}


async def test_put_and_delete_need_no_key_but_keep_one(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    path, key = (await jar(http, staff)).headers["Location"], keyed()
    versions = [(await http.put(f"{path}/owner", json={"agent_id": "ann"}, headers=staff)).json()["version"] for _ in range(2)]
    assert versions == [2, 3]
    kept = [(await http.put(f"{path}/owner", json={"agent_id": "ann"}, headers=staff | key)) for _ in range(2)]
    assert [answer.json()["version"] for answer in kept] == [4, 4] and "Idempotency-Replayed" in kept[1].headers
    nothing = await http.delete(f"{path}/label", headers=staff)
    assert (nothing.status_code, nothing.headers["ETag"]) == (200, '"4"')


async def test_a_change_on_an_old_version_is_refused(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    path = (await jar(http, staff)).headers["Location"]
    both = await asyncio.gather(*(http.put(f"{path}/owner", json={"agent_id": "ann"}, headers=staff | {"If-Match": '"1"'}) for _ in range(2)))
    lost = next(answer for answer in both if answer.status_code != 200)
    assert problem(lost, 412, "version-conflict")["current_version"] == 2
    for bad in ("1", 'W/"1"', "*", '"x"', '"1", "2"', ""):
        problem(await http.put(f"{path}/owner", json={"agent_id": "ann"}, headers=staff | {"If-Match": bad}), 400, "malformed")


async def test_a_reader_who_has_the_version_gets_no_body(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    path = (await jar(http, staff)).headers["Location"]
    for told in ('"1"', 'W/"1"', '"0", "1"', "*"):
        answer = await http.get(path, headers=staff | {"If-None-Match": told})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", '"1"')
    assert (await http.get(path, headers=staff | {"If-None-Match": '"2"'})).status_code == 200


async def test_what_another_holds_is_refused(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    one, two = [(await jar(http, staff)).headers["Location"] for _ in range(2)]
    need = {"need": uuid.uuid4().hex}
    answers = await asyncio.gather(*(http.post(f"{path}/needs", json=need, headers=staff | keyed()) for path in (one, two)))
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert problem(lost, 409, "already-exists")["existing_id"] == won.json()["id"]


async def test_events_know_who_acted_and_in_which_trace(http: httpx2.AsyncClient, as_, desk_app: FastAPI) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    made = await jar(http, as_("contacts:write", actor="service:importer") | {"traceparent": trace, "Request-Id": "r-1"})
    row = await desk_app.state.store.pool.fetchrow("select metadata::jsonb as m from events where stream_id = $1", uuid.UUID(made.json()["id"]))
    assert '"actor": "service:importer"' in row["m"] and trace[3:35] in row["m"] and '"r-1"' in row["m"]
    assert made.headers["traceparent"][3:35] == trace[3:35] and made.headers["traceparent"] != trace and made.headers["request-id"] == "r-1"


async def test_what_happened_may_be_long_ago_but_not_ahead(http: httpx2.AsyncClient, staff: dict[str, str], desk_app: FastAPI) -> None:
    made = await jar(http, staff, occurred_at="2020-02-29T12:00:00.123456+03:30")
    at = await desk_app.state.store.pool.fetchval("select occurred_at from events where stream_id = $1", uuid.UUID(made.json()["id"]))
    assert at.isoformat() == "2020-02-29T08:30:00.123000+00:00"
    for bad in ("2999-01-01T00:00:00Z", "2020-01-01T00:00:00", "yesterday", "0001-01-01T00:00:00+14:00"):
        body = problem(await http.post("/v1/jars", json={"text": "a", "occurred_at": bad}, headers=staff | keyed()), 422, "invalid-request")
        assert body["errors"][0]["pointer"] == "/occurred_at"


async def test_a_store_that_lost_its_tail_tells_nobody_that_something_is_not_there(http: httpx2.AsyncClient, staff: dict[str, str], desk_app: FastAPI) -> None:
    path, pool = (await jar(http, staff)).headers["Location"], desk_app.state.store.pool
    away = f"/v1/jars/{uuid.uuid4()}"
    line = json.dumps({"operation": "addJarNote", "key": uuid.uuid4().hex, "path": {"jar_id": away.rpartition("/")[2]}, "body": {"text": "b"}})

    async def asked() -> list[int]:
        bulk = await http.post("/v1/commands", content=line, headers=staff | {"Content-Type": "application/x-ndjson"})
        return [
            (await http.get(away, headers=staff)).status_code,
            (await http.post(f"{away}/notes", json={"text": "b"}, headers=staff | keyed())).status_code,
            bulk.json()["status"],
            (await http.delete(f"{path}/label", headers=staff)).status_code,
        ]

    assert await asked() == [404, 404, 404, 200]
    timeline = await pool.fetchval("select timeline from store")
    await pool.execute("update store set timeline = ''")
    assert await asked() == [503, 503, 503, 503]
    await pool.execute("update store set timeline = $1", timeline)
    assert (await http.get(away, headers=staff)).status_code == 503, "it may have been asked about before the tail was back"
    assert await asked() == [404, 404, 404, 200]
