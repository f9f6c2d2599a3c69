"""Do many commands at once do what each alone would have done, in order where order matters?"""

import json
import uuid
from typing import Any

import httpx2
from crm_chassis.order import groups
from problem_asserts import keyed, problem

BULK = "/v1/commands"
NDJSON = {"Content-Type": "application/x-ndjson"}


async def run(http: httpx2.AsyncClient, who: dict[str, str], lines: list[Any]) -> list[dict[str, Any]]:
    content = b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)
    answer = await http.post(BULK, content=content, headers=who | NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def make(jar: str, **more: Any) -> dict[str, Any]:
    return {"operation": "openJar", "key": uuid.uuid4().hex, "path": {}, "body": {"id": jar, "text": "a"} | more}


def add(jar: str, text: str = "b") -> dict[str, Any]:
    return {"operation": "addJarNote", "key": uuid.uuid4().hex, "path": {"jar_id": jar}, "body": {"text": text}}


async def test_lines_on_one_thing_keep_their_order_and_each_is_answered_in_its_place(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    jars = [str(uuid.uuid4()) for _ in range(20)]
    lines = [make(jar) for jar in jars] + [add(jar, f"{turn}") for turn in range(5) for jar in jars]
    answers = await run(http, staff, lines)
    assert [answer["key"] for answer in answers] == [line["key"] for line in lines]
    assert [answer["status"] for answer in answers] == [201] * 20 + [200] * 100
    for line, answer in zip(lines[20:], answers[20:], strict=True):
        assert answer["body"]["last"] == line["body"]["text"] and answer["etag"] == f'"{int(line["body"]["text"]) + 2}"' and answer["consistency_token"]
    again = await run(http, staff, lines)
    assert [answer["status"] for answer in again] == [answer["status"] for answer in answers]
    assert all(answer["body"]["notes"] == 6 and answer["replayed"] is True for answer in again), "done before: nothing is added"
    assert not any("replayed" in answer for answer in answers)


async def test_each_line_stands_alone(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    jar = str(uuid.uuid4())
    lines: list[Any] = [
        b"{",
        b"[]",
        {"key": "k", "path": {}},
        {"operation": "openTicket", "key": "k"},
        {"operation": "getJar", "path": {"jar_id": jar}},
        {"operation": "lookupJars", "body": {"text": "a"}},
        make(jar, text=""),
        make(jar, text="a\x00"),
        {**make(jar), "key": None},
        {**make(jar), "key": "a b"},
        {**make(jar), "key": "کلید"},
        {**make(jar), "keyy": 1},
        {**make(jar), "path": {"jar_id": jar}},
        {**add(jar), "path": {}},
        {**add(jar), "path": {"jar_id": "nobody"}},
        {**add(jar), "body": None},
        {"operation": "removeJarLabel", "path": {"jar_id": jar}, "body": {"a": 1}},
        add(jar),
        make(jar),
        {"operation": "assignJarOwner", "path": {"jar_id": jar}, "body": {"agent_id": "ann"}},
        {"operation": "removeJarLabel", "path": {"jar_id": jar}},
        b'{"operation": "openJar", "key": "n", "body": {"text": NaN}}',
        b'{"operation": "openJar", "key": "s", "body": {"text": "\\ud800"}}',
    ]
    answers = await run(http, staff, lines)
    told = [(answer["status"], answer.get("problem", {}).get("type", "").removeprefix("/problems/")) for answer in answers]
    assert told == [
        (400, "malformed"),
        (400, "malformed"),
        (400, "malformed"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (400, "idempotency-key-missing"),
        (400, "malformed"),
        (400, "malformed"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (422, "invalid-request"),
        (404, "not-found"),
        (201, ""),
        (200, ""),
        (200, ""),
        (400, "malformed"),
        (400, "malformed"),
    ]
    assert [answers[number]["key"] for number in (0, 1, 2)] == [None] * 3
    assert [error["pointer"] for error in answers[6]["problem"]["errors"] + answers[7]["problem"]["errors"] + answers[11]["problem"]["errors"]] == [
        "/text",
        "/text",
        "/keyy",
    ]
    assert answers[14]["problem"]["errors"][0]["parameter"] == "jar_id"
    assert all(answer["problem"]["request_id"] and answer["problem"]["detail"] for answer in answers if "problem" in answer)


async def test_each_line_needs_its_operations_scope(http: httpx2.AsyncClient, as_) -> None:
    jar, one = str(uuid.uuid4()), str(uuid.UUID(int=1))
    owner = {"operation": "assignJarOwner", "path": {"jar_id": jar}, "body": {"agent_id": "ann"}}
    assert [answer["status"] for answer in await run(http, as_("contacts:write"), [make(jar), owner, add(jar)])] == [201, 403, 200]
    herself = await run(http, as_("self", customer=one), [make(str(uuid.uuid4()), customer_id=one), add(jar), make(str(uuid.uuid4()), customer_id=jar)])
    assert [answer["status"] for answer in herself] == [201, 404, 404] and herself[0]["body"]["last"] == "a"
    problem(await http.post(BULK, content=b"", headers=NDJSON), 401, "unauthenticated")


async def test_a_key_is_the_same_over_both_doors(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    jar = str(uuid.uuid4())
    line = make(jar)
    first = await http.post("/v1/jars", json=line["body"], headers=staff | keyed(line["key"]))
    (again,) = await run(http, staff, [line])
    assert (first.status_code, again["status"], again["body"]) == (201, 201, first.json())
    (other,) = await run(http, staff, [{**line, "body": {**line["body"], "text": "other"}}])
    assert (other["status"], other["problem"]["type"]) == (422, "/problems/idempotency-key-reused")


async def test_too_many_lines_too_many_bytes_or_another_type_are_refused_whole(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    problem(await http.post(BULK, content=b"{}\n" * 1001, headers=staff | NDJSON), 413, "body-too-large")
    problem(await http.post(BULK, content=b" " * (9 << 20), headers=staff | NDJSON), 413, "body-too-large")
    problem(await http.post(BULK, content=b"{}", headers=staff | {"Content-Type": "application/json"}), 415, "unsupported-media-type")
    big = [make(str(uuid.uuid4()), text="x" * 19_000) for _ in range(200)]
    assert {answer["status"] for answer in await run(http, staff, big)} == {201}, "3.8 MB: more than one command may be"
    assert await run(http, staff, []) == []


async def test_lines_about_different_things_do_not_wait_for_each_other(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    meet = [{"operation": "meetAtJar", "path": {"jar_id": str(uuid.uuid4())}} for _ in range(2)]
    assert [answer["status"] for answer in await run(http, staff, meet)] == [200, 200]


def test_lines_that_share_an_id_directly_or_over_a_third_are_one_group() -> None:
    a, b, c, d = (str(uuid.uuid4()) for _ in range(4))
    line = lambda path, body=None: {"operation": "o", "path": path, "body": body}  # noqa: E731
    lines = [
        line({"x": a}),
        line({"x": b}),
        line({}, {"id": c}),
        line({"x": c.upper()}, {"other_id": a}),
        None,
        line({"x": d}, {"customer_id": b}),
        line({"name": "gold"}),
        line({"name": "gold"}),
        line({"name": "tin"}),
        line({"x": a, "name": "tin"}),
    ]
    assert sorted(groups(lines)) == [[0, 2, 3, 9], [1], [4], [5], [6, 7], [8]]
