"""Is an erasure proved by everybody who must obey it, and can a stranger check the proof?"""

import asyncio
import base64
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from contacts_client import Api, ok, problem
from crm_contacts import certifying
from crm_contacts.settings import ContactsSettings
from crm_events.command import Command
from crm_events.obeying import sealed_for_ever
from crm_events.store.store import EventStore
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import FastAPI
from forgetter import certifier_of, eraser_of

OTHERS = ("tickets", "loyalty", "reporting")
SIGNED = ("acknowledged_by", "counts", "erased_at", "erasure_id", "member_ids", "scan")  # as docs/erasure.md says


@pytest.fixture
def subscriber(app: FastAPI) -> Any:
    """A system of this name keeps copies, for this test."""
    before: ContactsSettings = app.state.settings
    name = f"mailer-{uuid.uuid4().hex[:8]}"
    app.state.settings = before.model_copy(update={"erasure_subscribers": f" {name} ,"})
    yield name
    app.state.settings = before


async def erased(api: Api, store: EventStore) -> dict[str, Any]:
    """An erasure of two contacts that are one customer; their keys are gone."""
    one, two = [(await api.person(name="پروانه", identifiers=[{"kind": "email", "value": f"{uuid.uuid4().hex}@example.org"}]))["id"] for _ in range(2)]
    ok(await api.merge(two, one), 201)
    asked = ok(await api.post("/v1/privacy/erasures", {"customer_id": one}), 201)
    assert (asked["awaiting"], asked["acknowledgements"], asked["certificate"]) == (["contacts", *OTHERS], [], None)
    await eraser_of(store).tick()
    return ok(await api.get(f"/v1/privacy/erasures/{asked['id']}"))


async def said(store: EventStore, erasure: dict[str, Any], service: str, members: list[str]) -> None:
    """As heard from the service's topic."""
    found = await certifying.erasure_of(store, uuid.UUID(erasure["id"]))
    assert found is not None
    command = Command(uuid.uuid4(), b"", "follower")
    await certifying.note(store, found, command, service=service, members=[uuid.UUID(each) for each in members], counts={"events": 3, "sealed_values": 2})


def check(certificate: dict[str, Any]) -> None:
    """As a stranger would, with nothing of ours but the answer."""

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    told = json.dumps({name: certificate[name] for name in SIGNED}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    Ed25519PublicKey.from_public_bytes(raw(certificate["public_key"])).verify(raw(certificate["signature"]), told)


async def test_a_certificate_is_given_once_everybody_has_obeyed_for_every_id_of_the_customer(api: Api, store: EventStore) -> None:
    erasure = await erased(api, store)
    path, members = f"/v1/privacy/erasures/{erasure['id']}", erasure["member_ids"]
    assert (erasure["state"], erasure["awaiting"], erasure["certificate"]) == ("erased", list(OTHERS), None)
    own = {(each["service"], each["member_id"]): each["counts"] for each in erasure["acknowledgements"]}
    assert set(own) == {("contacts", member) for member in members}
    assert all(counts["sealed_values"] >= 3 and counts["events"] >= 3 for counts in own.values()), "the name, and an address as typed and as compared"
    for service in OTHERS:
        assert await certifier_of(store).tick() == 0, "nobody is certified while somebody is silent"
        await said(store, erasure, service, members[:1])
        assert service in ok(await api.get(path))["awaiting"], "of the other id nothing was said"
        await said(store, erasure, service, members)
    await asyncio.gather(certifier_of(store).tick(), certifier_of(store).tick())
    done = ok(await api.get(path))
    assert (done["awaiting"], len(done["acknowledgements"])) == ([], 2 * 4)
    certificate = done["certificate"]
    assert (certificate["erasure_id"], set(certificate["member_ids"])) == (erasure["id"], set(members))
    assert certificate["acknowledged_by"] == sorted(("contacts", *OTHERS))
    assert certificate["counts"]["sealed_values"] == sum(counts["sealed_values"] for counts in own.values()) + 6 * 2
    assert (certificate["scan"], certificate["erased_at"]) == ("nothing-readable", done["erased_at"])
    check(certificate)
    told = await store.pool.fetchval("select count(*) from events where stream_id = $1 and type = 'privacy.certified'", uuid.UUID(erasure["id"]))
    assert told == 1, "two certifiers gave one certificate"
    for name, other in (("scan", "something-readable"), ("member_ids", members[:1]), ("erasure_id", str(uuid.uuid4()))):
        with pytest.raises(InvalidSignature):
            check(certificate | {name: other})


async def test_who_keeps_copies_is_waited_for(api: Api, store: EventStore, subscriber: str) -> None:
    one = (await api.person())["id"]
    asked = ok(await api.post("/v1/privacy/erasures", {"customer_id": one}), 201)
    path = f"/v1/privacy/erasures/{asked['id']}"
    assert subscriber in asked["awaiting"]
    refused = problem(await api.post(f"{path}/acknowledgements", {"service": subscriber}), 409, "rejected")
    assert refused["rule"] == "not-erased-yet"
    await eraser_of(store).tick()
    for name in ("tickets", "somebody-else"):
        problem(await api.post(f"{path}/acknowledgements", {"service": name}), 422, "invalid-request")
    problem(await api.post(f"/v1/privacy/erasures/{uuid.uuid4()}/acknowledgements", {"service": subscriber}), 404, "not-found")
    for service in OTHERS:
        await said(store, asked, service, [one])
    assert await certifier_of(store, subscriber).tick() == 0
    for _ in range(2):  # said twice, counted once
        told = ok(await api.post(f"{path}/acknowledgements", {"service": subscriber, "counts": {"mails": 4}}))
    assert [each["counts"] for each in told["acknowledgements"] if each["service"] == subscriber] == [{"mails": 4}]
    await certifier_of(store, subscriber).tick()
    certificate = ok(await api.get(path))["certificate"]
    assert (subscriber in certificate["acknowledged_by"], certificate["counts"]["mails"]) == (True, 4)
    check(certificate)


async def test_contacts_does_not_say_it_obeyed_while_anything_opens_or_finds_somebody(api: Api, store: EventStore) -> None:
    one = (await api.person(name="ناهید"))["id"]
    assert await sealed_for_ever(store, uuid.UUID(one)) is None, "their key lives"
    asked = ok(await api.post("/v1/privacy/erasures", {"customer_id": one}), 201)
    request, path = uuid.UUID(asked["id"]), f"/v1/privacy/erasures/{asked['id']}"
    await certifier_of(store).obeyed(request, uuid.UUID(one))
    assert ok(await api.get(path))["acknowledgements"] == [], "the keys are not gone yet"
    await eraser_of(store, settled=timedelta(hours=1)).tick()
    await store.pool.execute("insert into claims (scope, hash, holder) values ('word:left', $1, $2)", uuid.uuid4().bytes, uuid.UUID(one))
    await eraser_of(store).tick()
    await certifier_of(store).tick()
    told = ok(await api.get(path))
    assert (told["state"], told["acknowledgements"]) == ("erased", []), "a hash still finds them"
    for service in OTHERS:
        await said(store, asked, service, [one])
    assert await certifier_of(store).tick() == 0
    await store.pool.execute("delete from claims where holder = $1", uuid.UUID(one))
    await certifier_of(store).tick()  # who erases may die before contacts says so of itself
    assert ok(await api.get(path))["certificate"]["acknowledged_by"] == sorted(("contacts", *OTHERS))
