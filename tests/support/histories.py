"""What may have happened to a few customers? Random but lawful histories of three services, for properties that must hold of any."""

import uuid
from datetime import timedelta
from random import Random

from crm_events.consuming.record import Record
from crm_events.language.consent import ConsentDenied, ConsentGranted, PreferenceLanguageSet
from crm_events.language.contacts import (
    ContactDetailsChanged,
    ContactIdentifierAdded,
    ContactIdentifierRemoved,
    ContactRegistered,
    InteractionRecorded,
    NeedRecorded,
    OwnerAssigned,
    RelationshipLinked,
)
from crm_events.language.lots import Lot
from crm_events.language.loyalty import (
    Line,
    MemberEnrolled,
    PointsActivated,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsReserved,
    RedemptionCancelled,
    RedemptionReversed,
    ReturnRecorded,
    RuleUsed,
    TransactionRecorded,
)
from crm_events.language.sla import SlaClockBreached, SlaClockMet, SlaClockPaused, SlaClockResumed, SlaClockStarted
from crm_events.language.tickets import (
    TicketAssigned,
    TicketCsatGiven,
    TicketMessageAdded,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketStatusChanged,
)
from telling import START, Teller

MEASURES = {f"{measure}_{unit}": 60 for measure in ("resolution", "requester_wait", "agent_work") for unit in ("seconds", "business_seconds")}


