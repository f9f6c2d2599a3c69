"""Is a change that breaks clients named by operation and place, and one that breaks nobody let through?"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crm_contract.breaking import breaking
from crm_contract.cli import app as program
from crm_contract.documents import committed, documents, text_of
from typer.testing import CliRunner

Change = Callable[[Any], Any]
PROMISED = committed()


@pytest.fixture(scope="module")
def now() -> Any:
    return documents()


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def at(document: Any, method: str, path: str) -> Any:
    return document["paths"][path][method]


def parameter(document: Any, name: str, method: str, path: str) -> Any:
    return next(each for each in at(document, method, path)["parameters"] if each["name"] == name)


def dropped(document: Any, method: str, path: str, name: str) -> None:
    operation = at(document, method, path)
    operation["parameters"] = [each for each in operation["parameters"] if each["name"] != name]


def test_nothing_that_was_promised_is_broken(now: Any) -> None:
    """Fails with the operation and the place; if the change is meant: crm-contract write --breaks."""
    assert [f"{name}: {text}" for name in PROMISED for text in breaking(PROMISED[name], now[name])] == []


def test_what_is_committed_is_what_the_code_describes(now: Any) -> None:
    assert set(PROMISED) == {"contacts", "tickets", "loyalty", "reporting", "crm"}
    assert [name for name in now if text_of(PROMISED[name]) != text_of(now[name])] == [], "make contract"


SOCIAL = {"registerContact": "/identifiers/*/kind", "lookupContacts": "/identifier/kind"}
BREAKS: list[tuple[str, str, Change, list[str]]] = [
    ("contacts", "an operation is dropped", lambda d: d["paths"].pop("/v1/consents/check"), ["checkConsent is gone (POST /v1/consents/check)."]),
    (
        "contacts",
        "an operation moves",
        lambda d: d["paths"].update({"/v2/consents/check": d["paths"].pop("/v1/consents/check")}),
        ["checkConsent has moved from POST /v1/consents/check to POST /v2/consents/check."],
    ),
    (
        "tickets",
        "an operation is renamed",
        lambda d: at(d, "put", "/v1/tickets/{ticket_id}/priority").update(operationId="changePriority"),
        ["setPriority is gone (PUT /v1/tickets/{ticket_id}/priority)."],
    ),
    (
        "contacts",
        "a field of an answer is dropped",
        lambda d: (schema(d, "CapAnswer")["properties"].pop("count"), schema(d, "CapAnswer")["required"].remove("count")),
        ["getContact no longer answers /preferences/frequency_cap/count in the answer 200."],
    ),
    (
        "contacts",
        "a field of an answer may be left out",
        lambda d: schema(d, "ContactAnswer")["required"].remove("roles"),
        ["getContact no longer always answers /roles in the answer 200."],
    ),
    (
        "contacts",
        "a field of an answer may be null",
        lambda d: schema(d, "ContactAnswer")["properties"].update(kind={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ["getContact may now answer null at /kind in the answer 200."],
    ),
    (
        "tickets",
        "a field of an answer changes its type",
        lambda d: schema(d, "TicketAnswer")["properties"].update(reopened_count={"type": "string"}),
        ["getTicket may now answer string at /reopened_count in the answer 200."],
    ),
    (
        "tickets",
        "a required field is added to a body",
        lambda d: (schema(d, "NewTicket")["properties"].update(team={"type": "string"}), schema(d, "NewTicket")["required"].append("team")),
        ["openTicket now requires /team in the body."],
    ),
    (
        "tickets",
        "a field of a body is dropped",
        lambda d: schema(d, "NewTicket")["properties"].pop("product"),
        ["openTicket no longer takes /product in the body."],
    ),
    (
        "tickets",
        "an enumeration in a body is narrowed",
        lambda d: schema(d, "NewTicket")["properties"]["priority"]["enum"].remove("urgent"),
        ["openTicket no longer takes 'urgent' at /priority in the body."],
    ),
    (
        "contacts",
        "an enumeration deep in a body is narrowed",
        lambda d: schema(d, "IdentifierBody")["properties"]["kind"]["enum"].remove("social"),
        [f"{each} no longer takes 'social' at {place} in the body." for each, place in SOCIAL.items()],
    ),
    (
        "loyalty",
        "null is no longer taken",
        lambda d: schema(d, "LineBody")["properties"].update(brand=schema(d, "LineBody")["properties"]["brand"]["anyOf"][0]),
        ["recordTransaction no longer takes null at /lines/*/brand in the body."],
    ),
    (
        "contacts",
        "a text may be less long",
        lambda d: schema(d, "NoteBody")["properties"]["text"].update(maxLength=140),
        ["addNote takes less than before at /text (maxLength 140) in the body."],
    ),
    (
        "loyalty",
        "fewer lines are taken",
        lambda d: schema(d, "TransactionBody")["properties"]["lines"].update(maxItems=10),
        ["recordTransaction takes less than before at /lines (maxItems 10) in the body."],
    ),
    (
        "tickets",
        "a parameter is dropped",
        lambda d: dropped(d, "get", "/v1/tickets", "assignee_id"),
        ["listTickets no longer takes the query parameter assignee_id."],
    ),
    (
        "tickets",
        "a parameter becomes required",
        lambda d: parameter(d, "status", "get", "/v1/tickets").update(required=True),
        ["listTickets now requires the query parameter status."],
    ),
    (
        "contacts",
        "an enumeration of a path is narrowed",
        lambda d: parameter(d, "purpose", "put", "/v1/contacts/{contact_id}/consents/{purpose}/{channel}")["schema"]["enum"].remove("survey"),
        ["setConsent no longer takes 'survey' at / in the path parameter purpose."],
    ),
    (
        "loyalty",
        "a scope is no longer admitted",
        lambda d: at(d, "get", "/v1/members/{member_id}")["security"].remove({"bearer": ["self"]}),
        ["getMember no longer admits the scope self."],
    ),
    (
        "loyalty",
        "a header of an answer is dropped",
        lambda d: at(d, "get", "/v1/members/{member_id}")["responses"]["200"]["headers"].pop("ETag"),
        ["getMember no longer answers 200 with the header ETag."],
    ),
    (
        "contacts",
        "an answer is dropped",
        lambda d: at(d, "post", "/v1/contacts/{contact_id}/notes")["responses"].pop("201"),
        ["addNote no longer answers 201."],
    ),
    (
        "reporting",
        "an answer comes in another form",
        lambda d: at(d, "get", "/v1/customers/{customer_id}/stream")["responses"]["200"].update(content={"application/json": {"schema": {"type": "string"}}}),
        ["streamCustomer no longer answers 200 in text/event-stream."],
    ),
    (
        "reporting",
        "a body becomes required",
        lambda d: at(d, "post", "/v1/operations/rebuilds")["requestBody"].update(required=True),
        ["startRebuild now requires a body."],
    ),
]


@pytest.mark.parametrize(("service", "change", "told"), [(s, c, t) for s, _, c, t in BREAKS], ids=[name for _, name, _, _ in BREAKS])
def test_what_breaks_is_named(service: str, change: Change, told: list[str]) -> None:
    after = copy.deepcopy(PROMISED[service])
    change(after)
    said = breaking(PROMISED[service], after)
    assert set(told) <= set(said), said


LETS: list[tuple[str, str, Change]] = [
    ("contacts", "an operation more", lambda d: d["paths"].update({"/v1/x": {"get": at(d, "get", "/v1/contacts/{contact_id}") | {"operationId": "getX"}}})),
    ("contacts", "an optional field more in a body", lambda d: schema(d, "Registration")["properties"].update(nickname={"type": "string"})),
    ("contacts", "a field more in an answer", lambda d: schema(d, "ContactAnswer")["properties"].update(nickname={"type": "string"})),
    ("contacts", "a word more that is taken", lambda d: schema(d, "Registration")["properties"]["kind"]["enum"].append("household")),
    ("contacts", "a longer text", lambda d: schema(d, "NoteBody")["properties"]["text"].update(maxLength=50_000)),
    ("tickets", "an optional parameter more", lambda d: at(d, "get", "/v1/tickets")["parameters"].append({"name": "q", "in": "query", "schema": {}})),
    ("tickets", "a field is no longer required", lambda d: schema(d, "NewTicket")["required"].remove("text")),
    ("tickets", "null is taken as well", lambda d: schema(d, "CategoryBody")["properties"].update(category={"type": ["string", "null"]})),
    ("tickets", "a new problem type", lambda d: schema(d, "Problem")["properties"]["type"]["enum"].append("/problems/new")),
    ("tickets", "other words and examples", lambda d: at(d, "get", "/v1/tickets").update(summary="x", description="y")),
]


@pytest.mark.parametrize(("service", "change"), [(s, c) for s, _, c in LETS], ids=[name for _, name, _ in LETS])
def test_what_breaks_nobody_is_let_through(service: str, change: Change) -> None:
    after = copy.deepcopy(PROMISED[service])
    change(after)
    assert after != PROMISED[service]
    assert breaking(PROMISED[service], after) == []


def test_the_program_refuses_to_write_what_breaks(tmp_path: Path) -> None:
    promised = copy.deepcopy(PROMISED["tickets"])
    promised["paths"]["/v1/old"] = {"get": at(promised, "get", "/v1/tickets") | {"operationId": "getOld"}}
    (tmp_path / "tickets.json").write_text(text_of(promised))

    def run(*words: str) -> tuple[int, str]:
        ran = CliRunner().invoke(program, [*words, "--folder", str(tmp_path)])
        return ran.exit_code, ran.output

    code, said = run("write")
    assert code == 1 and "tickets: getOld is gone (GET /v1/old)." in said
    assert run("compare") == (1, "tickets: getOld is gone (GET /v1/old).\n")
    assert run("write", "--breaks")[0] == 0
    assert run("compare") == (0, "")
