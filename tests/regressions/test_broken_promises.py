"""Where rivals break when a promise was not kept: is somebody called in by rule, once, and is the customer asked once?"""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from front_end import Client

SOON = 60.0
ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


@pytest.fixture
def client(stack: dict[str, str]) -> Iterator[Client]:
    made = Client(stack)
    yield made
    made.close()


def test_t27_a_breach_assigns_and_escalates_by_rule_and_once(client: Client) -> None:
    name = f"قول-{uuid.uuid4().hex[:8]}"
    client.put("tickets", f"/v1/calendars/{name}", {"time_zone": "Asia/Tehran", "week": ALWAYS, "holidays": []})
    done = {"level": 2, "to": "shift-lead", "agent_id": "agent-9", "group": "second-line", "priority": "urgent"}
    policy = {"rank": 0, "when": {"categories": [name]}, "targets": {"first_reply": 0, "resolution": 600}, "calendar": name, "on_breach": {"first_reply": done}}
    client.put("tickets", f"/v1/sla-policies/{name}", policy)
    asked = {"customer_id": str(uuid.uuid4()), "kind": "question", "channel": "web", "subject": "کسی هست؟", "text": "…", "priority": "low", "category": name}
    ticket = client.post("tickets", "/v1/tickets", asked).json()

    def stands() -> Any:
        shown = client.get("tickets", f"/v1/tickets/{ticket['id']}")
        return shown if shown["priority"] == "urgent" and shown["escalations"] else None

    shown = _until(stands)
    assert [(one["level"], one["to"], one["cause"], one["metric"]) for one in shown["escalations"]] == [(2, "shift-lead", "breach", "first_reply")]
    assert (shown["assignee_id"], {clock["metric"]: clock["state"] for clock in shown["clocks"]}) == (
        "agent-9",
        {"first_reply": "breached", "resolution": "running"},
    )
    told = _until(lambda: _told(client, asked["customer_id"]))
    assert {one["type"]: one["data"].get("cause") for one in told} == {"ticket.escalated": "breach", "ticket.assigned": "rule", "ticket.priority_set": "rule"}


def test_t28_a_link_asks_once_without_an_account_and_the_answer_is_in_the_view(client: Client, stack: dict[str, str]) -> None:
    asked = {"customer_id": str(uuid.uuid4()), "kind": "question", "channel": "web", "subject": "رسید؟", "text": "…", "priority": "low"}
    ticket = client.post("tickets", "/v1/tickets", asked).json()
    path = f"/v1/tickets/{ticket['id']}"
    client.post("tickets", f"{path}/messages", {"author": {"kind": "agent", "id": "agent-7"}, "visibility": "public", "channel": "web", "text": "بله"})
    client.post("tickets", f"{path}/resolution", {"resolution": "رسیده بود", "agent_id": "agent-7"})
    link = client.post("tickets", f"{path}/satisfaction-links", {}).json()
    assert client.post("tickets", f"{path}/satisfaction-links", {}).json()["token"] == link["token"], "no second question"
    browser = {"Authorization": f"Bearer {link['token']}"}
    url = stack["TICKETS_URL"] + "/v1/satisfaction"
    assert httpx2.get(url, headers=browser).json()["state"] == "open"
    for score in (2, 5):  # changed within the day: one answer, the last one
        answer = httpx2.put(url, headers=browser, json={"score": score, "comment": "دستتان درد نکند"})
        assert (answer.status_code, answer.json()["score"]) == (200, score)
    view = client.view(asked["customer_id"], answer.headers["Consistency-Token"])
    assert view["service"]["satisfaction_mean"] == 5
    again = client.send("tickets", "POST", f"{path}/satisfaction-links", {})
    assert (again.status_code, again.json()["rule"]) == (409, "answered"), "no reminder after an answer"


def _told(client: Client, customer: str) -> Any:
    items = client.get("reporting", f"/v1/customers/{customer}/timeline?types=ticket.escalated,ticket.assigned,ticket.priority_set")["items"]
    return items if len(items) >= 3 else None


def _until(found: Any) -> Any:
    """What is found, once there is something."""
    end = time.monotonic() + SOON
    while (seen := found()) is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    return seen
