"""Is everything that was acknowledged there, once, after a service's database was put back from a backup?"""

import uuid
from typing import Any

import backups
from crm_local.stack import Stack
from front_end import Client, token
from programs import run

DATABASE = "crm_contacts"


def register(client: Client, name: str) -> tuple[str, str]:
    identifier = {"kind": "email", "value": f"{name}-{uuid.uuid4().hex[:8]}@restored.example.com"}
    answer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": name, "identifiers": [identifier]})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], identifier["value"]


def test_the_tail_that_a_backup_lacks_comes_back_from_kafka_and_nothing_is_numbered_twice(stack: dict[str, str], backbone: Stack) -> None:
    client = Client(stack)
    try:
        early = [register(client, f"early-{n}") for n in range(5)]
        backups.take(backbone, DATABASE)
        late = [register(client, f"late-{n}") for n in range(12)]
        answer = client.post("contacts", f"/v1/contacts/{early[0][0]}/interactions", {"channel": "web", "direction": "inbound", "text": "پس از پشتیبان"})
        client.view(early[0][0], token(answer))  # seen by reporting, so in Kafka
        backups.put_back(backbone, DATABASE)
        taken = client.until_done("contacts", "/v1/contacts", {"kind": "person", "name": "پس از بازیابی"})  # 503 until the tail is back
        assert taken.status_code == 201
        for identity, address in late:
            assert client.get("contacts", f"/v1/contacts/{identity}")["id"] == identity
            again: Any = client.send("contacts", "POST", "/v1/contacts", {"kind": "person", "identifiers": [{"kind": "email", "value": address}]})
            assert (again.status_code, again.json()["type"]) == (409, "/problems/identifier-taken")
        assert client.view(early[0][0], token(answer))["contact"]["interactions"] == 1
        assert client.view(taken.json()["id"], token(taken))["profile"]["name"] == "پس از بازیابی"
        for words in (("contacts", "verify"), ("contacts", "recover"), ("reporting", "reconcile")):
            done = run(backbone, *words)
            assert done.returncode == 0, done.stdout
    finally:
        client.close()
