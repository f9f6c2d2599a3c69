"""What would the clocks show, had everything been told in the order in which it happened?

One pass over the ticket's steps. Whatever order they were told in, the course is the same; what has been told is compared with it (`telling.py`).
Moments and spans are milliseconds, as in `calendars.py`.
"""

from datetime import datetime

from crm_events.business_time import ALWAYS, business_ms, due_ms, ms, next_opening_ms
from crm_events.language.ticket_words import Metric, Status

from crm_tickets.clock import Said
from crm_tickets.promises import NO_TERMS, Promises, Subject, Terms, fits
from crm_tickets.steps import Answered, Asked, CategoryIs, PolicyIs, PriorityIs, Reopened, Resolved, Standing, Step, after
from crm_tickets.ticket import Ticket
from crm_tickets.watch import Mark, Measured, Reason, Response, Watch

REPLIES: tuple[Metric, ...] = ("first_reply", "acknowledgement", "next_reply", "update")
THROUGH: tuple[Metric, ...] = ("resolution", "requester_wait", "agent_work")
WAITS: tuple[Status, ...] = ("new", "open", "on_hold")
WORKS: tuple[Status, ...] = ("new", "open")


class Course:
    """A ticket's life up to now. Build it with `course`; read it, do not change it."""

    def __init__(self, ticket: Ticket, promises: Promises) -> None:
        self.ticket, self.promises = ticket, promises
        self.now = self.opened = ms(ticket.first.at)
        self.standing: Standing = ticket.at_opening()
        self.terms: Terms = NO_TERMS
        self.disabled_at: int | None = None
        self.watches: list[Watch] = []
        self.segments: list[tuple[int, int, Status]] = []
        self.wall: dict[Status, int] = {}
        self.business: dict[Status, int] = {}
        self.response: Response | None = None
        self.attempts: list[Measured] = []
        if ticket.first.requested_to is not None:
            self._request(ms(ticket.first.requested_to))

    # -- what is read

    def live(self) -> list[Watch]:
        """The clocks not yet stopped."""
        return [watch for watch in self.watches if watch.ended is None]

    def waited(self) -> tuple[int, int] | None:
        """Seconds, by the wall and by the calendar, since the oldest unanswered customer message; None if nobody waits."""
        if self.standing.waiting is None:
            return None
        since = ms(self.standing.waiting.since)
        return (self.now - since) // 1000, business_ms(self.terms.hours, since, self.now) // 1000

    def figures(self) -> tuple[int, ...]:
        """The measures of a resolution at this moment, in the order of `ticket.figures`."""

        def total(spent: dict[Status, int], statuses: tuple[Status, ...] | None) -> int:
            return sum(span for status, span in spent.items() if statuses is None or status in statuses) // 1000

        each = [total(spent, statuses) for statuses in (None, WAITS, WORKS) for spent in (self.wall, self.business)]
        return self.standing.replies, *each

    def subject(self) -> Subject:
        """What a policy's conditions look at, as of this moment."""
        first = self.ticket.first
        return Subject(first.kind, first.channel, first.product, self.standing.priority, self.standing.category)

    # -- time passes

    def pass_time(self, to: int) -> None:
        """Run all clocks up to `to`; what breaks or is disabled on the way is marked at its own moment."""
        if self.disabled_at is not None and self.disabled_at <= to:
            at, self.disabled_at = self.disabled_at, None
            self._run(max(at, self.now))
            for watch in self.live():
                if watch.terms.policy is not None:
                    self._cancel(watch, "policy_disabled")
            self.terms = NO_TERMS
        self._run(to)

    def _run(self, to: int) -> None:
        for watch in self.live():
            if watch.since is not None and watch.verdict is None and watch.lapses < to:
                self._mark(watch, "breached", at=watch.due, used=watch.limit)
        if to > self.now:
            status = self.standing.status
            self.wall[status] = self.wall.get(status, 0) + to - self.now
            self.business[status] = self.business.get(status, 0) + business_ms(self.terms.hours, self.now, to)
            self.segments.append((self.now, to, status))
            self.now = to

    # -- a step happens

    def take(self, step: Step, following: tuple[Step, ...]) -> None:
        """One step, at its moment; `following`: what else happened in the same moment, after it."""
        self.pass_time(ms(step.at))
        before, self.standing = self.standing, after(self.standing, step)
        match step:
            case PolicyIs():
                self._promise(step)
            case PriorityIs() | CategoryIs():
                if not any(isinstance(each, PolicyIs) for each in following):
                    self._doubt()
            case Answered():
                self._answer(step)
            case _:
                pass
        if self.standing.attempt > before.attempt and isinstance(step, Resolved):
            self.attempts.append(Measured(step, self.figures()))
            self._finish()
        elif self.standing.status == "closed" and before.status != "closed":
            for watch in self.live():
                self._cancel(watch, "resolved" if self.standing.merged_into is None else "merged")
        if self.standing.reopened > before.reopened:
            self._reopen()
        if isinstance(step, Asked | Reopened) and before.waiting is None and self.standing.waiting is not None:
            self._start("next_reply")
        self._pause_or_resume()

    def _answer(self, step: Answered) -> None:
        if step == self.standing.first_answer and self.ticket.first.author_kind == "customer":
            self.response = Response(step, (self.now - self.opened) // 1000, sum(self.business.values()) // 1000)
        for watch in self.live():
            if watch.metric in REPLIES:
                self._stop(watch, agent_id=step.agent_id)
        if not self.standing.done:
            self._start("update")

    def _finish(self) -> None:
        first = self.ticket.first
        for watch in self.live():
            if watch.metric == "requested_time" and first.requested_from is not None and self.now < ms(first.requested_from):
                self._mark(watch, "breached", at=self.now)
                self._stop(watch)
            elif watch.metric in REPLIES:
                self._cancel(watch, "resolved")
            else:
                self._stop(watch)

    def _reopen(self) -> None:
        for metric in THROUGH:
            earlier = self._earlier(metric)
            if earlier is None or not self._goes_on():
                self._start(metric)
            elif not self._broken_and_going_on(metric):
                self._start(metric, used=earlier.used)

    def _promise(self, step: PolicyIs) -> None:
        self.terms = self.promises.terms(step.policy, step.policy_version, step.calendar, step.calendar_version)
        disabled = self.promises.disabled_since(step.policy, step.at)
        self.disabled_at = ms(disabled) if disabled else None
        for watch in self.live():
            if watch.verdict is None and watch.metric != "requested_time":
                self._retarget(watch)
        for metric, origin in self._wanted():
            if not any(watch.metric == metric and watch.origin == origin and not watch.cancelled for watch in self.watches):
                self._start(metric, origin=origin, used=self._counted(metric, origin))

    def _doubt(self) -> None:
        """The ticket has another priority or category and no other policy was told: does the one it has still speak of it?"""
        if self.terms.policy is not None and not fits(self.terms.policy.when, self.subject()):
            self.terms, self.disabled_at = NO_TERMS, None
            for watch in self.live():
                if watch.metric != "requested_time":
                    self._cancel(watch, "policy_changed")

    def _wanted(self) -> list[tuple[Metric, int]]:
        """What a promise would now be about, and since when."""
        now, first, wanted = self.standing, self.ticket.first, list[tuple[Metric, int]]()
        if now.done:
            return wanted
        again = ms(now.reopened_at) if now.reopened_at else self.opened
        if now.first_answer is None and first.author_kind == "customer" and not now.reopened:
            wanted.append(("first_reply", self.opened))
        elif now.waiting is not None:
            wanted.append(("next_reply", ms(now.waiting.since)))
        if now.first_answer is None and first.kind == "complaint" and not now.reopened:
            wanted.append(("acknowledgement", self.opened))
        if now.last_answer is not None:
            wanted.append(("update", ms(now.last_answer.at)))
        return wanted + [(metric, again) for metric in THROUGH if not self._broken_and_going_on(metric)]

    def _broken_and_going_on(self, metric: Metric) -> bool:
        """A promise broken once is not broken again because the ticket was reopened and the clock goes on."""
        earlier = self._earlier(metric)
        return earlier is not None and earlier.verdict == "breached" and self._goes_on()

    def _goes_on(self) -> bool:
        return self.terms.policy is not None and self.terms.policy.on_reopen == "continue"

    def _earlier(self, metric: Metric) -> Watch | None:
        return next((watch for watch in reversed(self.watches) if watch.metric == metric), None)

    # -- one clock

    def _request(self, to: int) -> None:
        """The customer's own wish: wall time, no pause, broken at the window's end."""
        watch = Watch("requested_time", self.opened, self.opened, NO_TERMS, max(0, to - self.opened) // 60_000, (), ALWAYS)
        watch.since, watch.due, watch.lapses = self.opened, to, to
        self.watches.append(watch)
        self._mark(watch, "started")

    def _start(self, metric: Metric, *, origin: int | None = None, used: int = 0) -> None:
        target = self.terms.target(metric)
        if target is None:
            return
        start = self.now if origin is None else origin
        watch = Watch(metric, start, self.now, self.terms, target, self.terms.pauses(metric), self.terms.hours, used, self.now)
        self._aim(watch)
        self.watches.append(watch)
        self._mark(watch, "started")
        self._break_if_over(watch)

    def _retarget(self, watch: Watch) -> None:
        target = self.terms.target(watch.metric)
        if target is None:
            self._cancel(watch, "policy_changed")
            return
        watch.used = watch.used_at(self.now)
        watch.since = self.now if watch.since is not None else None
        watch.terms, watch.target, watch.pauses, watch.hours = self.terms, target, self.terms.pauses(watch.metric), self.terms.hours
        self._aim(watch)
        self._mark(watch, "retargeted")
        self._break_if_over(watch)

    def _aim(self, watch: Watch) -> None:
        watch.due = due_ms(watch.hours, self.now, watch.limit - watch.used)
        watch.lapses = next_opening_ms(watch.hours, watch.due)

    def _break_if_over(self, watch: Watch) -> None:
        if watch.used > watch.limit:
            self._mark(watch, "breached", at=self.now)

    def _stop(self, watch: Watch, agent_id: str | None = None) -> None:
        watch.used, watch.since = watch.used_at(self.now), None
        self._mark(watch, "met" if watch.verdict is None else "stopped", agent_id=agent_id)
        watch.ended = self.now

    def _cancel(self, watch: Watch, reason: Reason) -> None:
        if watch.verdict is not None:
            self._stop(watch)
            return
        watch.used, watch.since = watch.used_at(self.now), None
        watch.cancelled, watch.ended = True, self.now
        self._mark(watch, "cancelled", reason=reason)

    def _pause_or_resume(self) -> None:
        for watch in self.live():
            stands = self.standing.status in watch.pauses
            if stands and watch.since is not None:
                watch.used, watch.since = watch.used_at(self.now), None
                if watch.verdict is None:
                    self._mark(watch, "paused")
            elif not stands and watch.since is None:
                watch.since = self.now
                if watch.verdict is None:
                    self._aim(watch)
                    self._mark(watch, "resumed")

    def _mark(
        self, watch: Watch, said: Said, *, at: int | None = None, used: int | None = None, agent_id: str | None = None, reason: Reason | None = None
    ) -> None:
        now, when = self.standing, self.now if at is None else at
        if said == "breached":
            watch.verdict = "breached"
        elif said == "met":
            watch.verdict = "met"
        spent = watch.used_at(when) if used is None else used
        watch.marks.append(
            Mark(when, said, spent, watch.due, watch.lapses, watch.terms, watch.target, watch.pauses, now.priority, agent_id or now.assignee,
                 now.group, now.status, watch.since is not None, reason)
        )  # fmt: skip

    def _counted(self, metric: Metric, origin: int) -> int:
        """Business time since `origin` under the new terms: who is promised an hour counts from when he asked."""
        pauses, hours = self.terms.pauses(metric), self.terms.hours
        return sum(business_ms(hours, max(a, origin), b) for a, b, status in self.segments if b > origin and status not in pauses)


def course(ticket: Ticket, promises: Promises, until: datetime, *, only: bool = False) -> Course:
    """The ticket's life up to `until`; steps told of a later time are passed too, unless `only` what had happened by then is asked."""
    life, steps = Course(ticket, promises), ticket.steps
    for index, step in enumerate(steps):
        if only and step.at > until:
            break
        same = index + 1
        while same < len(steps) and steps[same].at == step.at:
            same += 1
        life.take(step, steps[index + 1 : same])
    life.pass_time(max(ms(until), life.now))
    return life


def before(ticket: Ticket, promises: Promises, at: datetime) -> Course:
    """The ticket's life as it was at `at`."""
    return course(ticket, promises, at, only=True)
