"""Does one customer's story, told to three services, come out whole in one view?"""

import threading
import uuid
from typing import Any

import pytest
from crm_local import issuing
from front_end import Client, ok, token

PROGRAMME = {
    "currency": "EUR",
    "earning": [{"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}],
    "pending_days": 0,
    "expiry": {"months": 12},
    "tiers": [{"name": "silver", "from_points": 0, "window": {"kind": "rolling", "months": 12}}],
    "point_value": {"points": 10, "amount": 5},
    "valid_from": "2020-01-01T00:00:00Z",
}


@pytest.fixture
def client(stack: dict[str, str]) -> Any:
    made = Client(stack)
    yield made
    made.close()


def test_register_ask_buy_redeem_merge_and_be_forgotten(client: Client) -> None:
    phone = f"۰۹۱۲{uuid.uuid4().int % 10**7:07d}"
    made = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "مریم رضایی", "identifiers": [{"kind": "phone", "value": phone}]})
    customer = made.json()["id"]
    client.put("contacts", f"/v1/contacts/{customer}/consents/marketing/sms", {"status": "granted", "text_version": "1", "evidence": "form"})
    call = client.post("contacts", f"/v1/contacts/{customer}/interactions", {"channel": "phone", "direction": "inbound", "text": "کجاست؟"})

    ticket = {"customer_id": customer, "kind": "complaint", "channel": "web", "subject": "دیر رسید", "text": "…", "priority": "high"}
    opened = client.post("tickets", "/v1/tickets", ticket)
    path = f"/v1/tickets/{opened.json()['id']}"
    refused = client.send("tickets", "POST", f"{path}/resolution", {"resolution": "x"})
    assert (refused.status_code, refused.json()["rule"]) == (409, "reply-first")
    client.post("tickets", f"{path}/messages", {"author": {"kind": "agent", "id": "agent-7"}, "visibility": "public", "channel": "web", "text": "ببخشید"})
    client.post("tickets", f"{path}/resolution", {"resolution": "ارسال شد", "agent_id": "agent-7"})
    rated = client.post("tickets", f"{path}/satisfaction", {"score": 5})

    programme = f"p{uuid.uuid4().hex[:10]}"
    client.put("loyalty", f"/v1/programmes/{programme}", PROGRAMME)
    member = client.post("loyalty", "/v1/members", {"customer_id": customer, "programme": programme}).json()["id"]
    line = {"sku": "a", "category": "tea", "quantity": 2, "list_price": 1500, "paid_price": 1200}
    client.post("loyalty", f"/v1/members/{member}/transactions", {"document": "A-1", "channel": "web", "lines": [line]})
    held = client.post("loyalty", f"/v1/members/{member}/redemptions", {"points": 20})
    spent = client.put("loyalty", f"/v1/members/{member}/redemptions/{held.json()['id']}/confirmation", {})

    view = client.view(customer, token(call), token(rated), token(spent))
    assert (view["profile"]["name"], view["consents"][0]["status"]) == ("مریم رضایی", "granted")
    assert (view["contact"]["interactions"], view["service"]["resolved"], view["service"]["satisfaction_mean"]) == (1, 1, 5)
    assert view["purchases"]["spend"] == [{"amount": 2400, "currency": "EUR"}]
    assert (view["loyalty"]["available"], view["loyalty"]["redeemed"], view["loyalty"]["tier"]) == (4, 20, "silver")

    twin = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "م. رضایی"}).json()["id"]
    again = client.post("contacts", f"/v1/contacts/{twin}/interactions", {"channel": "web", "direction": "outbound"})
    merge = client.post("contacts", "/v1/merges", {"survivor_id": customer, "absorbed_id": twin, "reason": "same phone"})
    whole = client.view(twin, token(again), token(merge))
    assert (whole["canonical_id"], whole["contact"]["interactions"]) == (customer, 2)

    erasure = client.post("contacts", "/v1/privacy/erasures", {"customer_id": twin})
    gone = client.send("reporting", "GET", f"/v1/customers/{customer}", Consistency_Token=token(erasure), Prefer="wait=10")
    assert (gone.status_code, gone.json()["type"]) == (410, "/problems/gone")
    assert client.send("contacts", "POST", f"/v1/contacts/{customer}/notes", {"text": "x"}).status_code == 410
    reborn = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "نو", "identifiers": [{"kind": "phone", "value": phone}]})
    assert reborn.json()["id"] not in (customer, twin), "the number is free again"


