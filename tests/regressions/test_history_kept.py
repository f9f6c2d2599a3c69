"""Where rivals break when history is told again or told badly: does what was removed stay removed, and is nothing that was refused left unsaid?"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from crm_reporting.cli import app
from front_end import Client, ok, token
from typer.testing import CliRunner, Result

SOON = 60.0


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
    rebuilt = _ops(stack, "rebuild", "--reason", "از آغاز")
    assert rebuilt.exit_code == 0 and rebuilt.output.splitlines()[-1].endswith(": active"), rebuilt.output
    stands()


def test_t13_what_one_event_says_is_hidden_from_all_readers_and_every_stream_still_adds_up(stack: dict[str, str], client: Client) -> None:
    customer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "گلی"}).json()["id"]
    body = {"customer_id": customer, "kind": "question", "channel": "web", "subject": "پرداخت", "text": "شماره کارتم ۶۰۳۷ است", "priority": "low"}
    opened = client.post("tickets", "/v1/tickets", body)
    client.view(customer, token(opened))

    def told() -> list[Any]:
        items = client.get("reporting", f"/v1/customers/{customer}/timeline?types=ticket.opened")["items"]
        return [(item["data"]["text"], item["data"]["kind"], item["data"]["priority"]) for item in items]

    [event] = client.get("reporting", f"/v1/customers/{customer}/timeline?types=ticket.opened")["items"]
    assert told() == [("شماره کارتم ۶۰۳۷ است", "question", "low")]
    client.post("contacts", "/v1/privacy/redactions", {"customer_id": customer, "event_id": event["event_id"], "reason": "card_number"})
    _until(lambda: told() == [(None, "question", "low")])  # keys are cached for seconds
    [message] = client.get("tickets", f"/v1/tickets/{opened.json()['id']}/messages")["items"]
    _until(lambda: client.get("tickets", f"/v1/tickets/{opened.json()['id']}/messages")["items"][0]["text"] is None)
    assert message["author"]["kind"] == "customer" and client.view(customer)["service"]["open"] == 1
    assert _ops(stack, "rebuild", "--reason", "از آغاز").exit_code == 0 and told() == [(None, "question", "low")]
    compared = _ops(stack, "reconcile")
    assert compared.exit_code == 0, compared.output


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


def _ops(stack: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(app, ["ops", *words], env={"REPORTING_URL": stack["REPORTING_URL"], "TOKEN": stack["TOKEN"]})


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < until
        threading.Event().wait(0.1)


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
