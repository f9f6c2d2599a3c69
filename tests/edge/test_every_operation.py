"""Does each operation let in only whom it may? Not without a token, nor with a forged one, nor without the scope, nor a customer to another's."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from crm_chassis.issuer import EVERYTHING, Issuer
from crm_local.stack import Stack
from cryptography.hazmat.primitives import serialization
from fuzzing import SERVICES, acquaintances
from jwt.algorithms import ECAlgorithm
from problem_asserts import keyed, problem

METHODS = ("get", "post", "put", "patch", "delete")
ASKED = {"source": "contacts", "purpose": "marketing", "channel": "sms", "name": "csat", "build": "b1"}  # path parameters that are no ids
BODIES: Mapping[str, Any] = {  # what a customer's own operations take: all of them, else the walk fails
    "changeContact": {"language": "fa"},
    "addIdentifier": {"kind": "email", "value": "someone@example.org"},
    "setConsent": {"status": "granted", "text_version": "fa-3"},
    "setPreferences": {"language": "fa"},
    "openTicket": {"customer_id": "{customer_id}", "kind": "question", "channel": "web", "priority": "low", "subject": "کجاست؟", "text": "نرسید."},
    "acceptRecovery": {},
    "proposeIdea": {"customer_id": "{customer_id}", "title": "جعبهٔ دوجداره", "text": "در باران خشک می‌ماند."},
    "declineRecovery": {},
    "addMessage": {"author": {"kind": "customer", "id": "{customer_id}"}, "visibility": "public", "channel": "web", "text": "سلام"},
    "closeTicket": {},
    "reopenTicket": {"reason": "نشد"},
    "rateTicket": {"score": 1},
    "reserveRedemption": {"points": 1},
    "confirmRedemption": {},
    "cancelRedemption": {"reason": "نه"},
    "acceptOffer": {},
    "declineOffer": {},
    "inviteReferral": {"customer_id": "{customer_id}", "programme": "club"},
    "registerReferral": {"customer_id": "{customer_id}"},
}


@dataclass(frozen=True)
class Operation:
    """One operation of one service's document."""

    service: str
    id: str
    method: str
    path: str
    scopes: frozenset[str]
    takes_body: bool
    asked: tuple[str, ...] = ()

    def at(self, told: Mapping[str, str]) -> str:
        """Its path about these ids, with what it must be asked; others are drawn."""
        path = self.path + ("?" + "&".join(f"{name}={{{name}}}" for name in self.asked) if self.asked else "")
        while "{" in path:
            name = path[path.index("{") + 1 : path.index("}")]
            path = path.replace("{" + name + "}", told.get(name) or ASKED.get(name) or str(uuid.uuid4()))
        return path


@dataclass(frozen=True)
class Door:
    """The running stack as a caller without a token sees it, and an issuer of tokens."""

    stack: Mapping[str, str]
    issuer: Issuer
    http: httpx2.Client

    def operations(self, service: str) -> list[Operation]:
        """All that its document describes."""
        document = self.http.get(self.stack[f"{service.upper()}_URL"] + "/openapi.json").json()
        return [
            Operation(
                service,
                told["operationId"],
                method,
                path,
                frozenset(scope for row in told.get("security", ()) for scope in row["bearer"]),
                "requestBody" in told,
                tuple(each["name"] for each in told.get("parameters", ()) if each["in"] == "query" and each["required"]),
            )
            for path, methods in document["paths"].items()
            for method, told in methods.items()
            if method in METHODS
        ]

    def send(self, operation: Operation, token: str | None, told: Mapping[str, str] = {}, body: Any = None) -> httpx2.Response:
        headers = keyed() | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        text = json.dumps(body if body is not None else {}).replace("{customer_id}", told.get("customer_id", ""))
        kind = "application/x-ndjson" if operation.id == "runCommands" else "application/json"
        content = {"content": text, "headers": headers | {"Content-Type": kind}} if operation.takes_body else {"headers": headers}
        return self.http.request(operation.method.upper(), self.stack[f"{operation.service.upper()}_URL"] + operation.at(told), **content)


@pytest.fixture(scope="module")
def issuer_of(backbone: Stack) -> Callable[[], Issuer]:
    return lambda: Issuer(Path(backbone.data_dir) / "identity")


@pytest.fixture
def door(stack: Mapping[str, str], issuer_of: Callable[[], Issuer]) -> Iterator[Door]:
    with httpx2.Client(timeout=60, trust_env=False) as http:
        yield Door(stack, issuer_of(), http)


