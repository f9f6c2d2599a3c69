"""What does one client do next? A seeded plan over the customers that are its own, so that its answers alone say how they stand.

Odd customers merge and part again; even ones collect points, whose sums then do not depend on who gave them.
"""

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

from chaos.history import Op

CUSTOMERS = 4  # of one client


@dataclass(frozen=True)
class Request:
    """What is sent for an operation. `certain`: it is repeated until its outcome is known, for what follows depends on it."""

    op: Op
    service: str
    method: str
    path: str
    body: dict[str, Any]
    certain: bool = False


@dataclass
class Customer:
    """What a client knows of one customer: only what was acknowledged."""

    id: str
    number: int
    member: str | None = None
    earned: int = 0
    redemption: str | None = None
    merge: str | None = None
    tickets: list[str] = field(default_factory=list)


class Plan:
    """`next()` is what to do, `done(request, answer)` is told what was acknowledged."""

    def __init__(self, rng: random.Random, programme: str) -> None:
        self._rng, self._programme = rng, programme
        self.customers: list[Customer] = []

    def next(self) -> Request:
        if len(self.customers) < CUSTOMERS:
            return self._register()
        who = self._rng.choice(self.customers)
        if who.number % 2 == 0 and who.member is None:
            return self._enrol(who)
        acts = [self._interact, self._interact, self._note, self._consent, self._open, self._talk, self._resolve, self._pass_by]
        acts += [self._buy, self._buy, self._redeem] if who.number % 2 == 0 else [self._merge]
        return self._rng.choice(acts)(who)

    def done(self, request: Request, answer: dict[str, Any]) -> None:
        op = request.op
        if op.kind == "pass":
            return
        who = next((each for each in self.customers if each.id == op.customer), None)
        if op.kind == "register":
            self.customers.append(Customer(op.customer, len(self.customers)))
        elif who is None:
            raise AssertionError(f"nobody has {op.customer}")
        elif op.kind == "enrol":
            who.member = op.told["member"]
        elif op.kind == "buy":
            who.earned += op.told["points"]
        elif op.kind == "reserve":
            who.redemption, who.earned = answer["id"], who.earned - op.told["points"]
        elif op.kind == "confirm":
            who.redemption = None
        elif op.kind == "open":
            who.tickets.append(op.told["ticket"])
        elif op.kind == "resolve":
            who.tickets.remove(op.told["ticket"])
        elif op.kind in ("merge", "unmerge"):
            who.merge = op.told["merge"] if op.kind == "merge" else None

    def ended(self, request: Request) -> None:
        """It was refused, or is left unknown: whatever it was about is not touched again."""
        who = next((each for each in self.customers if each.id == request.op.customer), None)
        if who is not None and request.op.kind in ("confirm", "resolve"):
            who.redemption = None if request.op.kind == "confirm" else who.redemption
            who.tickets = [ticket for ticket in who.tickets if ticket != request.op.told.get("ticket")]

    def _register(self) -> Request:
        identity = self._id()
        address = {"kind": "email", "value": f"{identity}@chaos.example.com"}
        phone = {"kind": "phone", "value": f"+49151{self._rng.randrange(10**7, 10**8)}"}
        body = {"id": identity, "kind": "person", "name": f"زیر بار {len(self.customers)}", "identifiers": [address, phone]}
        op = self._op("register", identity, ("contact.registered", identity))
        return Request(op, "contacts", "POST", "/v1/contacts", body, certain=True)

    def _pass_by(self, _: Customer) -> Request:
        """Somebody who is never heard of again: what is lost of them, nothing later makes good."""
        identity = self._id()
        op = self._op("pass", identity, ("contact.registered", identity))
        return Request(op, "contacts", "POST", "/v1/contacts", {"id": identity, "kind": "person"})

    def _enrol(self, who: Customer) -> Request:
        member = self._id()
        op = self._op("enrol", who.id, ("member.enrolled", member), member=member)
        return Request(op, "loyalty", "POST", "/v1/members", {"id": member, "customer_id": who.id, "programme": self._programme}, certain=True)

    def _interact(self, who: Customer) -> Request:
        interaction = self._id()
        body = {"id": interaction, "channel": "web", "direction": self._rng.choice(["inbound", "outbound"]), "text": "بار"}
        op = self._op("interact", who.id, ("interaction.recorded", interaction))
        return Request(op, "contacts", "POST", f"/v1/contacts/{who.id}/interactions", body)

    def _note(self, who: Customer) -> Request:
        op = self._op("note", who.id)
        op = Op(op.kind, op.customer, op.key, ("note.added", op.key))
        return Request(op, "contacts", "POST", f"/v1/contacts/{who.id}/notes", {"text": op.key})

    def _consent(self, who: Customer) -> Request:
        version = f"v-{self._id()}"
        op = self._op("consent", who.id, ("consent.granted", version))
        return Request(op, "contacts", "PUT", f"/v1/contacts/{who.id}/consents/marketing/sms", {"status": "granted", "text_version": version})

    def _open(self, who: Customer) -> Request:
        ticket = self._id()
        body = {"id": ticket, "customer_id": who.id, "kind": "question", "channel": "web", "priority": "normal", "subject": "?", "text": "بار"}
        op = self._op("open", who.id, ("ticket.opened", ticket), ticket=ticket)
        return Request(op, "tickets", "POST", "/v1/tickets", body)

    def _talk(self, who: Customer, kind: str | None = None) -> Request:
        if not who.tickets:
            return self._open(who)
        ticket, message = self._rng.choice(who.tickets), self._id()
        author = {"kind": kind or self._rng.choice(["agent", "customer"])}
        body = {"id": message, "author": author | ({"id": "agent-7"} if author["kind"] == "agent" else {}), "channel": "web", "text": "بار"}
        op = self._op("message", who.id, ("ticket.message_added", message), ticket=ticket)
        return Request(op, "tickets", "POST", f"/v1/tickets/{ticket}/messages", body)

    def _resolve(self, who: Customer) -> Request:
        """Refused while the customer waits for an answer: refusals are a part of life."""
        if not who.tickets:
            return self._open(who)
        ticket, cause = self._rng.choice(who.tickets), f"c-{self._id()}"
        op = self._op("resolve", who.id, ("ticket.resolved", cause), ticket=ticket)
        body = {"resolution": "بار", "agent_id": "agent-7", "root_cause": cause}
        return Request(op, "tickets", "POST", f"/v1/tickets/{ticket}/resolution", body)

    def _buy(self, who: Customer) -> Request:
        sale, price = self._id(), self._rng.randrange(100, 5_000)
        line = {"sku": "s", "category": "books", "quantity": 1, "list_price": price, "paid_price": price}
        op = self._op("buy", who.id, ("transaction.recorded", sale), points=price // 100, paid=price)
        return Request(op, "loyalty", "POST", f"/v1/members/{who.member}/transactions", {"id": sale, "document": sale, "channel": "web", "lines": [line]})

    def _redeem(self, who: Customer) -> Request:
        if who.redemption is not None:
            op = self._op("confirm", who.id, ("points.redeemed", who.redemption), redemption=who.redemption)
            return Request(op, "loyalty", "PUT", f"/v1/members/{who.member}/redemptions/{who.redemption}/confirmation", {})
        points, reward = max(1, who.earned // 4), f"r-{self._id()}"
        op = self._op("reserve", who.id, ("points.reserved", reward), points=points)
        return Request(op, "loyalty", "POST", f"/v1/members/{who.member}/redemptions", {"points": points, "reward": reward})

    def _merge(self, who: Customer) -> Request:
        """Into the first odd customer, and out of it again."""
        survivor = next(each for each in self.customers if each.number % 2)
        if who is survivor:
            return self._interact(who)
        if who.merge is not None:
            op = self._op("unmerge", who.id, ("contact.unmerged", who.merge), merge=who.merge, survivor=survivor.id)
            return Request(op, "contacts", "POST", f"/v1/merges/{who.merge}/reversal", {"reason": "بار"}, certain=True)
        merge = self._id()
        op = self._op("merge", who.id, ("contact.merged", merge), merge=merge, survivor=survivor.id)
        body = {"id": merge, "survivor_id": survivor.id, "absorbed_id": who.id, "reason": "بار"}
        return Request(op, "contacts", "POST", "/v1/merges", body, certain=True)

    def _op(self, kind: str, customer: str, mark: tuple[str, str] | None = None, **told: Any) -> Op:
        return Op(kind, customer, f"k-{self._id()}", mark, told)

    def _id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
