"""Does every wrong request get a 4xx that says what to do, and none a 500?"""

import uuid
from typing import Any

import httpx2
import pytest
from problem_asserts import keyed, problem

OPEN = "/v1/jars"


async def sent(http: httpx2.AsyncClient, staff: dict[str, str], content: bytes, kind: str | None = "application/json") -> httpx2.Response:
    return await http.post(OPEN, content=content, headers=staff | keyed() | ({"Content-Type": kind} if kind else {}))


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b"{}", ["/text"]),
        (b"[]", [""]),
        (b'"text"', [""]),
        (b"null", [""]),
        (b"7", [""]),
        (b'{"text": "a", "colour": "red"}', ["/colour"]),
        (b'{"text": "a", "a/b~c": 1}', ["/a~1b~0c"]),
        (b'{"text": ""}', ["/text"]),
        (b'{"text": 7}', ["/text"]),
        (b'{"text": null}', ["/text"]),
        (b'{"text": "a\\u0000b"}', ["/text"]),
        (b'{"text": "a", "te\\u0000xt": "b"}', [""]),
        (b'{"text": "a", "id": "no-uuid-\\ud83d\\ude00"}', ["/id"]),
        (b'{"text": "a", "count": 0}', ["/count"]),
        (b'{"text": "a", "count": 123456789012345678901234567890}', ["/count"]),
        (b'{"text": "a", "count": 1e300}', ["/count"]),
        (b'{"text": "a", "count": "x", "labels": [{"colour": "red", "text": "t"}, {"colour": "pink"}]}', ["/count", "/labels/1/colour", "/labels/1/text"]),
        (b'{"text": "a", "labels": {"colour": "red"}}', ["/labels"]),
        (b'{"text": "a", "labels": [[[[[[]]]]]]}', ["/labels/0"]),
        (b"", [""]),
    ],
)
async def test_json_that_does_not_fit_is_pointed_at(http: httpx2.AsyncClient, staff: dict[str, str], body: bytes, pointers: list[str]) -> None:
    errors = problem(await sent(http, staff, body), 422, "invalid-request")["errors"]
    assert [error["pointer"] for error in errors] == pointers
    assert all(set(error) == {"pointer", "code", "detail"} and error["detail"] for error in errors)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"kind=person",
        b"{'text': 'a'}",
        b'{"text": NaN}',
        b'{"text": Infinity}',
        b'{"count": 1e999}',
        b'{"text": "\\ud800"}',
        b'{"text": "\xff\xfe"}',
        b"\xef\xbb\xbf{}",
        '{"text": "a"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'{"labels":' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"text": "a"} {}',
        b"\x00",
    ],
)
async def test_what_is_no_json_is_malformed(http: httpx2.AsyncClient, staff: dict[str, str], body: bytes) -> None:
    problem(await sent(http, staff, body), 400, "malformed")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=latin-1", None]
)
async def test_another_content_type_is_refused(http: httpx2.AsyncClient, staff: dict[str, str], kind: str | None) -> None:
    problem(await sent(http, staff, b'{"text": "a"}', kind), 415, "unsupported-media-type")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=UTF-8", "Application/JSON", "application/merge-patch+json"])
async def test_json_by_any_of_its_names_is_read(http: httpx2.AsyncClient, staff: dict[str, str], kind: str) -> None:
    assert (await sent(http, staff, b'{"text": "a"}', kind)).status_code == 201


