"""Does a cursor lead through every listing of every service while rows arrive before and behind it: nothing twice, and nothing left out that was there?"""

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from front_end import Client, ok, token

AT_FIRST, A_PAGE = 7, 2
DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "api"
ELSEWHERE = {  # listed by tests of their own, where they can be filled
    "listKpis": "the catalogue of figures does not grow while it runs",
    "listNotices": "tests/loyalty/test_notices.py",
    "listParked": "tests/reporting/test_operations_api.py",
    "listWebhookDeliveries": "tests/reporting/test_webhooks_api.py",
}
MESSAGE = {"channel": "email", "purpose": "marketing", "goal": "retention", "template": "t"}
LINE = {"sku": "s", "category": "tea", "quantity": 1, "list_price": 1000, "paid_price": 1000}


class Shop:
    """Makes what is listed; each has a mark of its own, so that a listing over everybody's can be told apart."""

    def __init__(self, client: Client) -> None:
        self.client, self.mark, self.tokens, self.hooks, self._counting = client, uuid.uuid4().hex[:10], list[str](), list[str](), itertools.count()

    def made(self, service: str, path: str, body: Any, method: str = "POST") -> Any:
        answer = self.client.send(service, method, path, body)
        ok(answer)
        if "Consistency-Token" in answer.headers:
            self.tokens.append(token(answer))
        return answer.json()

    def place(self) -> int:
        """Before or behind all others, in turn."""
        number = next(self._counting)
        return 700 + (number + 1) // 2 * (1 if number % 2 else -1)

    def moment(self) -> str:
        return (datetime(2001, 2, 3, tzinfo=UTC) + timedelta(minutes=self.place())).isoformat()

    def name(self) -> str:
        return f"{self.mark}-{self.place():04}"

    def person(self, **fields: Any) -> str:
        return str(self.made("contacts", "/v1/contacts", {"kind": "person", "name": f"{self.mark} {uuid.uuid4().hex}"} | fields)["id"])

    def unallowed(self) -> None:
        """Somebody who took back what they had allowed."""
        one = self.person(occurred_at="2001-01-01T00:00:00Z")
        for status, moment in (("granted", "2001-01-02T00:00:00Z"), ("withdrawn", self.moment())):
            self.made("contacts", f"/v1/contacts/{one}/consents/marketing/post", {"status": status, "text_version": "1", "occurred_at": moment}, "PUT")

    def ticket(self, customer: str, **fields: Any) -> str:
        body = {"customer_id": customer, "kind": "question", "channel": "web", "subject": "s", "text": "t", "priority": "low", "occurred_at": self.moment()}
        return str(self.made("tickets", "/v1/tickets", body | fields)["id"])

    def programme(self, **fields: Any) -> str:
        rule = {"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}
        tiers = [{"name": f"t{self.mark}", "from_points": 0, "window": {"kind": "rolling", "months": 12}}]
        terms = {"currency": "EUR", "earning": [rule], "pending_days": 0, "expiry": {"months": 1200}, "tiers": tiers}
        name = f"p{uuid.uuid4().hex[:10]}"
        self.made(
            "loyalty", f"/v1/programmes/{name}", terms | {"point_value": {"points": 1, "amount": 1}, "valid_from": "1990-01-01T00:00:00Z"} | fields, "PUT"
        )
        return name

    def referral(self, customer: str, programme: str) -> None:
        self.made("loyalty", "/v1/referrals", {"customer_id": customer, "programme": programme, "occurred_at": self.moment()})

    def member(self, customer: str, programme: str | None = None) -> str:
        body = {"customer_id": customer, "programme": programme or self.programme(), "occurred_at": "2001-02-03T00:00:00Z"}
        return str(self.made("loyalty", "/v1/members", body)["id"])

    def purchase(self, member: str) -> str:
        body = {"document": uuid.uuid4().hex, "channel": "web", "lines": [LINE], "occurred_at": self.moment()}
        return str(self.made("loyalty", f"/v1/members/{member}/transactions", body)["id"])

    def invoice(self, customer: str) -> None:
        owed = {"document": uuid.uuid4().hex, "amount": {"amount": 900, "currency": "EUR"}, "due_at": "2026-01-01T00:00:00Z"}
        self.made("loyalty", "/v1/invoices", {"customer_id": customer} | owed | {"occurred_at": self.moment()})

    def offer(self) -> str:
        body = {"name": self.name(), "channel": "sms", "starts_at": "2001-01-01T00:00:00Z", "ends_at": "2199-01-01T00:00:00Z"}
        return str(self.made("loyalty", "/v1/offers", body)["id"])

    def aim(self, offer: str, customer: str) -> None:
        self.made("loyalty", f"/v1/offers/{offer}/targets", {"customer_id": customer})

    def reward(self, customer: str) -> None:
        self.made("loyalty", "/v1/rewards", {"customer_id": customer, "kind": "cup", "cost": {"amount": 250, "currency": "EUR"}})

    def price(self) -> None:
        change = {"from_price": 900, "to_price": 950, "currency": "EUR", "effective_from": "2002-01-01T00:00:00Z"}
        self.made("loyalty", "/v1/prices", {"sku": self.name()} | change)

    def hook(self) -> None:
        told = {"url": "http://127.0.0.1:9/", "types": ["privacy.redacted"]}
        self.hooks.append(self.made("reporting", "/v1/webhooks", told)["id"])

    def rated(self, customer: str) -> None:
        ticket = self.ticket(customer)
        said = {"author": {"kind": "agent", "id": "a"}, "visibility": "public", "channel": "web", "text": "…", "occurred_at": "2001-02-03T12:00:00Z"}
        self.made("tickets", f"/v1/tickets/{ticket}/messages", said)
        self.made("tickets", f"/v1/tickets/{ticket}/resolution", {"resolution": "r", "agent_id": "a", "occurred_at": "2001-02-03T13:00:00Z"})
        day = f"2002-0{1 + self.place() % 9}-04T00:00:00Z"
        self.made("tickets", f"/v1/tickets/{ticket}/satisfaction", {"score": 5, "occurred_at": day})


@pytest.fixture
def shop(stack: dict[str, str]) -> Iterator[Shop]:
    client = Client(stack)
    shop = Shop(client)
    yield shop
    for hook in shop.hooks:
        ok(client.send("reporting", "DELETE", f"/v1/webhooks/{hook}"))
    client.close()


class Listing:
    """Where it is read (a body: it is asked by POST), what makes one more row, and what names a row."""

    def __init__(self, service: str, path: str, grow: Callable[[], Any], key: str = "id", body: Any = None) -> None:
        self.service, self.path, self.grow, self.key, self.body = service, path, grow, key, body


def _of_contacts(shop: Shop) -> dict[str, Listing]:
    one, other = shop.person(), shop.person(name="دیگری")
    call: dict[str, Any] = {"channel": "phone", "direction": "inbound"}
    return {
        "lookupContacts": Listing("contacts", "/v1/contacts/lookup", shop.person, body={"name": shop.mark}),
        "listInteractions": Listing(
            "contacts",
            f"/v1/contacts/{one}/interactions",
            lambda: shop.made("contacts", f"/v1/contacts/{one}/interactions", call | {"occurred_at": shop.moment()}),
        ),
        "listMatches": Listing(
            "contacts",
            f"/v1/matches?customer_id={one}",
            lambda: shop.made("contacts", "/v1/matches", {"contact_id": one, "other_id": shop.person(), "occurred_at": shop.moment()}),
        ),
        "listOutreach": Listing(
            "contacts",
            f"/v1/contacts/{one}/outreach",
            lambda: shop.made("contacts", f"/v1/contacts/{one}/outreach", MESSAGE | {"campaign_id": str(uuid.uuid4()), "occurred_at": shop.moment()}),
        ),
        "listWithoutBasis": Listing("contacts", "/v1/privacy/without-basis", shop.unallowed, "customer_id"),
        "listSurveys": Listing(
            "contacts",
            f"/v1/contacts/{one}/surveys",
            lambda: shop.made("contacts", f"/v1/contacts/{one}/surveys", {"survey": "s", "channel": "web", "occurred_at": shop.moment()}),
        ),
        "listRelationships": Listing(
            "contacts",
            f"/v1/contacts/{other}/relationships",
            lambda: shop.made("contacts", f"/v1/contacts/{other}/relationships", {"kind": "household", "other_id": shop.person()}),
        ),
    }


def _of_tickets(shop: Shop) -> dict[str, Listing]:
    customer = shop.person()
    ticket = shop.ticket(customer, occurred_at="2001-02-03T00:00:00Z")
    said = {"author": {"kind": "agent", "id": "a"}, "visibility": "public", "channel": "web", "text": "…"}
    work = {"agent_id": "a", "role": "r", "activity": "x", "seconds": 60, "customer_facing": True, "ticket_id": ticket}
    care = {"customer_id": customer, "about_id": ticket, "occurred_at": "2001-01-01T00:00:00Z"}
    heard = {"customer_id": customer, "source": "inline", "topic": "x", "text": "…"}
    idea = {"customer_id": customer, "title": "…", "text": "…"}
    hours = {"time_zone": "Asia/Tehran", "week": {"sat": [["08:00", "16:00"]]}, "holidays": []}
    promise = {"rank": 900, "when": {"categories": [shop.mark]}, "targets": {"first_reply": 60}, "calendar": f"h-{shop.mark}", "pauses": {}}
    shop.made("tickets", f"/v1/calendars/h-{shop.mark}", hours, "PUT")
    return {
        "listTickets": Listing("tickets", f"/v1/tickets?customer_id={customer}", lambda: shop.ticket(customer)),
        "listMessages": Listing(
            "tickets",
            f"/v1/tickets/{ticket}/messages",
            lambda: shop.made("tickets", f"/v1/tickets/{ticket}/messages", said | {"occurred_at": shop.moment()}),
        ),
        "listWork": Listing("tickets", f"/v1/work?ticket_id={ticket}", lambda: shop.made("tickets", "/v1/work", work | {"occurred_at": shop.moment()})),
        "listFollowups": Listing(
            "tickets", f"/v1/followups?customer_id={customer}", lambda: shop.made("tickets", "/v1/followups", care | {"due_at": shop.moment()})
        ),
        "listFeedback": Listing(
            "tickets", f"/v1/feedback?customer_id={customer}", lambda: shop.made("tickets", "/v1/feedback", heard | {"occurred_at": shop.moment()})
        ),
        "listIdeas": Listing("tickets", f"/v1/ideas?customer_id={customer}", lambda: shop.made("tickets", "/v1/ideas", idea | {"occurred_at": shop.moment()})),
        "listSlaPolicies": Listing("tickets", "/v1/sla-policies", lambda: shop.made("tickets", f"/v1/sla-policies/{shop.name()}", promise, "PUT"), "name"),
        "listProcedures": Listing(
            "tickets", "/v1/procedures", lambda: shop.made("tickets", f"/v1/procedures/{shop.name()}", {"steps": ["opened", "closed"]}, "PUT"), "name"
        ),
        "listMacros": Listing("tickets", "/v1/macros", lambda: shop.made("tickets", f"/v1/macros/{shop.name()}", {"steps": [{"do": "close"}]}, "PUT"), "name"),
        "listCalendars": Listing("tickets", "/v1/calendars", lambda: shop.made("tickets", f"/v1/calendars/{shop.name()}", hours, "PUT"), "name"),
    }


def _of_loyalty(shop: Shop) -> dict[str, Listing]:
    customer, offer = shop.person(), shop.offer()
    member, club = shop.member(customer), shop.programme(referral={"reward": "قوری", "amount": 250, "return_days": 14})
    shop.member(customer, club)
    right = {"customer_id": customer, "kind": "warranty", "scope": "kettle"}
    return {
        "listMembers": Listing("loyalty", f"/v1/members?customer_id={customer}", lambda: shop.member(customer)),
        "listEntitlements": Listing("loyalty", f"/v1/entitlements?customer_id={customer}", lambda: shop.made("loyalty", "/v1/entitlements", right)),
        "listWallets": Listing("loyalty", f"/v1/wallets?customer_id={customer}", lambda: shop.member(customer), "programme"),
        "listInvoices": Listing("loyalty", f"/v1/invoices?customer_id={customer}", lambda: shop.invoice(customer)),
        "listOffers": Listing("loyalty", "/v1/offers", shop.offer),
        "listOfferTargets": Listing("loyalty", f"/v1/offers/{offer}/targets", lambda: shop.aim(offer, shop.person())),
        "listOffersTo": Listing("loyalty", f"/v1/offer-targets?customer_id={customer}", lambda: shop.aim(shop.offer(), customer)),
        "listRewards": Listing("loyalty", f"/v1/rewards?customer_id={customer}", lambda: shop.reward(customer)),
        "listReferrals": Listing("loyalty", f"/v1/referrals?customer_id={customer}", lambda: shop.referral(customer, club)),
        "listPrices": Listing("loyalty", "/v1/prices", shop.price),
        "listTransactions": Listing("loyalty", f"/v1/members/{member}/transactions", lambda: shop.purchase(member)),
        "listPointsEntries": Listing("loyalty", f"/v1/members/{member}/points/entries", lambda: shop.purchase(member), "event_id"),
    }


def _of_reporting(shop: Shop) -> dict[str, Listing]:
    customer, programme = shop.person(), shop.programme()
    call: dict[str, Any] = {"channel": "phone", "direction": "inbound"}
    rate: dict[str, Any] = {"activity": "service", "driver": "minute", "amount": {"amount": 45, "currency": "EUR"}, "valid_from": "2001-01-01T00:00:00Z"}
    return {
        "listCustomers": Listing("reporting", f"/v1/customers?tier=t{shop.mark}", lambda: shop.purchase(shop.member(shop.person(), programme)), "customer_id"),
        "lookupCustomers": Listing("reporting", "/v1/customers/lookup", shop.person, "customer_id", {"name": shop.mark}),
        "getTimeline": Listing(
            "reporting",
            f"/v1/customers/{customer}/timeline",
            lambda: shop.made("contacts", f"/v1/contacts/{customer}/interactions", call | {"occurred_at": shop.moment()}),
            "event_id",
        ),
        "getKpiEvidence": Listing(
            "reporting", "/v1/kpis/csat/evidence?from=2002-01-01T00:00:00Z&to=2003-01-01T00:00:00Z", lambda: shop.rated(customer), "event_id"
        ),
        "listCostRates": Listing("reporting", "/v1/cost-rates", lambda: shop.made("reporting", f"/v1/cost-rates/{shop.name()}", rate, "PUT"), "name"),
        "listTargets": Listing(
            "reporting",
            "/v1/targets",
            lambda: shop.made("reporting", f"/v1/targets/{shop.name()}", {"value": "1", "unit": "percent", "scope": "company"}, "PUT"),
            "name",
        ),
        "listWebhooks": Listing("reporting", "/v1/webhooks", shop.hook),
        "listOperationsAudit": Listing(
            "reporting", "/v1/operations/audit?operation=webhook", shop.hook
        ),
    }  # fmt: skip


MAKERS = {"contacts": _of_contacts, "tickets": _of_tickets, "loyalty": _of_loyalty, "reporting": _of_reporting}


def page(shop: Shop, listing: Listing, cursor: str | None) -> Any:
    """One page that holds every write so far, and where it goes on."""
    parts = [f"limit={A_PAGE}", *([f"cursor={cursor}"] if cursor else [])]
    path = listing.path + ("&" if "?" in listing.path else "?") + "&".join(parts)
    told = {"Consistency_Token": ",".join(shop.tokens[-20:]), "Prefer": "wait=10"} if listing.service == "reporting" else {}
    return ok(shop.client.send(listing.service, "GET" if listing.body is None else "POST", path, listing.body, **told))


def whole(shop: Shop, listing: Listing, meanwhile: Callable[[], Any] = lambda: None) -> list[str]:
    """The names of all rows, page after page, while something happens between any two pages."""
    found, cursor = list[str](), None
    while True:
        told = page(shop, listing, cursor)
        found += [json.dumps(item[listing.key]) for item in told["items"]]
        cursor = told["next"]
        if cursor is None:
            return found
        meanwhile()


@pytest.mark.parametrize("service", MAKERS)
def test_every_listing_is_read_whole_and_once_while_it_grows(shop: Shop, service: str) -> None:
    for operation, listing in MAKERS[service](shop).items():
        for _ in range(AT_FIRST):
            listing.grow()
        before = whole(shop, listing)
        assert len(set(before)) == len(before) >= AT_FIRST, operation
        seen = whole(shop, listing, partial(_at_most, AT_FIRST, listing.grow, itertools.count()))
        assert len(seen) == len(set(seen)), f"{operation}: twice"
        assert set(before) <= set(seen), f"{operation}: left out"
        after = whole(shop, listing)
        assert len(after) > len(before), f"{operation} did not grow: nothing was tried"


def _at_most(times: int, grow: Callable[[], Any], counting: Iterator[int]) -> None:
    if next(counting) < times:
        grow()


def test_there_is_no_listing_that_was_not_tried(shop: Shop) -> None:
    listed = set()
    for service in MAKERS:
        for path in json.loads((DOCUMENTS / f"{service}.json").read_text())["paths"].values():
            listed |= {each["operationId"] for each in path.values() if any("cursor" in json.dumps(one) for one in each.get("parameters", ()))}
    tried = {operation for service in MAKERS.values() for operation in service(shop)}
    assert listed == tried | ELSEWHERE.keys()
