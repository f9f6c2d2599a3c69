"""Does a clerk with a wall clock, a week's plan and a stop-watch a promise come to the same verdicts, whatever was promised, in whatever hours, wherever?

The clerk is written from the rules alone: nothing of the code under test is in it, only minutes that are counted one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm_events.language.sla import CalendarDefined, Holiday, SlaClockBreached, SlaClockMet, SlaClockStopped, SlaConditions
from crm_events.refusals import Rejected
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from ticket_story import LONG_AGO, Story, policy, promises

END = 3 * 24 * 60
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
METRICS = ("first_reply", "next_reply", "update", "acknowledgement", "resolution", "requester_wait", "agent_work")
REPLIES, THROUGH = METRICS[:4], METRICS[4:]
USUAL = {"update": ("pending",), "requester_wait": ("pending",), "agent_work": ("pending", "on_hold")}
# Each begins a day before the wall clock of its zone jumps, but for the plain week and the one of Nouruz, 1 Farvardin 1403.
PLACES = (
    ("Europe/Berlin", datetime(2024, 3, 30, 7, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2024, 10, 26, 7, tzinfo=UTC)),
    ("Asia/Tehran", datetime(2024, 3, 18, 5, tzinfo=UTC)),
    ("Asia/Tehran", datetime(2021, 3, 20, 5, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 4, 5, 20, tzinfo=UTC)),
    ("UTC", datetime(2024, 3, 1, 9, tzinfo=UTC)),
)


@dataclass(frozen=True)
class Hours:
    zone: str
    week: Mapping[str, Sequence[tuple[str, str]]]
    holidays: Sequence[date]

    def opened(self, start: datetime) -> list[bool]:
        """Minute by minute: is it business time?"""
        walls = [(start + timedelta(minutes=minute)).astimezone(ZoneInfo(self.zone)) for minute in range(END)]
        return [
            wall.date() not in self.holidays and any(opens <= f"{wall:%H:%M}" < closes for opens, closes in self.week.get(DAYS[wall.weekday()], ()))
            for wall in walls
        ]


@dataclass(frozen=True)
class Promise:
    targets: Mapping[str, int]
    pauses: Mapping[str, Sequence[str]]
    hours: Hours


@dataclass
class Watch:
    metric: str
    target: int
    pauses: Sequence[str]
    open: list[bool]
    used: int = 0
    verdict: tuple[bool, int] | None = None
    done: bool = False

    def over(self) -> None:
        if self.verdict is None and self.used > self.target:
            self.verdict = (False, self.used)


@dataclass
class Clerk:
    promised: Mapping[str, Promise]
    open: Mapping[str, list[bool]]
    goes_on: bool
    complaint: bool
    status: str = "new"
    priority: str = "normal"
    waiting: bool = True
    disabled: bool = False
    watches: list[Watch] = field(default_factory=list)

    def __post_init__(self) -> None:
        for metric in ("first_reply", *(["acknowledgement"] if self.complaint else []), *THROUGH):
            self.begin(metric)

    def begin(self, metric: str, used: int = 0) -> None:
        if not self.disabled:
            self.watches.append(Watch(metric, 0, (), [], used))
            self.aim(self.watches[-1])

    def aim(self, watch: Watch) -> None:
        now = self.promised[self.priority]
        watch.target, watch.open = now.targets[watch.metric], self.open[self.priority]
        watch.pauses = now.pauses.get(watch.metric, USUAL.get(watch.metric, ()))
        watch.over()

    def end(self, *metrics: str) -> None:
        for watch in self.watches:
            if watch.metric in metrics and not watch.done:
                watch.verdict, watch.done = watch.verdict or (True, watch.used), True

    def disable(self) -> None:
        self.disabled = True
        for watch in self.watches:
            watch.done = True

    def minute(self, number: int) -> None:
        for watch in self.watches:
            if not watch.done and watch.open[number] and self.status not in watch.pauses:
                watch.used += 1
                if watch.verdict is None and watch.used > watch.target:
                    watch.verdict = (False, watch.target)

    def back(self) -> None:
        self.status = "open"
        for metric in THROUGH:
            last = [watch for watch in self.watches if watch.metric == metric][-1]
            if not self.goes_on:
                self.begin(metric)
            elif last.verdict is None or last.verdict[0]:
                self.begin(metric, last.used)

    def apply(self, what: str) -> None:
        done = self.status in ("resolved", "closed")
        if what in ("ask", "complain"):
            if done:
                self.back()
            if not self.waiting:
                self.begin("next_reply")
            self.waiting, self.status = True, "open" if self.status == "pending" else self.status
        elif what == "answer":
            self.end(*REPLIES)
            self.waiting, self.status = False, "open" if self.status == "new" else self.status
            if not done:
                self.begin("update")
        elif what in ("pending", "on_hold", "open"):
            self.status = what
        elif what in ("normal", "urgent"):
            self.priority = what
            for watch in self.watches:
                if not watch.done and watch.verdict is None and not self.disabled:
                    self.aim(watch)
        elif what == "resolve":
            self.end(*THROUGH)
            for watch in self.watches:
                watch.done = True  # nobody is owed an update of what is done
            self.status = "resolved"
        elif what == "close":
            self.status = "closed"
        elif what == "reopen":
            self.back()


def tell(story: Story, what: str, at: datetime) -> bool:
    acts: dict[str, Any] = {
        "ask": lambda: story.say(at, "customer"), "answer": lambda: story.say(at), "note": lambda: story.say(at, visibility="internal"),
        "machine": lambda: story.say(at, "system"), "resolve": lambda: story.resolve(at), "close": lambda: story.close(at),
        "reopen": lambda: story.reopen(at), "complain": lambda: story.reopen(at, "customer"),
    }  # fmt: skip
    acts |= {status: lambda: story.status(at, what) for status in ("pending", "on_hold", "open")}
    acts |= {priority: lambda: story.priority(at, what) for priority in ("normal", "urgent")}
    try:
        return any(not event.type.startswith("sla.") for event in acts[what]())
    except Rejected:
        return False


WORDS = ("ask", "answer", "answer", "note", "machine", "pending", "on_hold", "open", "urgent", "normal", "resolve", "resolve", "close", "reopen", "complain")
QUARTERS = st.sets(st.integers(0, 96), max_size=6).map(sorted).map(lambda edges: [f"{each // 4:02}:{each % 4 * 15:02}" for each in edges])
PERIODS = QUARTERS.map(lambda edges: list(zip(edges[::2], edges[1::2], strict=False)))
WEEKS = st.fixed_dictionaries(dict.fromkeys(DAYS, PERIODS)).filter(lambda week: any(week.values()))
TARGETS = st.fixed_dictionaries(dict.fromkeys(METRICS, st.integers(0, 600)))
PAUSES = st.dictionaries(st.sampled_from(METRICS), st.sets(st.sampled_from(("new", "open", "pending", "on_hold")), max_size=2).map(sorted), max_size=7)
IRAN = {day: [("08:00", "12:00"), ("13:30", "17:00")] for day in ("sat", "sun", "mon", "tue", "wed")}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[datetime, dict[str, Promise]]:
    zone, start = draw(st.sampled_from(PLACES))
    days = [(start + timedelta(days=number)).date() for number in range(4)]

    def hours() -> Hours:
        week = IRAN if zone == "Asia/Tehran" and draw(st.booleans()) else draw(WEEKS)
        return Hours(zone, week, sorted(draw(st.sets(st.sampled_from(days), max_size=2))))

    return start, {priority: Promise(draw(TARGETS), draw(PAUSES), hours()) for priority in ("normal", "urgent")}


def told_promises(promised: Mapping[str, Promise], start: datetime, *, goes_on: bool, disabled: int | None) -> Any:
    policies, calendars = [], []
    for rank, priority in enumerate(("urgent", "normal")):
        it = promised[priority]
        base: dict[str, Any] = {
            "rank": rank, "targets": it.targets, "pauses": it.pauses, "on_reopen": "continue" if goes_on else "restart", "calendar": priority,
            "when": SlaConditions(priorities=("urgent",) if priority == "urgent" else ()),
        }  # fmt: skip
        policies.append(policy(priority, **base))
        if disabled is not None:
            policies.append(policy(priority, **base, version=2, enabled=False, valid_from=start + timedelta(minutes=disabled)))
        holidays = tuple(Holiday(date=day.isoformat(), name="تعطیل") for day in it.hours.holidays)
        calendars.append(CalendarDefined(name=priority, version=1, time_zone=it.hours.zone, week=it.hours.week, holidays=holidays, valid_from=LONG_AGO))
    return promises(*policies, calendars=calendars)


NOWRUZ = Promise(
    dict.fromkeys(METRICS, 120), {"resolution": ("pending", "on_hold")}, Hours("Asia/Tehran", IRAN, [date(2024, 3, 20), date(2024, 3, 21)])
)  # 1 and 2 Farvardin 1403


@settings(max_examples=70, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
@given(
    world=worlds(),
    history=st.lists(st.tuples(st.integers(0, 300), st.sampled_from(WORDS)), max_size=16),
    looks=st.sets(st.integers(0, END - 1), max_size=4),
    goes_on=st.booleans(),
    complaint=st.booleans(),
    disabled=st.one_of(st.none(), st.integers(1, END - 1)),
)
@example(
    world=(datetime(2024, 3, 18, 5, tzinfo=UTC), {"normal": NOWRUZ, "urgent": NOWRUZ}), history=[(30, "answer"), (600, "ask"), (2000, "urgent")],
    looks=set(), goes_on=True, complaint=True, disabled=None,
)  # fmt: skip
def test_the_verdicts_are_those_of_a_clerk_who_counts_minutes(world, history, looks, goes_on, complaint, disabled) -> None:
    start, promised = world
    told = Story(told_promises(promised, start, goes_on=goes_on, disabled=disabled))
    told.open(start, kind="complaint" if complaint else "question")
    clerk = Clerk(promised, {name: each.hours.opened(start) for name, each in promised.items()}, goes_on, complaint)
    moments, minute = list[tuple[int, str]](), 0
    for gap, what in history:
        minute = min(END - 1, minute + gap)
        moments.append((minute, what))
    for minute in range(END):
        at = start + timedelta(minutes=minute)
        if minute == disabled:
            clerk.disable()
        if minute in looks:
            told.wait(at)
        for _, what in [each for each in moments if each[0] == minute]:
            if tell(told, what, at):
                clerk.apply(what)
            assert told.ticket.standing().status == clerk.status
        clerk.minute(minute)
    told.wait(start + timedelta(minutes=END))
    judged = [fact.event for fact in told.events if isinstance(fact.event, SlaClockMet | SlaClockBreached)]
    assert sorted((event.metric, isinstance(event, SlaClockMet), event.business_seconds / 60) for event in judged) == sorted(
        (watch.metric, *watch.verdict) for watch in clerk.watches if watch.verdict
    )
    assert len(judged) == len({(event.metric, event.instance) for event in judged}), "told in order, no verdict is told twice"
    stopped = sorted((fact.event.metric, fact.event.business_seconds / 60) for fact in told.facts(SlaClockStopped))
    assert set(stopped) <= {(watch.metric, watch.used) for watch in clerk.watches if watch.done and watch.verdict and not watch.verdict[0]}
