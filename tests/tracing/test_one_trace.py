"""Is one request one trace, from HTTP through SQL, relay and projector to the live stream, on the running backbone? And is nobody told who did not ask?"""

import secrets
import uuid
from collections.abc import Iterator

import pytest
from collector import Collector, Told
from front_end import Client
from live import Live

WAY = {
    ("tickets", "POST /v1/tickets"),
    ("tickets", "load"),
    ("tickets", "append"),
    ("tickets", "send crm.tickets.v1"),
    ("reporting-projector", "process crm.tickets.v1"),
    ("reporting", "push"),
}


class Traced:
    """A caller that follows its requests."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.id, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.header = f"00-{self.id}-{self.span}-{'01' if sampled else '00'}"


@pytest.fixture
def client(stack: dict[str, str]) -> Iterator[Client]:
    made = Client(stack)
    yield made
    made.close()


def person(client: Client) -> str:
    made = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "مریم رضایی"})
    client.view(made.json()["id"], made.headers["Consistency-Token"])
    return str(made.json()["id"])


def ticket(customer: str) -> dict[str, str]:
    return {"customer_id": customer, "kind": "complaint", "channel": "web", "priority": "high", "subject": "بستهٔ من نرسیده", "text": "یک هفته است منتظرم."}


def test_a_ticket_is_one_trace_from_the_request_to_who_watches_the_customer(client: Client, stack: dict[str, str], collector: Collector) -> None:
    customer, traced = person(client), Traced()
    with Live(stack, customer) as live:
        assert live.next().event == "view"
        made = client.post("tickets", "/v1/tickets", ticket(customer), traceparent=traced.header)
        while live.next().event != "ticket.opened":
            pass
    found = collector.until(lambda spans: {(one.service, one.name) for one in spans} >= WAY, traced.id)
    (request,) = (one for one in found if one.name == "POST /v1/tickets")
    assert (request.service, request.parent, made.headers["traceparent"]) == ("tickets", traced.span, f"00-{traced.id}-{request.id}-01")
    assert request.attributes == {"http.request.method": "POST", "http.route": "/v1/tickets", "http.response.status_code": 201}
    assert {(one.service, one.name) for one in found} >= WAY
    assert {one.parent for one in found if one is not request} == {request.id}, "each is a part of the request, whoever did it"
    way = [_opened(found, name) for name in ("send crm.tickets.v1", "process crm.tickets.v1", "push")]
    assert [one.began for one in way] == sorted(one.began for one in way), "sent, applied, told: in this order; who sent may hear of it after who applied"
    assert len({one.attributes["crm.event_id"] for one in way}) == 1


def _opened(found: list[Told], name: str) -> Told:
    """The first of its kind: a collector that answers late is told the same span once more."""
    return min((one for one in found if one.name == name and one.attributes["crm.event_type"] == "ticket.opened"), key=lambda one: one.began)


def test_a_read_shows_its_statements_without_their_arguments(client: Client, collector: Collector) -> None:
    customer, traced = person(client), Traced()
    client.get("reporting", f"/v1/customers/{customer}", traceparent=traced.header)
    found = collector.until(lambda spans: any(one.name.startswith("GET") for one in spans), traced.id)
    (request,) = (one for one in found if one.parent == traced.span)
    assert (request.service, request.name) == ("reporting", "GET /v1/customers/{customer_id}")
    statements = [one for one in found if "db.query.text" in one.attributes]
    assert statements and all(one.parent == request.id and one.service == "reporting" for one in statements)
    assert any("$1" in one.attributes["db.query.text"] for one in statements), statements
    assert customer not in str([one.attributes for one in found])


def test_a_request_its_caller_does_not_follow_is_told_to_nobody(client: Client, collector: Collector) -> None:
    """The stack's own share is set to none here, so that only what is asked for is told."""
    customer, silent, loud = person(client), Traced(sampled=False), Traced()
    made = client.post("tickets", "/v1/tickets", ticket(customer), traceparent=silent.header)
    assert made.headers["traceparent"][3:35] == silent.id and made.headers["traceparent"][-2:] == "00"
    client.view(customer, made.headers["Consistency-Token"])
    client.put("tickets", f"/v1/tickets/{made.json()['id']}/priority", {"priority": "low"}, traceparent=loud.header)
    collector.until(lambda spans: any(one.name.startswith("process") for one in spans), loud.id)
    assert collector.spans(loud.id) and collector.spans(silent.id) == []


def test_what_fails_is_marked_by_its_kind_alone(client: Client, collector: Collector) -> None:
    traced = Traced()
    answer = client.send("tickets", "GET", f"/v1/tickets/{uuid.uuid4()}", traceparent=traced.header)
    assert answer.status_code == 404
    (request,) = (one for one in collector.until(lambda spans: any(one.name.startswith("GET") for one in spans), traced.id) if one.parent == traced.span)
    assert request.attributes["http.response.status_code"] == 404 and not request.failed, "a refusal is no fault of ours"
