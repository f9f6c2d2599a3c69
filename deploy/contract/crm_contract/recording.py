"""How do the examples come to be? The story is told to a running stack; what it answers is shown, with ids and moments that stay the same."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from crm_contract.likeness import MOMENT, STARTED, UUID
from crm_contract.sending import Told, send
from crm_contract.step import Step


class NotAsMeant(Exception):
    """A step was answered with another status than the story means."""


def record(story: Iterable[Step], clients: Mapping[str, httpx2.Client], documents: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The examples of each service. Raises NotAsMeant."""
    began = datetime.now(UTC)
    answers: dict[str, Told] = {}
    shown: dict[str, list[dict[str, Any]]] = {service: [] for service in clients}
    for step in story:
        asked = _asked(step, answers, documents[step.service])
        told = send(clients[step.service], documents[step.service], asked)
        if told.status != step.status:
            raise NotAsMeant(f"{step.service} {step.operation} {step.name}: {told.status} instead of {step.status}: {told.body}")
        answers[f"{step.service}.{step.operation}.{step.name}"] = told
        shown[step.service].append(asked | {"answer": {"status": told.status, "headers": dict(told.headers), "body": told.body}})
    text = json.dumps(shown, ensure_ascii=False)
    settled: dict[str, list[dict[str, Any]]] = json.loads(_steady(text, began, story))
    return settled


def _asked(step: Step, answers: Mapping[str, Told], document: Mapping[str, Any]) -> dict[str, Any]:
    """The request, with what earlier answers gave, and an Idempotency-Key where one is required."""
    header = dict(step.header)
    operation = next(each for item in document["paths"].values() for each in item.values() if each["operationId"] == step.operation)
    if any(each["name"] == "Idempotency-Key" and each["required"] for each in operation.get("parameters", ())):
        header["Idempotency-Key"] = f"{step.operation}-{step.name}"
    tokens = [answers[each].headers.get("Consistency-Token") for each in step.awaits]
    if any(tokens):
        header["Consistency-Token"] = ",".join(token for token in tokens if token)
    named = {f"{{{name.partition('.')[2]}.id}}": told.body["id"] for name, told in answers.items() if isinstance(told.body, dict) and "id" in told.body}
    path = {name: named.get(value, value) for name, value in step.path.items()}
    parts = {"path": path, "query": dict(step.query), "header": header}
    told = {"operation": step.operation, "name": step.name, "summary": step.summary, **{key: value for key, value in parts.items() if value}}
    return told if step.body is None else told | {"body": step.body}


def _steady(text: str, began: datetime, story: Iterable[Step]) -> str:
    """Ids that services gave are counted, and their clock's moments told from STARTED on, to the minute."""
    ours = set(UUID.findall(json.dumps([(dict(each.path), each.body) for each in story])))
    known: dict[str, str] = {}

    def an_id(one: str) -> str:
        return one if one in ours else known.setdefault(one, f"0199b0c4-ffff-7000-8000-{len(known) + 1:012x}")

    def a_moment(one: str) -> str:
        moment = datetime.fromisoformat(one)
        if moment < began - timedelta(minutes=1):
            return one
        minutes = round((moment - began) / timedelta(minutes=1))
        return (STARTED + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    return MOMENT.sub(lambda found: a_moment(found[0]), UUID.sub(lambda found: an_id(found[0]), text))
