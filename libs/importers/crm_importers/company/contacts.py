"""What is known of a customer, and what did we say to each other? Registration, consents, preferences, interactions, notes, needs."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from crm_importers.command import Command, about_contact, creation, instant
from crm_importers.company.names import as_on_an_arabic_keyboard
from crm_importers.company.person import Company, Person, is_doubled

DOMAIN = "barg.example.com"  # example.com belongs to nobody, by RFC 2606
AGENTS = ("agent-nasrin", "agent-omid", "agent-claire", "agent-tom")
_CHANNELS = ("phone", "phone", "web", "web", "web", "email", "app", "in_person", "social", "sms")
_SAID = {
    "fa": ("پرسش درباره‌ی سفارش", "پیگیری ارسال", "مشاوره برای انتخاب دانه", "سپاس از کیفیت قهوه", "تغییر نشانی"),
    "en": ("Question about an order", "Where is my parcel?", "Advice on beans", "Thanks for the coffee", "Change of address"),
}
_NEEDS = ("espresso_at_home", "decaf", "office_supply", "gift", "organic")


def contact(company: Company, who: Person) -> Iterator[Command]:
    """The customer's contact, from registration on."""
    chance = company.random(who.index, "contact")
    actual = "external_potential" if who.index and chance.random() < 0.15 else "external_actual"
    name = as_on_an_arabic_keyboard(who.name) if is_doubled(company, who) else who.name
    body: dict[str, Any] = {
        "id": who.id, "kind": who.kind, "name": name, "type": actual, "roles": ["buyer"] if who.kind == "organisation" else ["buyer", "consumer"],
        "identifiers": [{"kind": "email", "value": f"{who.mailbox}@{DOMAIN}"}, {"kind": "phone", "value": who.phone}], "language": who.language,
        "time_zone": "Asia/Tehran" if who.language == "fa" else "America/New_York",
        "source": {"system": chance.choice(("web", "shop", "fair", "referral")), "reference": f"c-{company.seed}-{who.index}"},
        "occurred_at": instant(who.joined),
    }  # fmt: skip
    yield creation("contacts", "registerContact", body, ("company", company.seed, who.index, "registerContact"))
    if who.kind == "person" and chance.random() < 0.4:
        birthday = f"{chance.randrange(1955, 2004)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
        yield _about(company, who, "changeContact", {"birthday": birthday, "occurred_at": instant(who.joined + timedelta(minutes=5))})
    yield _about(company, who, "assignOwner", {"agent_id": AGENTS[who.index % len(AGENTS)], "occurred_at": instant(who.joined + timedelta(hours=1))})
    yield from _consents(company, who)
    yield from _preferences(company, who)
    yield from _interactions(company, who)
    if chance.random() < 0.3:
        need = {"need": chance.choice(_NEEDS), "weight": chance.randrange(20, 100), "occurred_at": instant(who.joined + timedelta(days=1))}
        yield _about(company, who, "recordNeed", need)


def _about(company: Company, who: Person, operation: str, body: dict[str, Any], *words: object) -> Command:
    return about_contact(who.id, operation, ("company", company.seed, who.index, operation, *words), body)


def _consents(company: Company, who: Person) -> Iterator[Command]:
    chance = company.random(who.index, "consent")
    for purpose, channel, share in (("marketing", "email", 0.7), ("marketing", "sms", 0.45), ("survey", "any", 0.5), ("profiling", "any", 0.3)):
        if who.index == 0 or chance.random() < 0.6:
            granted = who.index == 0 or chance.random() < share
            said = who.joined + timedelta(minutes=chance.randrange(2, 60))
            yield _consent(company, who, purpose, channel, {"status": "granted" if granted else "denied", "text_version": "2024-1"}, said)
            later = said + timedelta(days=chance.randrange(60, 500))
            if granted and later < company.end and ((who.index == 0 and channel == "sms") or (who.index and chance.random() < 0.2)):
                yield _consent(company, who, purpose, channel, {"status": "withdrawn", "text_version": "2024-1"}, later)


def _consent(company: Company, who: Person, purpose: str, channel: str, body: dict[str, Any], said: Any) -> Command:
    key = company.id(who.index, "setConsent", purpose, channel, body["status"])
    path = {"contact_id": who.id, "purpose": purpose, "channel": channel}
    return Command("contacts", "setConsent", who.id, key, path, {**body, "occurred_at": instant(said)})


def _preferences(company: Company, who: Person) -> Iterator[Command]:
    chance = company.random(who.index, "preference")
    if who.index == 0 or chance.random() < 0.5:
        zone = "Asia/Tehran" if who.language == "fa" else "America/New_York"
        days = ["sat", "sun", "mon", "tue", "wed"] if who.language == "fa" else ["mon", "tue", "wed", "thu", "fri"]
        body = {
            "channel": chance.choice(("email", "sms", "phone")), "language": who.language, "frequency_cap": {"count": chance.randrange(1, 5), "per_days": 30},
            "time_windows": [{"days": days, "from": "17:00", "to": "20:00", "time_zone": zone}], "occurred_at": instant(who.joined + timedelta(hours=2)),
        }  # fmt: skip
        yield _about(company, who, "setPreferences", body)


def _interactions(company: Company, who: Person) -> Iterator[Command]:
    chance = company.random(who.index, "interaction")
    span = int((company.end - who.joined).total_seconds()) - 7200
    for number in range(8 if who.index == 0 else chance.randrange(1, 9)):
        at = who.joined + timedelta(seconds=3600 + chance.randrange(max(1, span)))
        channel, direction = chance.choice(_CHANNELS), chance.choice(("inbound", "inbound", "outbound"))
        body: dict[str, Any] = {
            "id": company.id(who.index, "interaction", number), "channel": channel, "direction": direction, "subject": chance.choice(_SAID[who.language]),
            "outcome": chance.choice(("informed", "ordered", "called_back", "none")), "occurred_at": instant(at),
        }  # fmt: skip
        if channel == "phone":
            body |= {"kind": "call", "duration_seconds": chance.randrange(40, 900), "agent_id": chance.choice(AGENTS)}
        if channel == "social":
            body["sentiment"] = chance.choice(("positive", "positive", "neutral", "negative"))
        key = ("company", company.seed, who.index, "recordInteraction", number)
        yield about_contact(who.id, "recordInteraction", key, body)