def test_a_tier_becomes_a_right_and_the_right_a_tickets_priority(client: Client) -> None:
    customer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "پروین"}).json()["id"]
    asks = {"customer_id": customer, "kind": "question", "channel": "web", "subject": "کجاست؟", "text": "…", "priority": "normal"}
    before = client.post("tickets", "/v1/tickets", asks).json()["id"]
    programme, first = f"p{uuid.uuid4().hex[:10]}", {"kind": "priority", "scope": "urgent"}
    gold = {"name": "gold", "from_points": 10, "window": {"kind": "rolling", "months": 12}, "entitlements": [first]}
    client.put("loyalty", f"/v1/programmes/{programme}", PROGRAMME | {"tiers": [gold]})
    member = client.post("loyalty", "/v1/members", {"customer_id": customer, "programme": programme}).json()["id"]
    line = {"sku": "a", "category": "tea", "quantity": 2, "list_price": 1500, "paid_price": 1200}
    client.post("loyalty", f"/v1/members/{member}/transactions", {"document": uuid.uuid4().hex, "channel": "web", "lines": [line]})
    assert client.until("tickets", f"/v1/tickets/{before}", lambda ticket: ticket["priority"] == "urgent")
    after = client.post("tickets", "/v1/tickets", asks).json()["id"]
    assert client.until("tickets", f"/v1/tickets/{after}", lambda ticket: ticket["priority"] == "urgent")
    (right,) = client.get("loyalty", f"/v1/entitlements?customer_id={customer}")["items"]
    assert (right["kind"], right["cause"], right["tier"], right["state"]) == ("priority", "tier", "gold", "active")


def test_a_desk_follows_a_customer_live(client: Client, stack: dict[str, str]) -> None:
    customer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "زنده"}).json()["id"]
    first = client.post("contacts", f"/v1/contacts/{customer}/interactions", {"channel": "web", "direction": "inbound"})
    client.view(customer, token(first))
    watcher, seen, opened = Client(stack), list[tuple[str, Any]](), threading.Event()

    def watch() -> None:
        with watcher._http.sse(f"{stack['REPORTING_URL']}/v1/customers/{customer}/stream") as stream:
            for event in stream:
                seen.append((event.event, event.json()))
                opened.set()
                if sum(kind == "ticket.opened" for kind, _ in seen) and seen[-1][0] == "view" and seen[-1][1]["service"]["open"]:
                    return

    watching = threading.Thread(target=watch)
    watching.start()
    assert opened.wait(20)
    client.post("tickets", "/v1/tickets", {"customer_id": customer, "kind": "question", "channel": "web", "subject": "s", "text": "t", "priority": "low"})
    watching.join(20)
    assert not watching.is_alive()
    kinds = [kind for kind, _ in seen]
    assert kinds[0] == kinds[-1] == "view" and kinds.count("ticket.opened") == 1
    watcher.close()


def test_a_customers_own_token_shows_only_what_is_theirs(client: Client, stack: dict[str, str], backbone: Any) -> None:
    mine, other = (client.post("contacts", "/v1/contacts", {"kind": "person", "name": name}) for name in ("من", "دیگری"))
    client.view(other.json()["id"], token(mine), token(other))
    herself = Client(stack, issuing.token(backbone.data_dir, scopes="self", customer=mine.json()["id"]))
    assert herself.view(mine.json()["id"])["profile"]["name"] == "من"
    assert herself.send("reporting", "GET", f"/v1/customers/{other.json()['id']}").status_code == 404
    ticket = {"customer_id": mine.json()["id"], "kind": "question", "channel": "web", "subject": "s", "text": "t", "priority": "low"}
    opened = ok(herself.send("tickets", "POST", "/v1/tickets", ticket))
    assert herself.send("tickets", "GET", f"/v1/tickets/{opened['id']}").status_code == 200
    assert herself.send("tickets", "POST", "/v1/tickets", ticket | {"customer_id": other.json()["id"]}).status_code == 404
    herself.close()