class Storyteller:
    """Tells one customer's touchpoints at random. Half of what happened is told late: it occurred up to 90 days before."""

    def __init__(self, random: Random, teller: Teller) -> None:
        self.random, self.teller = random, teller

    def id(self) -> uuid.UUID:
        return uuid.UUID(int=self.random.getrandbits(128), version=4)

    def tell(self, event, customer, stream=None) -> Record:
        late = timedelta(days=self.random.randrange(90)) if self.random.random() < 0.5 else timedelta()
        return self.teller.tell(event, customer, stream=stream, at=START + timedelta(seconds=self.teller.positions["contacts"]) - late)

    def contact(self, customer: uuid.UUID, many: int) -> None:
        random, added = self.random, []
        self.tell(ContactRegistered(kind="person", name=f"s1.name {random.random()}", contact_type="external_actual", roles=("buyer",)), customer)
        for _ in range(many):
            match random.randrange(9):
                case 0:
                    self.tell(ContactDetailsChanged(name=f"s1.name {random.random()}"), customer)
                case 1:
                    added.append(self.id())
                    self.tell(ContactIdentifierAdded(identifier_id=added[-1], kind="email", value="s1.v", normalised="s1.n"), customer)
                case 2 if added:
                    self.tell(ContactIdentifierRemoved(identifier_id=added.pop(), kind="email"), customer)
                case 3:
                    self.tell(OwnerAssigned(agent_id=random.choice(["a", "b", None])), customer)
                case 4:
                    told = random.choice([ConsentGranted, ConsentDenied])
                    self.tell(told(purpose="marketing", channel=random.choice(["sms", "email"]), text_version="1", effective_from=START), customer)
                case 5:
                    self.tell(PreferenceLanguageSet(language=random.choice(["fa", "en", None])), customer)
                case 6:
                    self.tell(NeedRecorded(need_id=self.id(), need=random.choice(["speed", "price"]), weight=random.randrange(1, 100)), customer)
                case 7:
                    self.tell(RelationshipLinked(kind="household", other_id=self.id()), customer, self.id())
                case _:
                    identity = self.id()
                    channel, direction = random.choice(["phone", "web"]), random.choice(["inbound", "outbound"])
                    self.tell(InteractionRecorded(interaction_id=identity, channel=channel, direction=direction, duration_seconds=60), customer, identity)

    def ticket(self, customer: uuid.UUID, many: int) -> None:
        random, ticket, clock = self.random, self.id(), 0
        opened = {"kind": random.choice(["complaint", "question"]), "channel": "web", "priority": "high", "subject": "s1.s", "text": "s1.t"}
        self.tell(TicketOpened(**opened, author_kind="customer"), customer, ticket)
        target = {"metric": "first_reply", "target_minutes": 60, "policy": "p", "policy_version": 1, "calendar": "c", "calendar_version": 1}
        due = START + timedelta(days=1)
        for _ in range(many):
            match random.randrange(9):
                case 0:
                    clock += 1
                    self.tell(SlaClockStarted(**target, instance=clock, due_at=due, pauses=("pending",)), customer, ticket)
                case 1 if clock:
                    self.tell(SlaClockPaused(metric="first_reply", instance=clock, business_seconds=30, status="pending"), customer, ticket)
                case 2 if clock:
                    self.tell(SlaClockResumed(metric="first_reply", instance=clock, business_seconds=30, due_at=due), customer, ticket)
                case 3 if clock:
                    verdict = random.choice([SlaClockMet, SlaClockBreached])
                    judged = {"instance": clock, "revision": 1, "business_seconds": 90, "started_at": START, "due_at": due, "priority": "high"}
                    self.tell(verdict(**target, **judged), customer, ticket)
                case 4:
                    author = random.choice(["customer", "agent"])
                    message = {"message_id": self.id(), "author_kind": author, "visibility": random.choice(["public", "internal"]), "channel": "web"}
                    self.tell(TicketMessageAdded(**message, text="s1.t"), customer, ticket)
                case 5:
                    done = {"resolution": "s1.r", "kind": opened["kind"], "priority": "high", "opened_at": START}
                    self.tell(TicketResolved(**done, attempt=1, agent_replies=1, revision=1, **MEASURES), customer, ticket)
                case 6:
                    self.tell(TicketReopened(cause="customer", count=1, resolved_at=START), customer, ticket)
                case 7:
                    self.tell(TicketCsatGiven(score=random.randrange(1, 6), channel="web", revision=random.randrange(1, 4)), customer, ticket)
                case _:
                    self.tell(TicketStatusChanged(status="pending", previous="open", cause="manual"), customer, ticket)
                    self.tell(TicketAssigned(agent_id="a", cause="manual"), customer, ticket)

    def member(self, customer: uuid.UUID, many: int) -> None:
        random, member = self.random, self.id()
        self.tell(MemberEnrolled(programme="club"), customer, member)
        of = {"programme": "club", "programme_version": 1}
        for _ in range(many):
            sale, lot = self.id(), self.id()
            price = random.randrange(3) * 500
            line = Line(line=1, sku="s", category=random.choice(["tea", "cup"]), quantity=random.randrange(1, 4), list_price=1000, paid_price=price)
            head = {"member_id": member, "channel": "shop", "currency": random.choice(["EUR", "IRR"]), "lines": (line,)}
            self.tell(TransactionRecorded(transaction_id=sale, document=str(sale), **head), customer, sale)
            points, expires = random.randrange(1, 50), START + timedelta(days=400)
            earned = {"lot_id": lot, "points": points, "rule": RuleUsed(programme="club", version=1, id="base"), "lines": (), "trace": ()}
            fresh = self.tell(
                PointsEarned(**earned, activates_at=START + timedelta(days=9), expires_at=expires, transaction_id=sale, debt_repaid=0), customer, member
            )
            lots = {"lot_id": lot, "points": points, "earned_at": fresh.occurred_at, "expires_at": expires}
            if random.random() < 0.3:
                self.tell(ReturnRecorded(return_id=self.id(), transaction_id=sale, sold_at=START, **head), customer, sale)
            if random.random() < 0.8:
                pending, available = (Lot(**lots, taken_from="pending"),), (Lot(**lots, taken_from="available"),)
                self.tell(PointsActivated(**of, lots=pending), customer, member)
                held = {"redemption_id": self.id(), "points": points, "lots": available}
                match random.randrange(5):
                    case 0:
                        self.tell(PointsReserved(**of, **held, expires_at=expires), customer, member)
                    case 1:
                        self.tell(PointsReserved(**of, **held, expires_at=expires), customer, member)
                        self.tell(PointsRedeemed(**of, **held), customer, member)
                    case 2:
                        self.tell(PointsReserved(**of, **held, expires_at=expires), customer, member)
                        self.tell(PointsRedeemed(**of, **held), customer, member)
                        self.tell(RedemptionReversed(**of, **held), customer, member)
                    case 3:
                        self.tell(PointsReserved(**of, **held, expires_at=expires), customer, member)
                        self.tell(RedemptionCancelled(**of, **held, cause="cancelled"), customer, member)
                    case _:
                        self.tell(PointsExpired(**of, lots=available), customer, member)


def history(seed: int, customers: int = 1, many: int = 6) -> Teller:
    """Touchpoints of so many customers over all three services."""
    random, teller = Random(seed), Teller()
    story = Storyteller(random, teller)
    for _ in range(customers):
        customer = story.id()
        for chapter in (story.contact, story.ticket, story.ticket, story.member):
            chapter(customer, random.randrange(many))
    return teller
