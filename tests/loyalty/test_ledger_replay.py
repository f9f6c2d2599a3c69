"""Does the ledger hold, after any history, what counting single points by hand gives, and does it balance after every event?"""

from datetime import datetime, timedelta
from typing import Any

from crm_events.language.loyalty import PointsEarned
from crm_events.refusals import Rejected
from crm_events.testing import fold
from crm_loyalty import life, points, redemption
from crm_loyalty.ledger import Ledger
from crm_loyalty.member import MEMBERS
from crm_loyalty.periods import add_months
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from loyalty_replay import Table
from loyalty_words import START, Story, cancel, confirm, line, named, published, reserve
from loyalty_words import rule as earning_rule

AMOUNTS = st.integers(1, 30)


def balanced(ledger: Ledger) -> bool:
    accounts = (ledger.pending, ledger.available, ledger.reserved, ledger.redeemed, ledger.expired, ledger.reversed, ledger.blocked, ledger.debt)
    return min(accounts) >= 0 and ledger.issued == sum(accounts[:-1]) + ledger.transferred - ledger.debt


class Histories(RuleBasedStateMachine):
    """Random histories of one member, told both to the rules and to the table of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.number, self.table = START, 0, Table()
        self.held: list[str] = []
        self.spent: list[str] = []
        self.sold: dict[str, dict[str, Any]] = {}
        self.received = 0

    @initialize(
        pending=st.sampled_from([0, 3]), months=st.sampled_from([None, 1, 2]), basis=st.sampled_from(["line", "order"]), more=st.sampled_from([None, 5, 40])
    )
    def begin(self, pending: int, months: int | None, basis: str, more: int | None) -> None:
        rules = (earning_rule(basis=basis), earning_rule("half", multiplier="0.5"))
        self.version = published(*rules, pending_days=pending, expiry={"months": months, "restored_days": more})
        self.more = timedelta(days=more) if more else None
        self.story, self.other = Story(self.version), Story(self.version)

    def next_name(self) -> str:
        self.number += 1
        return f"n{self.number}"

    def expiry(self) -> datetime | None:
        return add_months(self.now, self.version.expiry.months) if self.version.expiry.months else None

    @rule(minutes=st.sampled_from([1, 20, 60 * 24, 60 * 24 * 3, 60 * 24 * 20, 60 * 24 * 33, 60 * 24 * 70]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.story.until(self.now)
        self.table.until(self.now)
        self.held = [name for name in self.held if name in self.table.ends]

    @rule(quantity=st.integers(1, 4), paid=st.integers(0, 1500), other=st.integers(0, 900))
    def buy(self, quantity: int, paid: int, other: int) -> None:
        name = self.next_name()
        told = self.story.buys(name, line(quantity, paid), line(1, other, number=2), at=self.now)
        earned = [event for event in told if isinstance(event, PointsEarned)]
        for event in earned:
            activates = self.now + timedelta(days=self.version.pending_days)
            self.table.gain(event.lot_id, event.points, at=self.now, activates=activates, expires=self.expiry())
        self.sold[name] = {"left": {1: quantity, 2: 1}, "of": {1: quantity, 2: 1}, "earned": earned}

    @precondition(lambda self: any(sale["left"] for sale in self.sold.values()))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name, sale in self.sold.items() if sale["left"]]))
        sale = self.sold[name]
        number = data.draw(st.sampled_from(sorted(sale["left"])))
        quantity = data.draw(st.integers(1, sale["left"][number]))
        self.story.returns(name, {number: quantity}, at=self.now)
        before = {each: sale["of"][each] - sale["left"].get(each, 0) for each in sale["of"]}
        now = before | {number: before[number] + quantity}
        for event in sale["earned"]:
            share = {each.line: each.points for each in event.lines}
            self.table.back(event.lot_id, *(sum(share[each] * back[each] // sale["of"][each] for each in share) for back in (now, before)))
        sale["left"] = {each: left for each, left in (sale["left"] | {number: sale["left"][number] - quantity}).items() if left}

    @rule(amount=AMOUNTS)
    def reserve(self, amount: int) -> None:
        name, done = self.next_name(), True
        try:
            self.story.does(lambda member: reserve(member, amount, at=self.now, name=name), self.now)
        except Rejected:
            done = False
        assert self.table.hold(name, amount, self.now, self.now + redemption.HOLD) is done
        self.held += [name] if done else []

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        name = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.story.does(lambda member: confirm(member, name=name), self.now)
        self.table.spend(name)
        self.spent.append(name)

    @precondition(lambda self: self.version.expiry.months)
    @rule(amount=AMOUNTS)
    def spend_and_take_back_long_after(self, amount: int) -> None:
        """What is given back to lots that have ended."""
        self.reserve(amount)
        if self.held:
            name = self.held.pop()
            self.story.does(lambda member: confirm(member, name=name), self.now)
            self.table.spend(name)
            self.time_passes(60 * 24 * 63)
            self.story.does(lambda member: cancel(member, at=self.now, name=name, version=self.version), self.now)
            self.table.free(name, "spent", self.now, self.more)
            self.table.expire(self.now)

    @precondition(lambda self: self.held or self.spent)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        names = data.draw(st.sampled_from([each for each in (self.held, self.spent) if each]))
        how = "held" if names is self.held else "spent"
        name = names.pop(data.draw(st.integers(0, len(names) - 1)))
        self.story.does(lambda member: cancel(member, at=self.now, name=name, version=self.version), self.now)
        self.table.free(name, how, self.now, self.more if how == "spent" else None)
        self.table.expire(self.now)

    @rule(amount=st.integers(-40, 40).filter(bool))
    def adjust(self, amount: int) -> None:
        name = self.next_name()
        told = {"adjustment_id": named(name), "points": amount, "reason": "correction", "cause_event_id": None, "version": self.version, "at": self.now}
        self.story.does(lambda member: points.adjust(member, **told), self.now)
        if amount > 0:
            self.table.gain(named(name), amount, at=self.now, activates=self.now, expires=self.expiry())
        else:
            self.table.lose(-amount)

    @rule(amount=AMOUNTS)
    def block(self, amount: int) -> None:
        done = True
        try:
            self.story.does(lambda member: life.block(member, points=amount, reason="r", at=self.now), self.now)
        except Rejected:
            done = False
        assert self.table.block(amount) is done

    @precondition(lambda self: self.story.member.ledger.blocked)
    @rule(data=st.data())
    def unblock(self, data: st.DataObject) -> None:
        amount = data.draw(st.integers(1, self.story.member.ledger.blocked))
        self.story.does(lambda member: life.unblock(member, points=amount, reason="r", at=self.now), self.now)
        self.table.unblock(amount, self.now)

    @rule(amount=AMOUNTS)
    def send(self, amount: int) -> None:
        told = {"transfer_id": named(self.next_name()), "points": amount, "at": self.now, "customers": (named("c"), named("d"))}
        sent = self.table.send(amount)
        self.other.until(self.now)
        try:
            out, into = life.transfer(self.story.member, self.other.member, giver_id=named("member"), taker_id=named("other"), **told)
        except Rejected:
            assert not sent
            return
        assert sent
        self.received += amount
        self.story.add(out, self.now)
        self.other.add(into, self.now)

    @invariant()
    def what_was_sent_arrived(self) -> None:
        assert self.story.member.ledger.transferred == self.received == -self.other.member.ledger.transferred
        assert balanced(self.other.member.ledger)

    @invariant()
    def the_table_says_the_same(self) -> None:
        assert self.story.accounts() == self.table.accounts()

    @invariant()
    def every_event_left_it_balanced(self) -> None:
        assert balanced(self.story.member.ledger)

    def teardown(self) -> None:
        state = MEMBERS.state()
        for fact in self.story.facts:
            state = MEMBERS.evolve(state, fact)
            assert balanced(state.ledger)
        assert state == fold(MEMBERS, self.story.facts) == self.story.member


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
