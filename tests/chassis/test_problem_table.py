"""Does each thing that goes wrong get its one answer, and nothing that should stay inside?"""

import io
import json
import logging

import httpx2
import pytest
import structlog
from crm_chassis import logs
from crm_chassis.problems import KINDS, Asked, problem_of
from crm_events import refusals
from crm_events.language.contacts import NoteAdded
from problem_asserts import problem
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import DBAPIError

FAILS = "/v1/fails"


@pytest.mark.parametrize(
    ("how", "status", "kind", "members"),
    [
        ("bug", 500, "internal-error", {}),
        ("query", 500, "internal-error", {}),
        ("group", 409, "rejected", {"rule": "closed"}),
        ("rule", 409, "rejected", {"rule": "closed", "detail": "Reopen it first.", "closed_by": "agent:7"}),
        ("away", 503, "dependency-unavailable", {"outcome": "unknown"}),
        ("timeout", 503, "dependency-unavailable", {"outcome": "unknown"}),
        ("closed", 503, "dependency-unavailable", {"outcome": "unknown"}),
        ("shutdown", 503, "dependency-unavailable", {"outcome": "unknown"}),
        ("taken", 409, "identifier-taken", {"conflicting_contact_id": "00000000-0000-0000-0000-000000000001", "merge": "/v1/merges"}),
        ("exists", 409, "already-exists", {"existing_id": "00000000-0000-0000-0000-000000000002"}),
        ("blocked", 422, "identifier-blocked", {}),
        ("parameter", 422, "invalid-request", {"errors": [{"parameter": "as_of", "code": "in-the-future", "detail": "Ask about a moment that has passed."}]}),
        ("invalid", 422, "invalid-request", {"errors": [{"pointer": "/lines/0/quantity", "code": "too-many", "detail": "Only two were sold."}]}),
    ],
)
async def test_what_goes_wrong_gets_its_problem(
    http: httpx2.AsyncClient, staff: dict[str, str], how: str, status: int, kind: str, members: dict[str, object]
) -> None:
    answer = await http.post(f"{FAILS}/{how}", headers=staff)
    body = problem(answer, status, kind)
    assert {name: body.get(name) for name in members} == members
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert "example.org" not in answer.text and "db.internal" not in answer.text


async def test_a_customer_is_not_told_who_else_is_known_here(http: httpx2.AsyncClient, as_) -> None:
    herself = as_("self", customer="00000000-0000-0000-0000-000000000009")
    for how, kind in (("taken", "identifier-taken"), ("exists", "already-exists")):
        body = problem(await http.post(f"{FAILS}/{how}", headers=herself), 409, kind)
        assert not {"conflicting_contact_id", "merge", "existing_id"} & set(body)


async def test_an_unexpected_error_is_logged_by_kind_and_place_and_never_by_its_text(http: httpx2.AsyncClient, staff: dict[str, str]) -> None:
    with structlog.testing.capture_logs() as told:
        await http.post(f"{FAILS}/bug?", headers=staff)
    (line,) = [line for line in told if line["event"] == "unexpected_error"]
    assert line["error"] == "RuntimeError" and line["places"][-1].startswith("desk/service.py:") and line["operation"] == "/v1/fails/{how}"
    assert "example.org" not in json.dumps(line)


def wrapped(cause: Exception) -> Exception:
    """As SQLAlchemy raises it."""
    error = DBAPIError("select", {}, cause)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusals.NotFound(), "not-found"),
        (refusals.Gone(), "gone"),
        (refusals.KeptMoving(), "conflict"),
        (refusals.KeyReused(), "idempotency-key-reused"),
        (refusals.VersionConflict(7), "version-conflict"),
        (refusals.AlreadyExists("There.", "x"), "already-exists"),
        (refusals.Unavailable("Later."), "dependency-unavailable"),
        (refusals.Unavailable("Later.", overloaded=True), "overloaded"),
        (refusals.Refusal(), "internal-error"),
        (wrapped(ConnectionResetError()), "dependency-unavailable"),
        (wrapped(ValueError()), "internal-error"),
        (KeyError("x"), "internal-error"),
    ],
)
def test_each_exception_has_one_problem(error: Exception, kind: str) -> None:
    assert problem_of(error, Asked()).kind == kind


def test_an_event_that_cannot_hold_what_was_told_is_the_requests_fault_and_another_model_is_ours() -> None:
    class Ours(BaseModel):
        number: int

    for model, kind in ((NoteAdded, "invalid-request"), (Ours, "internal-error")):
        with pytest.raises(ValidationError) as caught:
            model.model_validate({"note_id": "x", "text": "a\x00", "number": "x"})
        assert problem_of(caught.value, Asked()).kind == kind


async def test_every_type_has_a_page_that_says_what_to_do(http: httpx2.AsyncClient) -> None:
    for kind, row in KINDS.items():
        page = await http.get(f"/problems/{kind}")
        assert page.status_code == 200 and str(row.status) in page.text and kind in page.text
    problem(await http.get("/problems/nothing"), 404, "not-found")


async def test_the_description_names_every_problem_type(http: httpx2.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    assert document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"] == [f"/problems/{kind}" for kind in KINDS]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    opened = document["paths"]["/v1/jars"]["post"]
    assert opened["operationId"] == "openJar" and opened["security"] == [{"bearer": ["contacts:write"]}, {"bearer": ["self"]}]
    assert {"name": "Idempotency-Key", "required": True}.items() <= next(each for each in opened["parameters"] if each["name"] == "Idempotency-Key").items()
    assert "201" in opened["responses"] and "201" not in document["paths"]["/v1/jars/{jar_id}/owner"]["put"]["responses"]
    assert document["paths"]["/v1/commands"]["post"]["operationId"] == "runCommands"


def test_a_line_of_the_log_is_json_without_the_text_of_errors(capsys: pytest.CaptureFixture[str]) -> None:
    before, kept = structlog.get_config(), (logging.root.handlers[:], logging.root.level)
    try:
        logs.configure("desk")
        stream = io.StringIO()
        logging.root.handlers[0].setStream(stream)  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            try:
                raise ValueError("ann@example.org")
            except ValueError:
                structlog.get_logger("x").exception("it_failed", count=2)
                logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    finally:
        structlog.configure(**before)
        logging.root.handlers[:], logging.root.level = kept
    ours, theirs = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert ours.items() >= {"event": "it_failed", "service": "desk", "request_id": "r-1", "count": 2, "error": "ValueError", "level": "error"}.items()
    assert theirs["event"] == "Exception in ASGI application" and theirs["error"] == "ValueError"
    assert "example.org" not in stream.getvalue()
