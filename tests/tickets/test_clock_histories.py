"""Do the clocks say what a clerk with a stop-watch would, minute by minute, however the story goes and in whatever order it is told?"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from crm_events.language.sla import SlaClockBreached, SlaClockMet, SlaClockStopped, SlaConditions, SlaPolicyDefined
from crm_events.language.tickets import TicketFirstResponseMade, TicketRemeasured, TicketResolved
from crm_events.refusals import Rejected
from crm_tickets.course import course
from crm_tickets.ticket import columns
from crm_tickets.told import figures
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

START = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)  # a Friday, 10:00 in Berlin
END = 5 * 24 * 60
BERLIN = ZoneInfo("Europe/Berlin")


def _open(minute: int) -> bool:
    wall = (START + timedelta(minutes=minute)).astimezone(BERLIN)
    clock = wall.hour * 60 + wall.minute
    return wall.weekday() < 5 and (540 <= clock < 720 or 780 <= clock < 1020)


OPEN = [_open(minute) for minute in range(END + 1)]
TARGETS = {
    "normal": {"first_reply": 45, "next_reply": 30, "update": 90, "resolution": 240},
    "urgent": {"first_reply": 15, "next_reply": 10, "update": 30, "resolution": 60},
}
PAUSES = {"resolution": ("pending",), "update": ("pending", "on_hold")}


def rules_of(on_reopen: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "rank": rank, "targets": TARGETS[name], "pauses": PAUSES, "on_reopen": on_reopen, "when": SlaConditions(priorities=when)}
        for rank, (name, when) in enumerate({"urgent": ("urgent",), "normal": ()}.items())
    ]


@dataclass
class Watch:
    metric: str
    target: int
    used: int = 0
    verdict: tuple[bool, int] | None = None  # kept, minutes used by then
    done: bool = False
    cancelled: bool = False


@dataclass
class Clerk:
    """The simulation: nothing but counters, looked at once a minute."""

    on_reopen: str
    status: str = "new"
    priority: str = "normal"
    waiting: bool = True
    answered: bool = False
    watches: list[Watch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begin("first_reply")
        self.begin("resolution")

    def begin(self, metric: str, used: int = 0) -> None:
        target = TARGETS[self.priority][metric]
        self.watches.append(Watch(metric, target, used, (False, used) if used > target else None))

    def live(self) -> list[Watch]:
        return [watch for watch in self.watches if not watch.done]

    def end(self, *metrics: str) -> None:
        for watch in self.live():
            if watch.metric in metrics:
                watch.verdict = watch.verdict or (True, watch.used)
                watch.done = True

    def drop(self, *metrics: str) -> None:
        for watch in self.live():
            if watch.metric in metrics:
                watch.cancelled = watch.verdict is None
                watch.done = True

    def minute(self, number: int) -> None:
        if not OPEN[number]:
            return
        for watch in self.watches:
            if not watch.done and self.status not in PAUSES.get(watch.metric, ()):
                watch.used += 1
                if watch.verdict is None and watch.used > watch.target:
                    watch.verdict = (False, watch.target)

    def back(self) -> None:
        self.status = "open"
        last = [watch for watch in self.watches if watch.metric == "resolution"][-1]
        if self.on_reopen == "restart":
            self.begin("resolution")
        elif last.verdict is None or last.verdict[0]:
            self.begin("resolution", last.used)

    def apply(self, what: str) -> None:
        done = self.status in ("resolved", "closed")
        match what:
            case "ask":
                if done:
                    self.back()
                if not self.waiting:
                    self.begin("next_reply")
                self.waiting = True
                self.status = "open" if self.status == "pending" else self.status
            case "answer":
                self.end("first_reply", "next_reply", "update")
                self.waiting, self.answered = False, True
                self.status = "open" if self.status == "new" else self.status
                if not done:
                    self.begin("update")
            case "note":
                pass
            case "pending" | "on_hold" | "open":
                self.status = what
            case "urgent" | "normal":
                self.priority = what
                for watch in self.live():
                    if watch.verdict is None:
                        watch.target = TARGETS[what][watch.metric]
                        if watch.used > watch.target:
                            watch.verdict = (False, watch.used)
            case "resolve":
                self.status = "resolved"
                self.end("resolution")
                self.drop("update")
            case "close":
                self.status = "closed"
            case "reopen":
                self.back()
            case "complain":
                self.back()
                self.waiting = True
                self.begin("next_reply")


def tell(story: Any, what: str, at: datetime) -> bool:
    """Whether it was taken as something new."""
    act: dict[str, Callable[[], list[Any]]] = {
        "ask": lambda: story.say(at, "customer"),
        "answer": lambda: story.say(at),
        "note": lambda: story.say(at, visibility="internal"),
        "resolve": lambda: story.resolve(at),
        "close": lambda: story.close(at),
        "reopen": lambda: story.reopen(at),
        "complain": lambda: story.reopen(at, "customer"),
    }
    if what in ("pending", "on_hold", "open"):
        act[what] = lambda: story.status(at, what)
    if what in ("urgent", "normal"):
        act[what] = lambda: story.priority(at, what)
    try:
        return any(not event.type.startswith("sla.") for event in act[what]())
    except Rejected:
        return False


def verdicts(story: Any) -> list[tuple[str, bool, int]]:
    """The last word on each promise: metric, kept, minutes used."""
    last = {(fact.event.metric, fact.event.instance): fact.event for fact in story.events if isinstance(fact.event, SlaClockMet | SlaClockBreached)}
    standing = {(clock.metric, clock.instance) for clock in story.ticket.clocks if clock.state in ("met", "breached")}
    return sorted((event.metric, isinstance(event, SlaClockMet), event.business_seconds // 60) for key, event in last.items() if key in standing)


def expected(clerk: Clerk) -> list[tuple[str, bool, int]]:
    return sorted((watch.metric, *watch.verdict) for watch in clerk.watches if watch.verdict)


WORDS = ("ask", "answer", "answer", "note", "pending", "on_hold", "open", "urgent", "normal", "resolve", "resolve", "close", "reopen", "complain")
TWICE_REOPENED = [(10, "answer"), (5, "resolve"), (10, "complain"), (10, "answer"), (5, "resolve"), (5, "close"), (300, "reopen"), (30, "resolve")]
HISTORIES = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(WORDS)), max_size=14)
QUIET = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=(Phase.explicit, Phase.generate)
)


@pytest.fixture
def policies() -> Callable[[str], list[SlaPolicyDefined]]:
    base = {"version": 1, "enabled": True, "calendar": "hours", "valid_from": datetime(2020, 1, 1, tzinfo=UTC)}
    return lambda on_reopen: [SlaPolicyDefined(**(base | each)) for each in rules_of(on_reopen)]


@QUIET
@given(history=HISTORIES, on_reopen=st.sampled_from(["continue", "restart"]), looks=st.sets(st.integers(0, END), max_size=4))
@example(history=TWICE_REOPENED, on_reopen="continue", looks=set())
def test_t24_opened_resolved_and_reopened_many_times_the_clocks_agree_with_a_stop_watch(story, policies, history, on_reopen, looks) -> None:
    told, clerk, minute = story(*policies(on_reopen)), Clerk(on_reopen), 0
    told.open(START)
    for gap, what in history:
        for passed in range(minute, min(END, minute + gap)):
            if passed in looks:
                told.wait(START + timedelta(minutes=passed))
            clerk.minute(passed)
        minute = min(END, minute + gap)
        if tell(told, what, START + timedelta(minutes=minute)):
            clerk.apply(what)
        assert told.ticket.standing().status == clerk.status
    for passed in range(minute, END):
        clerk.minute(passed)
    told.wait(START + timedelta(minutes=END))
    assert verdicts(told) == expected(clerk)
    assert sum(fact.event.revision > 1 for fact in told.events if isinstance(fact.event, SlaClockMet | SlaClockBreached)) == 0
    stopped = [fact.event.business_seconds // 60 for fact in told.facts(SlaClockStopped)]
    assert sorted(stopped) == sorted(watch.used for watch in clerk.watches if watch.done and watch.verdict and not watch.verdict[0])


@QUIET
@given(
    moments=st.lists(st.integers(1, END - 1), unique=True, max_size=10),
    words=st.lists(st.sampled_from(("ask", "answer", "note", "pending", "on_hold", "open", "urgent", "normal")), min_size=10, max_size=10),
    seed=st.integers(0, 10_000),
    looks=st.booleans(),
)
def test_the_last_word_does_not_depend_on_the_order_in_which_the_facts_were_told(story, policies, moments, words, seed, looks) -> None:
    facts = list(zip(sorted(moments), words, strict=False))
    told, shuffled, clerk = story(*policies("continue")), random.Random(seed).sample(facts, len(facts)), Clerk("continue")
    told.open(START)
    taken = []
    for minute, what in shuffled:
        if tell(told, what, START + timedelta(minutes=minute)):
            taken.append((minute, what))
        if looks:
            told.wait(START + timedelta(minutes=END))
    told.wait(START + timedelta(minutes=END))
    happened = dict(taken)
    for minute in range(END):
        if minute in happened:
            clerk.apply(happened[minute])
        clerk.minute(minute)
    assert told.ticket.standing().status == clerk.status
    assert verdicts(told) == expected(clerk)


@QUIET
@given(facts=st.lists(st.tuples(st.integers(1, END - 1), st.sampled_from(WORDS)), unique_by=lambda fact: fact[0], max_size=12), looks=st.booleans())
def test_what_was_told_agrees_with_the_course_even_when_resolutions_and_reopenings_come_late(story, policies, facts, looks) -> None:
    told = story(*policies("continue"))
    told.open(START)
    for minute, what in facts:
        tell(told, what, START + timedelta(minutes=minute))
        if looks:
            told.wait(START + timedelta(minutes=END))
    told.wait(START + timedelta(minutes=END))
    life = course(told.ticket, told.promises, START + timedelta(minutes=END))
    assert verdicts(told) == sorted((each.metric, each.verdict == "met", _judged(each) // 60_000) for each in life.watches if each.verdict)
    response = told.facts(TicketFirstResponseMade)
    assert (response[-1].event.message_id if response else None) == (life.response.step.message_id if life.response else None)
    last = {fact.event.attempt: fact.event for fact in told.events if isinstance(fact.event, TicketResolved | TicketRemeasured)}
    for number, figure in {each.step.attempt: each.figures for each in life.attempts}.items():
        assert figures(last[number]) == figure
    assert columns(told.ticket)["status"] == life.standing.status


def _judged(watch: Any) -> int:
    return next(mark.used for mark in watch.marks if mark.said in ("met", "breached"))
