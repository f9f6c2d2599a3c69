"""Where rivals break when history is told again or told badly: does what was removed stay removed, and is nothing that was refused left unsaid?"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from crm_reporting.cli import app
from front_end import Client, ok, token
from typer.testing import CliRunner


@pytest.fixture
def client(stack: dict[str, str]) -> Iterator[Client]:
    made = Client(stack)
    yield made
    made.close()


def test_t12_what_was_removed_and_who_was_erased_stay_so_after_a_rebuild_from_zero(stack: dict[str, str], client: Client) -> None:
    phone = f"۰۹۳۵{uuid.uuid4().int % 10**7:07d}"
    kept = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "پروانه", "identifiers": [{"kind": "phone", "value": phone}]}).json()
    removed = client.send("contacts", "DELETE", f"/v1/contacts/{kept['id']}/identifiers/{kept['identifiers'][0]['id']}")
    ok(removed)
    gone = client.post("contacts", "/v1/contacts", {"kind": "person", "name": f"ققنوس {uuid.uuid4().hex}"}).json()
    call = client.post("contacts", f"/v1/contacts/{gone['id']}/interactions", {"channel": "phone", "direction": "inbound", "text": "راز"})
    erased = client.post("contacts", "/v1/privacy/erasures", {"customer_id": gone["id"]})

    def stands() -> None:
        shown = client.view(kept["id"], token(removed))
        assert (shown["profile"]["name"], shown["profile"]["identifiers"]) == ("پروانه", [])
        for path in ("", "/timeline"):
            answer = client.send("reporting", "GET", f"/v1/customers/{gone['id']}{path}", Consistency_Token=f"{token(call)},{token(erased)}", Prefer="wait=10")
            assert (answer.status_code, answer.json()["type"]) == (410, "/problems/gone")
        assert ok(client.send("reporting", "POST", "/v1/customers/lookup", {"identifier": {"kind": "phone", "value": phone}}))["items"] == []
        assert ok(client.send("reporting", "POST", "/v1/customers/lookup", {"name": gone["name"]}))["items"] == []

    stands()
    known = {"REPORTING_URL": stack["REPORTING_URL"], "TOKEN": stack["TOKEN"]}
    rebuilt = CliRunner().invoke(app, ["ops", "rebuild", "--reason", "از آغاز"], env=known)
    assert rebuilt.exit_code == 0 and rebuilt.output.splitlines()[-1].endswith(": active"), rebuilt.output
    stands()


def test_t14_of_a_thousand_commands_each_is_done_or_refused_by_name_and_none_is_dropped(client: Client, stack: dict[str, str]) -> None:
    made = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "پرکار"}).json()["id"]
    lines = [_line(made, number) for number in range(1000)]
    answers = _sent(client, stack, lines)
    assert [answer["key"] for answer in answers] == [None if number % 25 == 3 else json.loads(line)["key"] for number, line in enumerate(lines)]
    refused = {number: answer["problem"]["type"] for number, answer in enumerate(answers) if "problem" in answer}
    assert set(refused.values()) == {"/problems/malformed", "/problems/invalid-request", "/problems/not-found"} and len(refused) == 120
    done = [answer for answer in answers if answer["status"] == 201]
    assert len(done) + len(refused) == 1000
    assert client.view(made, done[-1]["consistency_token"])["contact"]["interactions"] == len(done) == 880


def test_t14_more_than_may_come_at_once_is_refused_whole(client: Client, stack: dict[str, str]) -> None:
    made = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "بیش"})
    lines = [_line(made.json()["id"], 25 * number + 1) for number in range(1001)]
    answer = _send(client, stack, lines)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
    assert client.view(made.json()["id"], token(made))["contact"]["interactions"] == 0


def _line(customer: str, number: int) -> str:
    body: dict[str, Any] = {"channel": "phone", "direction": "inbound", "text": f"تماس {number}"}
    path = {"contact_id": customer}
    if number % 25 == 3:
        return "این فرمان نیست"
    if number % 25 == 7:
        body["channel"] = "کبوتر"
    if number % 25 == 11:
        path = {"contact_id": str(uuid.uuid4())}
    return json.dumps({"operation": "recordInteraction", "key": f"{customer}-{number}", "path": path, "body": body})


def _send(client: Client, stack: dict[str, str], lines: list[str]) -> Any:
    headers = {"Authorization": f"Bearer {stack['TOKEN']}", "Content-Type": "application/x-ndjson"}
    return client._http.post(f"{stack['CONTACTS_URL']}/v1/commands", content="\n".join(lines).encode(), headers=headers)


def _sent(client: Client, stack: dict[str, str], lines: list[str]) -> list[Any]:
    answer = _send(client, stack, lines)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]
