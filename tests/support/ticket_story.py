"""How is a ticket's story told in a test? Fact by fact, as the store would take it: time passes first, then the rule decides, then the events are folded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from crm_events.deciding import At, Fact
from crm_events.event import Event
from crm_events.language.sla import CalendarDefined, Holiday, SlaConditions, SlaPolicyDefined
from crm_events.refusals import Rejected
from crm_tickets import joining, rating, rules, splitting
from crm_tickets.clock import latest
from crm_tickets.desk import advance
from crm_tickets.promises import Promises
from crm_tickets.ticket import Ticket, evolve

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TICKET = uuid5(NAMESPACE_OID, "ticket")
SURVIVOR = uuid5(NAMESPACE_OID, "survivor")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def calendar(
    name: str = "hours", *, zone: str = "Europe/Berlin", periods: Iterable[tuple[str, str]] = (("09:00", "12:00"), ("13:00", "17:00")), version: int = 1
) -> CalendarDefined:
    week = {day: tuple(periods) for day in ("mon", "tue", "wed", "thu", "fri")}
    holidays = (Holiday(date="2024-05-01", name="Labour Day"),)
    return CalendarDefined(name=name, version=version, time_zone=zone, week=week, holidays=holidays, valid_from=LONG_AGO)


def policy(name: str = "usual", **fields: Any) -> SlaPolicyDefined:
    told: dict[str, Any] = {
        "name": name, "version": 1, "rank": 1, "enabled": True, "when": SlaConditions(), "targets": {"first_reply": 60}, "calendar": "hours", "pauses": {},
        "on_reopen": "continue", "valid_from": LONG_AGO,
    }  # fmt: skip
    return SlaPolicyDefined(**(told | fields))


def promises(*policies: SlaPolicyDefined, calendars: Iterable[CalendarDefined] = ()) -> Promises:
    by_name: dict[str, tuple[SlaPolicyDefined, ...]] = {}
    for each in policies:
        by_name[each.name] = (*by_name.get(each.name, ()), each)
    return Promises(by_name, {each.name: (each,) for each in (calendar(), *calendars)})


@dataclass
class Story:
    """One ticket. `events`: everything told of it, in the order told."""

    promises: Promises
    ticket: Ticket = field(default_factory=Ticket)
    events: list[Fact[Any]] = field(default_factory=list)

    def tell(self, at: str | datetime, rule: Callable[..., Any], **told: Any) -> list[Event]:
        """The events of one command that happened at `at`, those of time's passing among them."""
        moment = berlin(at) if isinstance(at, str) else at
        first = len(self.events)
        before, count = self.ticket, len(self.events)
        if self.ticket.opening is not None:
            self._take(advance(self.ticket, moment, self.promises), moment)
        try:
            self._take(rule(self.ticket, at=moment, **told), moment)
        except Exception:
            self.ticket, self.events = before, self.events[:count]
            raise
        return [fact.event for fact in self.events[first:]]

    def wait(self, until: str | datetime) -> list[Event]:
        """Time passes, and the timer tells what that made true."""
        moment = berlin(until) if isinstance(until, str) else until
        first = len(self.events)
        self._take(advance(self.ticket, moment, self.promises), moment)
        return [fact.event for fact in self.events[first:]]

    def open(self, at: str | datetime, **fields: Any) -> list[Event]:
        told: dict[str, Any] = {
            "ticket_id": TICKET, "kind": "question", "channel": "web", "priority": "normal", "category": None, "product": None, "subject": "s", "text": "t",
            "author_kind": "customer", "author_id": None, "requested_from": None, "requested_to": None, "promises": self.promises,
        }  # fmt: skip
        return self.tell(at, rules.open_ticket, **(told | fields))

    def say(self, at: str | datetime, author: str = "agent", visibility: str = "public", channel: str = "web") -> list[Event]:
        message_id = uuid5(TICKET, str(len(self.events)))
        told = {"ticket_id": TICKET, "message_id": message_id, "author_kind": author, "author_id": "ann" if author == "agent" else None}
        return self.tell(at, rules.say, **told, visibility=visibility, channel=channel, text="…", promises=self.promises)

    def status(self, at: str | datetime, status: str) -> list[Event]:
        return self.tell(at, rules.set_status, status=status, reason=None, promises=self.promises)

    def priority(self, at: str | datetime, priority: str) -> list[Event]:
        return self.tell(at, rules.set_priority, priority=priority, reason=None, promises=self.promises)

    def categorise(self, at: str | datetime, category: str) -> list[Event]:
        return self.tell(at, rules.categorise, category=category, promises=self.promises)

    def assign(self, at: str | datetime, agent: str | None, group: str | None = None) -> list[Event]:
        return self.tell(at, rules.assign, agent_id=agent, group=group, promises=self.promises)

    def resolve(self, at: str | datetime) -> list[Event]:
        return self.tell(at, rules.resolve, resolution="done", agent_id="ann", root_cause=None, promises=self.promises)

    def close(self, at: str | datetime) -> list[Event]:
        return self.tell(at, rules.close, cause="agent", promises=self.promises)

    def reopen(self, at: str | datetime, cause: str = "agent") -> list[Event]:
        return self.tell(at, rules.reopen, cause=cause, reason="not done", promises=self.promises)

    def rate(self, at: str | datetime, score: int, **fields: Any) -> list[Event]:
        return self.tell(at, rating.rate, score=score, **({"effort": None, "courtesy": None, "comment": None} | fields))

    def merge(self, at: str | datetime, into: "Story") -> list[Event]:
        told = {"ticket_id": TICKET, "into_id": SURVIVOR, "promises": self.promises}
        return self.tell(at, lambda ticket, **more: joining.merge(ticket, into.ticket, **more)[0], **told)

    def split(self, at: str | datetime, *message_ids: UUID, **fields: Any) -> "Story":
        """The ticket that these messages, which waited, are from now on."""
        said = [fact for fact in self.events if getattr(fact.event, "message_id", None) in message_ids and fact.event.type == "ticket.message_added"]
        messages = [splitting.Said(fact.event.message_id, fact.occurred_at, fact.event.channel, fact.event.text) for fact in said]
        other, opened = Story(self.promises), list[Any]()

        def rule(ticket: Ticket, **told: Any) -> Any:
            leaving, arriving = splitting.split(ticket, other.ticket, messages=messages, **told)
            opened.extend(arriving)
            return leaving

        wanted = splitting.Wanted(SURVIVOR, "s", **fields)
        self.tell(at, rule, ticket_id=TICKET, wanted=wanted, promises=self.promises)
        other._take(opened, berlin(at) if isinstance(at, str) else at)
        return other

    def clock(self, metric: str) -> Any:
        return next(clock for clock in latest(self.ticket.clocks) if clock.metric == metric)

    def facts(self, kind: type[Event]) -> list[Fact[Any]]:
        return [fact for fact in self.events if isinstance(fact.event, kind)]

    def _take(self, happened: Iterable[Any], at: datetime) -> None:
        for item in happened:
            event, moment = (item.event, item.occurred_at) if isinstance(item, At) else (item, at)
            fact = Fact(type(event).model_validate_json(event.payload()), UUID(int=len(self.events) + 1), moment)
            self.events.append(fact)
            self.ticket = evolve(self.ticket, fact)


Tell = Callable[..., Story]
WORK = {"first_reply": 60, "next_reply": 30, "resolution": 480}
WORKDAY = policy(targets=WORK, pauses={"resolution": ("pending",)})


def kinds(events: Iterable[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


def rejected(rule: str, act: Callable[[], object]) -> None:
    with pytest.raises(Rejected) as refusal:
        act()
    assert refusal.value.rule == rule