def attacks(issuer: Issuer) -> dict[str, str]:
    """Tokens that claim everything and prove nothing."""
    good = issuer.token(EVERYTHING)
    head, body, signature = good.split(".")
    document = json.loads(issuer.jwks.read_text())["keys"][0]
    public = ECAlgorithm.from_jwk(document).public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    symmetric = f"{_part({'alg': 'HS256', 'kid': document['kid'], 'typ': 'JWT'})}.{body}"
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return {
        "expired": issuer.token(EVERYTHING, days=-1),
        "another audience": Issuer(issuer.jwks.parent, audience="others").token(EVERYTHING),
        "another issuer": Issuer(issuer.jwks.parent, issuer="others").token(EVERYTHING),
        "alg none": f"{_part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "HS256 by the public key": f"{symmetric}.{_coded(hmac.digest(public, symmetric.encode(), hashlib.sha256))}",
        "tampered": f"{head}.{_part(claims | {'sub': 'somebody else'})}.{signature}",
        "no key of a machine": "crmk_" + "A" * 43,
    }


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _part(data: dict[str, Any]) -> str:
    return _coded(json.dumps(data).encode())


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_comes_in_without_a_token_that_proves_who_he_is(door: Door, service: str) -> None:
    operations, forged = door.operations(service), attacks(door.issuer)
    assert len(operations) > 10
    for operation in operations:
        answer = door.send(operation, None)
        assert problem(answer, 401, "unauthenticated") and answer.headers["WWW-Authenticate"].startswith("Bearer"), operation
        for attack, token in forged.items():
            assert door.send(operation, token).status_code == 401, (attack, operation)


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_names_its_scopes_and_lets_in_nobody_without_one(door: Door, service: str) -> None:
    customer = uuid.uuid4()
    for operation in door.operations(service):
        if operation.id == "runCommands":
            continue  # each of its lines has the scopes of its operation: the next test
        assert operation.scopes, operation
        others = door.issuer.token(set(EVERYTHING) - operation.scopes)
        assert problem(door.send(operation, others), 403, "forbidden")["required_scope"], operation
        if "self" not in operation.scopes:
            assert door.send(operation, door.issuer.token(["self"], customer=customer)).status_code == 403, operation
        in_name_only = door.issuer.token(set(EVERYTHING) - operation.scopes, customer=customer)
        assert door.send(operation, in_name_only).status_code == 403, ("a customer's id without the scope self", operation)


@pytest.mark.parametrize("service", ["contacts", "tickets", "loyalty"])
def test_a_line_of_many_commands_needs_what_its_operation_needs(door: Door, service: str) -> None:
    commands = [
        each
        for each in door.operations(service)
        if each.method != "get" and each.id != "runCommands" and not each.path.endswith(("/lookup", "/check", "/previews", "simulations"))
    ]
    parts = [{name: str(uuid.uuid4()) for name in _names(each.path)} for each in commands]
    lines = [{"operation": each.id, "key": uuid.uuid4().hex, "path": path, "body": {}} for each, path in zip(commands, parts, strict=True)]
    for token, status in ((door.issuer.token(["reporting:read"]), 403), (door.issuer.token(["self"], customer=uuid.uuid4()), None)):
        answer = door.http.post(
            door.stack[f"{service.upper()}_URL"] + "/v1/commands",
            content="\n".join(map(json.dumps, lines)),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"},
        )
        for operation, line in zip(commands, answer.text.splitlines(), strict=True):
            got = json.loads(line)["status"]
            own = "self" in operation.scopes and status is None
            assert got in (404, 422) if own else got == 403, (operation, line)


def test_a_customer_finds_nothing_of_another_and_what_is_hers(door: Door) -> None:
    hers = acquaintances(door.stack)
    contact = hers["customer_id"]
    read = {"Authorization": f"Bearer {door.stack['TOKEN']}"}
    urls = {service: door.stack[f"{service.upper()}_URL"] for service in SERVICES}
    message = door.http.get(f"{urls['tickets']}/v1/tickets/{hers['ticket_id']}/messages", headers=read).json()["items"][0]["id"]
    held = door.http.post(f"{urls['loyalty']}/v1/members/{hers['member_id']}/redemptions", json={"points": 1}, headers=read | keyed())
    known = hers | {"message_id": message} | ({"redemption_id": held.json()["id"]} if held.status_code == 201 else {})

    def standing() -> list[str]:
        places = (
            f"{urls['contacts']}/v1/contacts/{contact}",
            f"{urls['tickets']}/v1/tickets/{hers['ticket_id']}",
            f"{urls['loyalty']}/v1/members/{hers['member_id']}",
        )
        return [door.http.get(place, headers=read).headers["ETag"] for place in places]

    before, walked = standing(), 0
    strangers = door.issuer.token(["self"], customer=acquaintances(door.stack)["customer_id"])
    own = door.issuer.token(["self"], customer=contact)
    for operation in (each for service in SERVICES for each in door.operations(service) if "self" in each.scopes):
        body = BODIES[operation.id] if operation.takes_body else None
        if operation.id == "listTickets":
            answer = door.http.get(urls["tickets"] + f"/v1/tickets?customer_id={contact}", headers={"Authorization": f"Bearer {strangers}"})
        else:
            answer = door.send(operation, strangers, known, body)
        problem(answer, 404, "not-found")
        walked += 1
    assert walked >= 20
    assert standing() == before, "what was refused changed nothing"

    for operation in (each for service in SERVICES for each in door.operations(service) if "self" in each.scopes and each.id != "streamCustomer"):
        answer = door.send(operation, own, known, BODIES[operation.id] if operation.takes_body else None)
        assert answer.status_code in (200, 201, 409) or ("redemption_id" in operation.path and answer.status_code == 404), (operation, answer.text)


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