async def test_text_is_kept_in_its_composed_form(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    assert (await sent(http, staff, '{"text": "e\u0301 \u0627\u0653"}'.encode())).json()["last"] == "é آ"


async def test_what_was_sent_is_never_repeated(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    secret = "ann-example-org"
    for body in (
        {"text": {"a": secret}},
        {"text": "a", "id": secret},
        {"text": "a", "count": secret},
        {"text": "a", "labels": [{"colour": secret, "text": "t"}]},
        {"text": "a", "occurred_at": secret},
    ):
        answer = await http.post(OPEN, json=body, headers=staff | keyed())
        assert secret not in str(problem(answer, 422, "invalid-request"))
    answer = await http.get(f"/v1/jars?limit={secret}&cursor={secret}", headers=staff)
    assert answer.status_code in (400, 422) and secret not in answer.text


async def test_path_and_query_are_named_as_parameters(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    for path, name in (
        ("/v1/jars/nobody", "jar_id"),
        ("/v1/jars?limit=0", "limit"),
        ("/v1/jars?limit=201", "limit"),
        ("/v1/jars?limit=x", "limit"),
        ("/v1/jars?limit=" + "9" * 5000, "limit"),
        ("/v1/jars?sort=colour", "sort"),
        ("/v1/jars?colour=red", "colour"),
        ("/v1/jars?limit=5&limit=x", "limit"),
    ):
        (error,) = problem(await http.get(path, headers=staff), 422, "invalid-request")["errors"]
        assert error["parameter"] == name and "pointer" not in error


async def test_nul_in_an_address_never_reaches_the_database(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    for path in ("/v1/fails/a%00b", "/v1/jars?sort=a%00b"):
        problem(await http.request("POST" if "fails" in path else "GET", path, headers=staff), 400, "malformed")


async def test_an_unknown_address_or_method_is_a_problem_too(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    problem(await http.get("/v1/nothing", headers=staff), 404, "not-found")
    problem(await http.get("/v1/jars/", headers=staff), 404, "not-found")
    answer = await http.patch("/v1/jars", headers=staff)
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"]
    problem(await http.get(f"/v1/jars/{uuid.uuid4()}", headers=staff), 404, "not-found")


async def test_too_large_a_body_is_refused_with_a_length_and_without(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    async def pieces():
        for _ in range(20):
            yield b"x" * (100 << 10)

    problem(await sent(http, staff, b'{"text":"' + b"x" * (1 << 20) + b'"}'), 413, "body-too-large")
    problem(await http.post(OPEN, content=pieces(), headers=staff | keyed() | {"Content-Type": "application/json"}), 413, "body-too-large")
    problem(await http.post("/v1/nothing", content=b"x" * (2 << 20), headers=staff), 413, "body-too-large")
    problem(await sent(http, staff, b'{"text":"' + b"x" * 30_000 + b'"}'), 422, "invalid-request")


async def test_a_client_may_send_strange_headers(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    made = await sent(http, staff, b'{"text": "a"}')
    strange: list[tuple[str, str | bytes]] = [
        *staff.items(),
        ("Request-Id", "a b\tc"),
        ("traceparent", "00-zz"),
        ("traceparent", "00-1"),
        ("If-None-Match", ',,"'),
        ("Cookie", b"a=\xff"),
        ("Accept", "text/html"),
    ]
    answer = await http.get(made.headers["Location"], headers=strange)
    assert answer.status_code == 200 and answer.headers["request-id"] != "a b\tc" and len(answer.headers["traceparent"]) == 55


VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**63,
    2**70,
    1.5,
    1e308,
    "",
    "a",
    "a\u0000",
    "s1.",
    "\U0001f600" * 3,
    "x" * 300,
    str(uuid.UUID(int=7)),
    [],
    [[]],
    {},
    [None],
    {"a": {}},
    "2020-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/jars", {"text": "a", "id": "", "customer_id": "", "count": 1, "labels": [], "occurred_at": "2020-01-01T00:00:00Z"}),
        ("POST", "/v1/jars/{jar}/notes", {"text": "a"}),
        ("POST", "/v1/jars/{jar}/needs", {"need": "a"}),
        ("PUT", "/v1/jars/{jar}/owner", {"agent_id": "a"}),
        ("POST", "/v1/jars/lookup", {"text": "a"}),
    ],
)
async def test_no_value_in_any_field_gives_a_500(http: httpx2.AsyncClient, staff: dict[str, str], method: str, path: str, body: dict[str, Any]) -> None:
    jar = str(uuid.uuid4())
    await http.post("/v1/jars", json={"id": jar, "text": "a"}, headers=staff | keyed())
    for name in body:
        for value in VALUES:
            told = {key: kept for key, kept in body.items() if kept != ""} | {name: value}
            answer = await http.request(method, path.format(jar=jar), json=told, headers=staff | keyed())
            assert answer.status_code < 500, f"{told}: {answer.text}"
