"""What did the customer ask of us, and how were they served? Tickets with messages, complaints, late answers, resolutions, ratings, and a few still open."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from crm_importers.command import Command, about_ticket, creation, instant
from crm_importers.company.contacts import AGENTS
from crm_importers.company.person import Company, Person
from crm_importers.jalali import gregorian, jalali

NAME = "barg-desk"  # calendar, and beginning of the policies' names
PRODUCTS = ("barg-beans", "barg-grinder", "barg-machine", "barg-subscription")
TARGETS = {"urgent": (60, 480), "high": (120, 960), "normal": (240, 1440), "low": (480, 2880)}  # business minutes: first reply (and next), resolution
_WEEK = {day: [["09:00", "13:00"], ["14:00", "17:30"]] for day in ("sat", "sun", "mon", "tue", "wed")} | {"thu": [["09:00", "13:00"]]}
_FARVARDIN = {1: "نوروز", 2: "نوروز", 3: "نوروز", 4: "نوروز", 12: "روز جمهوری"}  # of the year's first month
_KINDS = ("request", "question", "question", "incident", "complaint", "idea")
_WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "fa": {
        "request": ("تغییر اشتراک", "لطفاً از ماه آینده دو بسته بفرستید."), "question": ("درجه‌ی آسیاب", "برای فرنچ‌پرس چه درجه‌ای خوب است؟"),
        "incident": ("دستگاه روشن نمی‌شود", "از دیروز چراغ دستگاه روشن نمی‌شود."), "complaint": ("بسته دیر رسید", "سفارش من یک هفته دیر رسید."),
        "idea": ("بسته‌ی کوچک‌تر", "کاش بسته‌ی صد گرمی هم داشتید."), "answer": ("", "سپاس از پیام شما. بررسی کردیم و پاسخ را برایتان نوشتیم."),
        "again": ("", "هنوز درست نشده است."), "done": ("", "حل شد و به مشتری خبر دادیم."),
    },
    "en": {
        "request": ("Change my subscription", "Two bags from next month on, please."), "question": ("Which grind?", "Which grind suits a French press?"),
        "incident": ("Machine does not start", "Since yesterday the light stays off."), "complaint": ("Parcel came late", "My order came a week late."),
        "idea": ("A smaller bag", "I would love a 100 g bag."), "answer": ("", "Thank you for writing. We have looked into it; here is our answer."),
        "again": ("", "It is still not working."), "done": ("", "Solved, and the customer was told."),
    },
}  # fmt: skip


def calendar(company: Company) -> Command:
    """Tehran's working week, Nowruz and the day of the Republic as holidays."""
    first = int(jalali(company.founded.date())[:4])
    days = [(year, number, name) for year in range(first, first + 5) for number, name in _FARVARDIN.items()]
    holidays = [{"date": gregorian(year, 1, number).isoformat(), "name": name} for year, number, name in days]
    body = {"time_zone": "Asia/Tehran", "week": _WEEK, "holidays": holidays, "valid_from": instant(company.founded - timedelta(days=30))}
    return Command("tickets", "defineCalendar", NAME, company.id("defineCalendar"), {"name": NAME}, body)


def policies(company: Company) -> Iterator[Command]:
    """One a priority, for this company's own products: other tickets of the stack are none of its business."""
    for priority, (reply, resolution) in TARGETS.items():
        body = {
            "rank": 50, "when": {"priorities": [priority], "products": list(PRODUCTS)}, "calendar": NAME, "on_reopen": "continue",
            "targets": {"first_reply": reply, "next_reply": 2 * reply, "resolution": resolution}, "pauses": {"resolution": ["pending", "on_hold"]},
            "valid_from": instant(company.founded - timedelta(days=30)),
        }  # fmt: skip
        name = f"{NAME}-{priority}"
        yield Command("tickets", "defineSlaPolicy", name, company.id("defineSlaPolicy", priority), {"name": name}, body)


@dataclass(frozen=True, slots=True)
class _Course:
    """How one ticket goes: `answered`, `resolved` after the opening; None: not yet."""

    kind: str
    priority: str
    opened: datetime
    answered: timedelta | None
    again: bool
    resolved: timedelta | None
    score: int | None


def tickets(company: Company, who: Person) -> Iterator[Command]:
    """The customer's tickets: none to three; of the first customer four, one being open and one waiting for her."""
    courses = _first(company) if who.index == 0 else list(_drawn(company, who))
    for number, course in enumerate(courses):
        yield from (command for command in _told(company, who, number, course) if command.body and command.body["occurred_at"] <= instant(company.end))


