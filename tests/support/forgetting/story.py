"""How does every personal field of every event, and of every request, come to hold a mark? One customer's whole dealings with us, over HTTP alone.

The tests hold what was stored against the event models, and what was sent against the request models: a new field without a mark in this story is noticed.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from front_end import Client, ok

from forgetting.marks import Marks

LINE = {"sku": "a", "category": "tea", "quantity": 2, "list_price": 1500, "paid_price": 1200}
RULE = {"id": "base", "when": {}, "basis": "line", "points_per": {"points": 1, "amount": 100}, "multiplier": "1", "rounding": "floor", "stop": False}
PROGRAMME = {
    "currency": "EUR", "earning": [RULE], "pending_days": 0, "expiry": {"months": 12}, "point_value": {"points": 10, "amount": 5},
    "tiers": [{"name": "silver", "from_points": 0, "window": {"kind": "rolling", "months": 12}}], "valid_from": "2020-01-01T00:00:00Z",
    "referral": {"reward": "cup", "amount": 250, "return_days": 14},
}  # fmt: skip


@dataclass
class Story:
    """What was sent (operation, path, body) and whose it is. `tokens`: of the last write to each service."""

    client: Client
    marks: Marks
    customer: str = ""
    twin: str = ""
    member: str = ""
    sent: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def tell(self, service: str, method: str, operation: str, template: str, body: Any, *, status: int = 0, **path: str) -> Any:
        """Send one command; its Idempotency-Key is as careless as some clients' are."""
        url, key = template.format(**path), f"{self.marks.latin}-{uuid.uuid4().hex[:12]}"
        answer = self.client.send(service, method, url, body, Idempotency_Key=key)
        assert answer.status_code == status if status else answer.is_success, f"{method} {url}: {answer.status_code} {answer.text[:500]}"
        self.sent.append((operation, path, body))
        if "Consistency-Token" in answer.headers:
            self.tokens.append(answer.headers["Consistency-Token"])
        return answer.json()

    def contacts(self) -> None:
        """Who she is, how she is reached, what was said; her second contact, merged, parted and merged again."""
        text, identifiers = self.marks.text, [{"kind": kind, "value": value} | ({"system": system} if system else {}) for kind, (value, system) in
                                              self.marks.identifiers.items()]  # fmt: skip
        first = {"kind": "person", "name": text("name"), "identifiers": identifiers[:4], "language": "fa"}
        self.customer = self.tell("contacts", "POST", "registerContact", "/v1/contacts", first)["id"]
        self.twin = self.tell("contacts", "POST", "registerContact", "/v1/contacts", {"kind": "person", "name": text("twin")})["id"]
        who = {"contact_id": self.customer}
        for body in identifiers[4:]:
            self.tell("contacts", "POST", "addIdentifier", "/v1/contacts/{contact_id}/identifiers", body, **who)
        details = {name: text(f"new {name}") for name in ("name", "address", "organisation_name")} | {"birthday": self.marks.birthday}
        self.tell("contacts", "PATCH", "changeContact", "/v1/contacts/{contact_id}", details, **who)
        for status in ("granted", "withdrawn", "denied"):
            body = {"status": status, "text_version": "1", "evidence": text(status)}
            self.tell(
                "contacts", "PUT", "setConsent", "/v1/contacts/{contact_id}/consents/{purpose}/{channel}", body, **who, purpose="marketing", channel="sms"
            )
        for number in range(3):
            body = {"channel": "phone", "direction": "inbound", "subject": text(f"subject {number}"), "text": text(f"text {number}"), "kind": "call"}
            self.tell("contacts", "POST", "recordInteraction", "/v1/contacts/{contact_id}/interactions", body, **who)
        self.tell("contacts", "POST", "addNote", "/v1/contacts/{contact_id}/notes", {"text": text("note")}, **who)
        asked = {"survey": "autumn", "channel": "web"}
        survey = self.tell("contacts", "POST", "sendSurvey", "/v1/contacts/{contact_id}/surveys", asked, **who)["id"]
        said = {"question": "recommend", "kind": "nps", "score": 9, "scale_min": 0, "scale_max": 10}
        answers = {"answers": [said], "comment": text("survey")}
        self.tell("contacts", "POST", "answerSurvey", "/v1/contacts/{contact_id}/surveys/{survey_id}/answers", answers, **who, survey_id=survey)
        both = {"survivor_id": self.customer, "absorbed_id": self.twin}
        merge = self.tell("contacts", "POST", "mergeContacts", "/v1/merges", both | {"reason": text("merge")})
        self.tell("contacts", "POST", "reverseMerge", "/v1/merges/{merge_id}/reversal", {"reason": text("reversal")}, merge_id=merge["id"])
        self.tell("contacts", "POST", "mergeContacts", "/v1/merges", both | {"reason": text("merged again")})
        self.tell("contacts", "POST", "reverseMerges", "/v1/merges/reversals", {"contact_ids": [self.twin], "reason": text("parted")})
        self.tell("contacts", "POST", "mergeContacts", "/v1/merges", both | {"reason": text("and again")})

    def tickets(self) -> None:
        """What she asked, what was answered, and what she thought of it."""
        text = self.marks.text
        body = {"customer_id": self.customer, "kind": "question", "channel": "web", "priority": "normal", "subject": text("question"), "text": text("asks")}
        ticket = {"ticket_id": self.tell("tickets", "POST", "openTicket", "/v1/tickets", body)["id"]}
        said = {"author": {"kind": "agent", "id": "agent-7"}, "visibility": "public", "channel": "web", "text": text("answer")}
        self.tell("tickets", "POST", "addMessage", "/v1/tickets/{ticket_id}/messages", said, **ticket)
        besides = {"author": {"kind": "customer"}, "visibility": "public", "channel": "web", "text": text("besides")}
        asked = self.tell("tickets", "POST", "addMessage", "/v1/tickets/{ticket_id}/messages", besides, **ticket)["id"]
        self.tell("tickets", "POST", "splitTicket", "/v1/tickets/{ticket_id}/splits", {"message_ids": [asked], "subject": text("apart")}, **ticket)
        self.tell("tickets", "PUT", "setPriority", "/v1/tickets/{ticket_id}/priority", {"priority": "high", "reason": text("priority")}, **ticket)
        self.tell("tickets", "PUT", "setTicketStatus", "/v1/tickets/{ticket_id}/status", {"status": "on_hold", "reason": text("status")}, **ticket)
        macro = f"m{uuid.uuid4().hex[:10]}"
        ok(self.client.send("tickets", "PUT", f"/v1/macros/{macro}", {"steps": [{"do": "note"}, {"do": "reply"}, {"do": "resolve"}]}))
        words = {"note": text("macro note"), "reply": text("macro reply"), "resolution": text("macro resolution")}
        self.tell("tickets", "POST", "applyMacro", "/v1/tickets/{ticket_id}/macros", {"macro": macro} | words, **ticket)
        self.tell("tickets", "POST", "reopenTicket", "/v1/tickets/{ticket_id}/reopening", {"reason": text("macro reopening")}, **ticket)
        done = {"resolution": text("resolution"), "agent_id": "agent-7"}
        self.tell("tickets", "POST", "resolveTicket", "/v1/tickets/{ticket_id}/resolution", done, **ticket)
        self.tell("tickets", "POST", "reopenTicket", "/v1/tickets/{ticket_id}/reopening", {"reason": text("reopening")}, **ticket)
        self.tell("tickets", "POST", "resolveTicket", "/v1/tickets/{ticket_id}/resolution", done, **ticket)
        link = self.tell("tickets", "POST", "askForSatisfaction", "/v1/tickets/{ticket_id}/satisfaction-links", {}, **ticket)
        opinion = {"score": 3, "comment": text("by link")}
        answer = self.client.send("tickets", "PUT", "/v1/satisfaction", opinion, Authorization=f"Bearer {link['token']}")
        assert answer.is_success, answer.text[:500]
        self.sent.append(("answerSatisfaction", {}, opinion))
        heard = {"customer_id": self.customer, "source": "interview", "topic": "packaging", "text": text("feedback")}
        self.tell("tickets", "POST", "captureFeedback", "/v1/feedback", heard)
        idea = {"customer_id": self.customer, "title": text("idea"), "text": text("idea's text")}
        self.tell("tickets", "POST", "proposeIdea", "/v1/ideas", idea)
        self.tell("tickets", "POST", "rateTicket", "/v1/tickets/{ticket_id}/satisfaction", {"score": 4, "comment": text("comment")}, **ticket)

    def loyalty(self) -> None:
        """Her card, and what she bought: amounts, which stay; why she lost a right."""
        programme = f"p{uuid.uuid4().hex[:10]}"
        ok(self.client.send("loyalty", "PUT", f"/v1/programmes/{programme}", PROGRAMME))
        enrolment = {"customer_id": self.customer, "programme": programme, "card_number": self.marks.card_number}
        self.member = self.tell("loyalty", "POST", "enrolMember", "/v1/members", enrolment)["id"]
        friend = {"customer_id": self.customer, "programme": programme, "invitee": self.marks.invitee}
        self.tell("loyalty", "POST", "inviteReferral", "/v1/referrals", friend)
        for number in range(3):
            body = {"document": f"A-{uuid.uuid4().hex[:8]}-{number}", "channel": "web", "lines": [LINE]}
            self.tell("loyalty", "POST", "recordTransaction", "/v1/members/{member_id}/transactions", body, member_id=self.member)
        reason = {"tier": "silver", "reason": "complaint", "holds_until": "2190-01-01T00:00:00Z", "exception": self.marks.text("tier")}
        self.tell("loyalty", "PUT", "overrideTier", "/v1/members/{member_id}/tier", reason, member_id=self.member)
        right = self.tell("loyalty", "POST", "grantEntitlement", "/v1/entitlements", {"customer_id": self.customer, "kind": "contract", "scope": "care"})
        lost = {"reason": "misuse", "exception": self.marks.text("exception")}
        self.tell("loyalty", "POST", "revokeEntitlement", "/v1/entitlements/{entitlement_id}/revocation", lost, entitlement_id=right["id"])

    def odd_requests(self) -> None:
        """What is looked up, refused, unreadable, or sent to the wrong place."""
        text = self.marks.text
        for service, path in (("contacts", "/v1/contacts/lookup"), ("reporting", "/v1/customers/lookup")):
            for kind, (value, system) in self.marks.identifiers.items():
                ok(self.client.send(service, "POST", path, {"identifier": {"kind": kind, "value": value} | ({"system": system} if system else {})}))
            ok(self.client.send(service, "POST", path, {"name": text("")}))
        where = f"/v1/contacts/{self.customer}"
        refused = [
            ("contacts", "POST", "/v1/contacts", {"kind": "person", "name": text("x"), text("field"): text("value")}),
            ("contacts", "POST", "/v1/contacts", {"kind": text("kind"), "id": text("id")}),
            ("contacts", "POST", "/v1/contacts", {"kind": "person", "identifiers": [{"kind": "phone", "value": text("no number")}]}),
            ("contacts", "POST", "/v1/contacts", {"kind": "person", "identifiers": [{"kind": "email", "value": self.marks.identifiers["email"][0]}]}),
            ("contacts", "GET", f"{where}/{text('no such page')}", None),
            ("contacts", "GET", f"/v1/contacts?q={text('query')}&customer_id={self.marks.phone}", None),
            ("reporting", "GET", f"/v1/customers?segment={self.marks.latin}&sort={self.marks.phone}", None),
            ("tickets", "POST", "/v1/tickets", {"customer_id": text("id"), "subject": text("s")}),
            ("loyalty", "POST", "/v1/members", {"customer_id": str(uuid.uuid4()), "card_number": self.marks.card_number.replace("-", " ")}),
        ]
        for service, method, path, body in refused:
            answer = self.client.send(service, method, path, body)
            assert 400 <= answer.status_code < 500, f"{method} {path}: {answer.status_code} {answer.text}"
        lines = [
            {"operation": "addNote", "key": f"{self.marks.phone}-{number}", "path": {"contact_id": self.customer}, "body": {"text": text(f"line {number}")}}
            for number in range(2)
        ]
        lines += [{"operation": "addNote", "key": "x", "path": {"contact_id": text("id")}, "body": {"text": text("bad")}}, {"operation": text("operation")}]
        urls, headers = self.client._urls["contacts"], {"Content-Type": "application/x-ndjson"}
        self.client._http.post(f"{urls}/v1/commands", content="\n".join(map(json.dumps, lines)), headers=headers).raise_for_status()
        self.client._http.post(
            f"{urls}/v1/contacts", content=f'{{"name": "{text("broken")}', headers={"Content-Type": "application/json", "Idempotency-Key": "k"}
        )
