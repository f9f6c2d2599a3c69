"""Who is the customer of this number? The same seed and number give the same customer, however many others there are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from crm_importers.command import id_of
from crm_importers.company import names

YEARS = timedelta(days=730)  # how far back the company's memory reaches
ORGANISATION_EVERY = 20
DUPLICATE_EVERY = 12


@dataclass(frozen=True, slots=True)
class Company:
    """Which made-up company: `end` is the moment after its last fact."""

    seed: int
    customers: int
    end: datetime

    @property
    def founded(self) -> datetime:
        """When its first customer came."""
        return self.end - YEARS

    def id(self, *words: object) -> str:
        """An id or key that never depends on when the company was made up."""
        return id_of("company", self.seed, *words)

    def random(self, *words: object) -> Random:
        """Chance of its own for each thing decided, so that nothing shifts when another is added."""
        return Random("/".join(str(word) for word in (self.seed, *words)))  # noqa: S311  not a secret


@dataclass(frozen=True, slots=True)
class Person:
    """A customer. `phone` and `name` as they were typed in; `mailbox`: the local part of their address."""

    index: int
    id: str
    kind: Literal["person", "organisation"]
    name: str
    language: Literal["fa", "en"]
    mailbox: str
    phone: str
    joined: datetime


def person(company: Company, index: int) -> Person:
    """Number 0 has been there from the beginning; every twentieth is an organisation."""
    chance = company.random(index, "person")
    if index == 0:
        given, family = ("مریم", "maryam"), ("رضایی", "rezaei")
        kind, name, language, mailbox = "person", f"{given[0]} {family[0]}", "fa", f"{given[1]}.{family[1]}"
    elif index % ORGANISATION_EVERY == ORGANISATION_EVERY - 1:
        place = index // ORGANISATION_EVERY
        name, mailbox, language = names.ORGANISATIONS[place % len(names.ORGANISATIONS)]
        kind = "organisation"
    elif chance.random() < 0.6:
        given, family = chance.choice(names.PERSIAN_GIVEN), chance.choice(names.PERSIAN_FAMILY)
        kind, name, language, mailbox = "person", f"{given[0]} {family[0]}", "fa", f"{given[1]}.{family[1]}"
    else:
        first, last = chance.choice(names.ENGLISH_GIVEN), chance.choice(names.ENGLISH_FAMILY)
        kind, name, language, mailbox = "person", f"{first} {last}", "en", f"{first}.{last}".lower()
    joined = company.founded + timedelta(hours=9) + timedelta(minutes=chance.randrange(650 * 1440) if index else 0)
    return Person(
        index=index, id=company.id(index, "contact"), kind="organisation" if kind == "organisation" else "person", name=name,
        language="fa" if language == "fa" else "en", mailbox=f"{mailbox}.{company.seed}-{index}", phone=_phone(company, index, language), joined=joined,
    )  # fmt: skip


def _phone(company: Company, index: int, language: str) -> str:
    """Made up: English ones from the numbers kept for fiction, 555-0100 to 0199 of every area. Half of the Persian ones are in Persian digits."""
    number = company.seed * 10_000 + index
    if language == "en":
        return f"+1 {200 + number // 100 % 800} 555 01{number % 100:02d}"
    text = f"0999 {number // 10_000:03d} {number % 10_000:04d}"
    return names.in_persian_digits(text) if index % 2 == 0 else text


def is_doubled(company: Company, who: Person) -> bool:
    """Whether this customer once came in under a second address. Recent customers have had no time for it."""
    return who.index % DUPLICATE_EVERY == 0 and who.kind == "person" and who.joined < company.end - timedelta(days=60)
