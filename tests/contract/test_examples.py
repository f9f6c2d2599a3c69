"""Is every example that the services' documents show answered as shown? Each is sent to a running stack, put together from the document it is shown in."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from crm_contract.fitting import Reader
from crm_contract.likeness import Likeness
from crm_contract.places import SERVICES
from crm_contract.sending import Told, send
from crm_contract.shown import examples_in
from crm_contract.step import Step
from crm_contract.story import STORY


@pytest.fixture
def clients(stack: dict[str, str]) -> Iterator[Mapping[str, httpx2.Client]]:
    bearer = {"Authorization": f"Bearer {stack['TOKEN']}"}
    made = {name: httpx2.Client(base_url=stack[f"{name.upper()}_URL"], headers=bearer, timeout=60) for name in SERVICES}
    yield made
    for each in made.values():
        each.close()


@pytest.fixture
def documents(clients: Mapping[str, httpx2.Client]) -> Mapping[str, Any]:
    return {name: client.get("/openapi.json").json() for name, client in clients.items()}


def test_every_example_is_answered_as_shown(clients: Mapping[str, httpx2.Client], documents: Mapping[str, Any]) -> None:
    shown = {(name, *key): each for name, document in documents.items() for key, each in examples_in(document).items()}
    assert {(step.service, step.operation, step.name) for step in STORY} == set(shown), "crm-contract record, then make contract"
    alike, wrong = Likeness(datetime.now(UTC)), []
    for step in STORY:
        example = shown[step.service, step.operation, step.name]
        asked = {part: alike.asked(example[part]) for part in ("path", "query", "header", "body") if part in example}
        told = send(clients[step.service], documents[step.service], {"operation": step.operation, **asked})
        wrong += [f"{step.service} {step.operation} {step.name}: {text}" for text in differences(step, example, told, alike)]
    assert wrong == []


def differences(step: Step, example: Any, told: Told, alike: Likeness) -> list[str]:
    if told.status != example["answer"]["status"]:
        return [f"{example['answer']['status']} shown, {told.status} answered: {told.body}"]
    headers = dict(example.get("headers", {}))
    token = headers.pop("Consistency-Token", None)
    if token and "Consistency-Token" in told.headers:
        alike.token(token, told.headers["Consistency-Token"])
    here = {name: value for name, value in told.headers.items() if name != "Consistency-Token"}
    found = alike.differences(headers, here, moment=step.moment) + alike.differences(example["answer"]["body"], told.body, moment=step.moment, among=step.among)
    return found if (token is None) == ("Consistency-Token" not in told.headers) else [*found, "a Consistency-Token is missing"]


def test_every_operation_shows_how_it_is_used_and_every_service_how_it_refuses(documents: Mapping[str, Any]) -> None:
    without, refusals = [], {}
    for name, document in documents.items():
        found = examples_in(document)
        operations = [each["operationId"] for item in document["paths"].values() for each in item.values()]
        without += [f"{name} {operation}" for operation in operations if operation not in {key[0] for key in found}]
        refusals[name] = {each["answer"]["status"] for each in found.values() if each["answer"]["status"] >= 400}
    assert without == []
    assert all(len(statuses) >= 2 for statuses in refusals.values()), refusals


OF_ITS_OWN = {"FigureAnswer", "GroupPart", "EvidenceItem"}  # what a figure adds is its own


def test_every_field_that_is_answered_is_described(documents: Mapping[str, Any]) -> None:
    """A field that no document names is one that no client of other languages has a type for."""
    wrong = []
    for name, document in documents.items():
        operations = {each["operationId"]: each for item in document["paths"].values() for each in item.values()}
        for (operation, _), example in examples_in(document).items():
            answer = operations[operation]["responses"][str(example["answer"]["status"])]
            for media, content in answer["content"].items():
                if media == "application/json":
                    wrong += [f"{name} {operation}: {text}" for text in undescribed(example["answer"]["body"], content["schema"], Reader(document))]
    assert sorted(set(wrong)) == []


def undescribed(value: Any, schema: Any, reader: Reader, at: str = "") -> Iterator[str]:
    schema = reader.resolve(schema)
    kind = {dict: "object", list: "array"}.get(type(value))
    choices = [reader.resolve(choice) for choice in schema.get("anyOf", [schema])]
    schema = next((choice for choice in choices if choice.get("type") == kind), {})
    if isinstance(value, list):
        for each in value:
            yield from undescribed(each, schema.get("items", {}), reader, f"{at}/*")
    for name, each in value.items() if isinstance(value, dict) and schema.get("title") not in OF_ITS_OWN else ():
        if "properties" in schema and name not in schema["properties"]:
            yield f"{at}/{name}"
        else:
            more = schema.get("additionalProperties")
            yield from undescribed(each, schema.get("properties", {}).get(name, more if isinstance(more, dict) else {}), reader, f"{at}/{name}")


SHOWN = {
    "id": "0199b0c4-ffff-7000-8000-000000000001",
    "other": "0199b0c4-ffff-7000-8000-000000000001",
    "name": "مریم",
    "points": 3,
    "recorded_at": "2026-11-21T09:00:00.000Z",
    "due_at": "2026-10-10T07:00:00.000Z",
    "expires_at": "2026-11-21T09:15:00.000Z",
    "request_id": "a",
    "lines": [{"points": 1}],
}
RUN = datetime(2030, 5, 1, 12, tzinfo=UTC)
HERE = SHOWN | {
    "id": "01a2078d-a03d-74c6-8418-0a4b9ce95f09",
    "other": "01a2078d-a03d-74c6-8418-0a4b9ce95f09",
    "recorded_at": "2030-05-01T12:00:01.200Z",
    "expires_at": "2030-05-01T12:15:01.200Z",
    "request_id": "b",
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, None),
        ({"name": "مینا"}, "/name"),
        ({"points": 4}, "/points"),
        ({"points": None}, "/points"),
        ({"other": "01a2078d-a03d-74c6-8418-0a4b9ce95f0a"}, "/other"),
        ({"due_at": "2026-10-10T07:00:01.000Z"}, "/due_at"),
        ({"expires_at": "2030-05-02T12:15:00.000Z"}, "/expires_at"),
        ({"lines": []}, "/lines"),
        ({"lines": [{"points": 2}]}, "/lines/0/points"),
        ({"more": 1}, "/more"),
    ],
)
def test_an_answer_that_differs_is_told_by_its_place(change: dict[str, Any], told: str | None) -> None:
    found = Likeness(RUN).differences(SHOWN, HERE | change)
    assert [text.partition(":")[0] for text in found] == ([told] if told else [])


def test_a_token_is_put_in_for_another_although_it_begins_or_reads_like_a_third() -> None:
    alike = Likeness(RUN)
    for shown, told in (("tickets.8.3", "tickets.8.12"), ("tickets.8.12", "tickets.8.31"), ("tickets.8.31", "tickets.8.55")):
        alike.token(shown, told)
    assert alike.asked({"Consistency-Token": "tickets.8.3,tickets.8.31~tickets.8.12"}) == {"Consistency-Token": "tickets.8.12,tickets.8.55~tickets.8.31"}