def _first(company: Company) -> list[_Course]:
    end, day, hour = company.end, timedelta(days=1), timedelta(hours=1)
    return [
        _Course("question", "normal", end - 400 * day, hour, False, 5 * hour, 5),
        _Course("complaint", "high", end - 120 * day, 50 * hour, True, 9 * day, 2),
        _Course("incident", "urgent", end - 30 * day, hour / 2, False, 4 * hour, 5),
        _Course("request", "normal", end - 16 * hour, hour / 2, False, None, None),
    ]


def _drawn(company: Company, who: Person) -> Iterator[_Course]:
    chance = company.random(who.index, "tickets")
    days = max(1, (company.end - who.joined).days - 1)
    for _ in range(chance.choice((0, 0, 1, 1, 1, 2, 2, 3))):
        opened = _in_the_day(who.joined + timedelta(days=1 + chance.randrange(days)), chance)
        kind = chance.choice(_KINDS)
        slow = 4.0 if kind == "complaint" else 1.5
        answered = timedelta(minutes=5 + min(20_000, int(60 * chance.lognormvariate(0, 1.2) * slow)))
        resolved = answered + timedelta(minutes=30 + min(40_000, int(600 * chance.lognormvariate(0, 1.0) * slow)))
        score = chance.choices((1, 2, 3, 4, 5), (4, 3, 3, 2, 1) if kind == "complaint" else (1, 1, 2, 5, 8))[0] if chance.random() < 0.6 else None
        yield _Course(kind, chance.choice(("low", "normal", "normal", "high", "urgent")), opened, answered, chance.random() < 0.3, resolved, score)


def _in_the_day(day: datetime, chance: Random) -> datetime:
    """Most people write while the desk is open, 05:30 to 13:30 UTC, some at night."""
    minute = chance.randrange(330, 810) if chance.random() < 0.85 else chance.randrange(1440)
    return day.replace(hour=minute // 60, minute=minute % 60)


def _told(company: Company, who: Person, number: int, course: _Course) -> Iterator[Command]:
    """In order of time; what lies after the company's end is left out by the caller."""
    chance, words, ticket = company.random(who.index, "ticket", number), _WORDS[who.language], company.id(who.index, "ticket", number)
    key, agent = ("company", company.seed, who.index, "ticket", number), {"kind": "agent", "id": AGENTS[(who.index + number) % len(AGENTS)]}
    channel = chance.choice(("web", "email", "phone", "app"))

    def step(operation: str, at: datetime, body: dict[str, Any], word: str = "") -> Command:
        return about_ticket(ticket, operation, (*key, operation, word), {**body, "occurred_at": instant(at)})

    def said(word: str, at: datetime, author: dict[str, str]) -> Command:
        body = {"id": company.id(who.index, "ticket", number, word), "author": author, "visibility": "public", "channel": channel, "text": words[word][1]}
        return step("addMessage", at, body, word)

    subject, text = words[course.kind]
    opening = {
        "id": ticket, "customer_id": who.id, "kind": course.kind, "channel": channel, "subject": subject, "text": text, "priority": course.priority,
        "category": "delivery" if course.kind == "complaint" else "product", "product": chance.choice(PRODUCTS), "occurred_at": instant(course.opened),
    }  # fmt: skip
    yield creation("tickets", "openTicket", opening, (*key, "openTicket"))
    yield step("assignTicket", course.opened + timedelta(minutes=4), {"agent_id": agent["id"], "group": "desk"})
    if course.answered is None:
        return
    answered = course.opened + course.answered
    yield said("answer", answered, agent)
    if course.resolved is None:
        return
    resolved = course.opened + course.resolved
    if course.again:
        third = (resolved - answered) / 3
        yield said("again", answered + third, {"kind": "customer"})
        yield step("addMessage", answered + 2 * third, _reply(company, who, number, agent, channel, words["answer"][1]), "reply")
    cause = {"root_cause": "delivery_late"} if course.kind == "complaint" else {}
    yield step("resolveTicket", resolved, {"resolution": words["done"][1], "agent_id": agent["id"], **cause})
    if course.score:
        yield step("rateTicket", resolved + timedelta(hours=20), {"score": course.score, "effort": 8 - course.score, "courtesy": min(5, course.score + 1)})
    yield step("closeTicket", resolved + timedelta(days=7), {})


def _reply(company: Company, who: Person, number: int, agent: dict[str, str], channel: str, text: str) -> dict[str, Any]:
    return {"id": company.id(who.index, "ticket", number, "reply"), "author": agent, "visibility": "public", "channel": channel, "text": text}
