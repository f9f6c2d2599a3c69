"""Where rivals forget somebody in one system and keep them in the next: does every service obey, say so, and prove it?"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from crm_contacts.unbased import heard_until_now
from crm_local import issuing
from crm_local.stack import Stack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from front_end import Client, token

SERVICES = {"contacts", "tickets", "loyalty", "reporting"}
SOON = 90.0  # keys may be cached for ten seconds; the rest is a second or two for each service, on a machine that is busy


@pytest.fixture
def client(stack: dict[str, str]) -> Iterator[Client]:
    made = Client(stack)
    yield made
    made.close()


def test_t35_an_erasure_reaches_every_service_and_each_proves_that_it_obeyed(client: Client) -> None:
    one, two = (known_everywhere(client) for _ in range(2))
    merged = client.post("contacts", "/v1/merges", {"survivor_id": one, "absorbed_id": two, "reason": "یک نفرند"})
    client.view(one, token(merged))
    bystander = known_everywhere(client)
    asked = client.post("contacts", "/v1/privacy/erasures", {"customer_id": two}).json()
    assert (set(asked["member_ids"]), set(asked["awaiting"]), asked["certificate"]) == ({one, two}, SERVICES, None)

    path, end = f"/v1/privacy/erasures/{asked['id']}", time.monotonic() + SOON
    while not (erasure := client.get("contacts", path))["certificate"]:
        assert time.monotonic() < end, erasure
        time.sleep(0.2)
    said = {(each["service"], each["member_id"]): each["counts"] for each in erasure["acknowledgements"]}
    assert set(said) == {(service, member) for service in SERVICES for member in (one, two)}
    for member in (one, two):
        assert said["contacts", member]["sealed_values"] >= 3 and said["tickets", member]["sealed_values"] >= 2
        assert said["loyalty", member]["sealed_values"] >= 1 and said["reporting", member]["journal_sealed_values"] >= 6
        assert client.send("reporting", "GET", f"/v1/customers/{member}").status_code == 410
    checked(erasure["certificate"])
    assert client.get("reporting", f"/v1/customers/{bystander}")["customer_id"] == bystander, "nobody else was forgotten"


def test_a_customer_is_given_everything_that_is_known_of_them_and_where_it_came_from(client: Client, stack: dict[str, str], backbone: Stack) -> None:
    customer, other = known_everywhere(client), known_everywhere(client)
    asked = client.post("contacts", "/v1/privacy/exports", {"customer_id": customer}).json()
    assert (asked["state"], asked["exported_at"]) == ("requested", None)
    path = f"/v1/customers/{customer}/export"
    told = client.get("reporting", f"{path}?request_id={asked['id']}")
    assert (told["customer_id"], told["member_ids"], told["view"]["profile"]["name"]) == (customer, [customer], "پروین")
    assert {each["source"] for each in told["events"]} == {"/contacts", "/tickets", "/loyalty"}
    assert [each["data"]["text"] for each in told["events"] if each["type"] == "ticket.opened"] == ["خانهٔ ما عوض شد."]
    assert {each["subject"] for each in told["events"]} == {customer}, "nothing of anybody else"
    end = time.monotonic() + SOON
    while (now := client.get("contacts", f"/v1/privacy/exports/{asked['id']}"))["state"] != "exported":
        assert time.monotonic() < end, now
        time.sleep(0.2)
    problem = client.send("contacts", "POST", f"/v1/privacy/exports/{asked['id']}/refusal", {"reason": "excessive"})
    assert (problem.status_code, problem.json()["rule"]) == (409, "already-answered")

    page = client.send("reporting", "GET", f"{path}?form=html")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert all(word in page.text for word in ("خانهٔ ما عوض شد.", "ticket.opened", "۱۴۰", "</html>"))
    mine = Client(stack, issuing.token(backbone.data_dir, scopes="self", customer=customer))
    own = mine.get("reporting", path)
    assert own["view"]["profile"]["name"] == "پروین", "it is theirs"
    assert "exportCustomer" in {each["operation"] for each in own["read_by"]}, "who read it is told, too"
    assert mine.send("reporting", "GET", f"/v1/customers/{other}/export").status_code == 404
    mine.close()
    client.post("contacts", "/v1/privacy/erasures", {"customer_id": customer})
    while client.send("reporting", "GET", path).status_code != 410:
        assert time.monotonic() < end
        time.sleep(0.2)


async def test_t37_whose_only_ground_was_a_consent_is_found_when_it_is_gone(client: Client, stack: dict[str, str], backbone: Stack) -> None:
    asking, silent = [consenting(client) for _ in range(2)]
    for customer in (asking, silent):
        consent(client, customer, "withdrawn")
    assert {asking, silent} <= set(without_basis(client))
    body = {"customer_id": asking, "kind": "question", "channel": "web", "subject": "سفارش", "text": "کی می‌رسد؟", "priority": "low"}
    client.post("tickets", "/v1/tickets", body)
    end = time.monotonic() + SOON
    while asking in without_basis(client):
        assert time.monotonic() < end, "contacts hears of the question"
        await asyncio.sleep(0.2)
    assert silent in without_basis(client)
    pool = await asyncpg.create_pool(backbone.surroundings().database_url("contacts"), min_size=1, max_size=1)
    try:
        assert await heard_until_now(pool, stack["KAFKA_BOOTSTRAP_SERVERS"]), "what the others told is heard before anybody is forgotten for want of it"
    finally:
        await pool.close()
    consent(client, silent, "granted")
    assert silent not in without_basis(client)


def consenting(client: Client) -> str:
    customer = str(client.post("contacts", "/v1/contacts", {"kind": "person", "name": "گلنار"}).json()["id"])
    consent(client, customer, "granted")
    return customer


def consent(client: Client, customer: str, status: str) -> None:
    client.put("contacts", f"/v1/contacts/{customer}/consents/marketing/email", {"status": status, "text_version": "1"})


def without_basis(client: Client) -> dict[str, Any]:
    """Everybody who lacks a ground, page by page: others make such customers, too."""
    found, path = dict[str, Any](), "/v1/privacy/without-basis?limit=200"
    while path:
        page = client.get("contacts", path)
        found |= {each["customer_id"]: each for each in page["items"]}
        path = f"/v1/privacy/without-basis?limit=200&cursor={page['next']}" if page["next"] else ""
    return found


def known_everywhere(client: Client) -> str:
    """A customer of whom each of the three services keeps something personal."""
    address = {"kind": "email", "value": f"{uuid.uuid4().hex}@example.org"}
    made = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "پروین", "identifiers": [address]})
    customer = str(made.json()["id"])
    asked = {"customer_id": customer, "kind": "question", "channel": "web", "subject": "نشانی", "text": "خانهٔ ما عوض شد.", "priority": "low"}
    opened = client.post("tickets", "/v1/tickets", asked)
    enrolled = client.post("loyalty", "/v1/members", {"customer_id": customer, "card_number": uuid.uuid4().hex[:16]})
    client.view(customer, token(made), token(opened), token(enrolled))
    return customer


def checked(certificate: dict[str, Any]) -> None:
    """The signature, as docs/erasure.md tells a stranger to check it."""

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    signed = {name: certificate[name] for name in ("acknowledged_by", "counts", "erased_at", "erasure_id", "member_ids", "scan")}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    Ed25519PublicKey.from_public_bytes(raw(certificate["public_key"])).verify(raw(certificate["signature"]), text)
