"""Where rivals forget somebody in one system and keep them in the next: does every service obey, say so, and prove it?"""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
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
