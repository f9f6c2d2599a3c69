"""By which rules may two contacts be one customer, and what speaks against it? Data, versioned: another version looks at the whole history anew."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Literal, TypeAlias
from uuid import UUID

from crm_events import text
from crm_events.identifiers import scope

from crm_contacts.contact import Contact

Value: TypeAlias = tuple[str, str]  # scope and normalised value of an identifier
ALIKE = 0.85  # of two names' letters; a letter more or less in an Iranian family name of average length is above it
VETOES = frozenset({"national_id"})  # a person has one; two that differ are two people's


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What two contacts must share. `merges`: strong enough to join them without being asked; else it is suggested.

    `limit`: a value that more contacts have shows nothing by this rule. `priority`: the lowest gives way where those that join contradict each other.
    `kind` with `verified`: an identifier that both have, and have shown to be theirs. `name`: in the same words, or nearly.
    """

    id: str
    version: str
    score: int
    limit: int
    merges: bool = False
    priority: int = 0
    kind: str | None = None
    verified: bool = False
    name: Literal["same", "like"] | None = None
    birthday: bool = False


# A customer's own token may add an identifier, never verify one: nobody joins themselves to somebody else.
RULES = (
    MatchRule("social", "1", score=95, limit=5, merges=True, priority=2, kind="social", verified=True),
    MatchRule("device-and-name", "1", score=85, limit=5, merges=True, priority=1, kind="device", verified=True, name="same"),
    MatchRule("name-and-birthday", "1", score=70, limit=20, name="like", birthday=True),
    MatchRule("social-unverified", "1", score=60, limit=20, kind="social"),
    MatchRule("device", "1", score=40, limit=20, kind="device"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as rules see it, its personal text opened. `root`: whose customer it is now."""

    id: UUID
    root: UUID
    registered_at: datetime
    contact: Contact


def values(person: Person, *, kind: str | None = None, verified: bool = False) -> Iterator[tuple[Value, UUID]]:
    """What the contact is known by, and the id of each."""
    for each in person.contact.identifiers:
        if each.normalised is not None and not each.blocked and (kind is None or each.kind == kind) and (each.verified or not verified):
            yield (scope(each.kind, each.system), each.normalised), each.id


def evidence(rule: MatchRule, one: Person, other: Person, holders: Mapping[Value, int]) -> tuple[UUID, ...] | None:
    """The identifiers of both that show it by this rule; None: it does not hold of them. `holders`: how many contacts have a value."""
    found: set[UUID] = set()
    if rule.kind:
        mine, theirs = (dict(values(each, kind=rule.kind, verified=rule.verified)) for each in (one, other))
        found = {identifier for value in mine.keys() & theirs.keys() if holders[value] <= rule.limit for identifier in (mine[value], theirs[value])}
        if not found:
            return None
    if rule.name and not _named_alike(one.contact.name, other.contact.name, same=rule.name == "same"):
        return None
    if rule.birthday and (one.contact.birthday is None or one.contact.birthday != other.contact.birthday):
        return None
    return tuple(sorted(found))


def vetoes(one: Person, other: Person) -> tuple[str, ...]:
    """Why no rule may join the two: they are of two kinds, were born on two days, have two national ids, or were parted by somebody."""
    mine, theirs = one.contact, other.contact
    found = ["kind"] if mine.kind != theirs.kind else []
    if mine.birthday and theirs.birthday and mine.birthday != theirs.birthday:
        found.append("birthday")
    for kind in sorted(VETOES):
        here, there = _by_scope(one, kind), _by_scope(other, kind)
        if any(here[place].isdisjoint(there[place]) for place in here.keys() & there.keys()):
            found.append(kind)
    if any(each.other_id in (other.id, other.root) for each in mine.parted) or any(each.other_id in (one.id, one.root) for each in theirs.parted):
        found.append("parted")
    return tuple(found)


def parted_by(rule: MatchRule, one: Person, other: Person) -> bool:
    """Whether this very version of the rule had joined the two, and somebody took it back."""
    return any(
        each.other_id in (there.id, there.root) and (each.rule, each.rule_version) == (rule.id, rule.version)
        for here, there in ((one, other), (other, one))
        for each in here.contact.parted
    )


def _by_scope(person: Person, kind: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for (place, value), _ in values(person, kind=kind):
        found.setdefault(place, set()).add(value)
    return found


def _named_alike(one: str | None, other: str | None, *, same: bool) -> bool:
    mine, theirs = (sorted(text.words(each or "")) for each in (one, other))
    if same or not mine or not theirs:
        return bool(mine) and mine == theirs
    return SequenceMatcher(None, " ".join(mine), " ".join(theirs), autojunk=False).ratio() >= ALIKE
