"""What would two customers be as one? Field by field the value that would hold and those that would lose, and what each consent would come to.

As the unified view puts members together: of each field what was told last, by when it happened, but of a birthday what a member with a verified
identifier told; of consents the most restrictive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

from crm_contacts.contact import DETAILS, Contact, Edge
from crm_contacts.match_rules import Person, vetoes
from crm_contacts.permission import Decision, Key, decide

UNTOLD: Mapping[str, Any] = {"type": "external_potential", "roles": ()}  # as a registration has it by default: nobody told it
FIELDS = ("kind", *DETAILS, "type", "roles", "owner_id", "stage")
WITNESSED = ("birthday",)  # never changes, so the better witness counts, not the later one
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Held:
    """One member's value of a field, and when it was told."""

    member: UUID
    value: Any
    told_at: datetime


@dataclass(frozen=True, slots=True)
class Field:
    """Of one field all that members say, what would hold first."""

    name: str
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """What one consent key comes to for each of the two, and for both as one."""

    key: Key
    survivor: Decision
    absorbed: Decision
    merged: Decision


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Why no rule would join these two members."""

    one: UUID
    other: UUID
    vetoes: tuple[str, ...]


def fields(members: Mapping[UUID, Contact]) -> list[Field]:
    """Every field that somebody told, of all members; of two told at one moment the one of the first member."""
    found, verified = [], {member for member, contact in members.items() if any(each.verified for each in contact.identifiers)}

    def weight(each: Held, name: str) -> tuple[bool, datetime]:
        return name in WITNESSED and each.member in verified and each.value is not None, each.told_at

    for name in FIELDS:
        held = [Held(member, getattr(contact, name), at) for member, contact in members.items() if (at := _told_at(contact, name)) is not None]
        if held:
            found.append(Field(name, tuple(sorted(held, key=partial(weight, name=name), reverse=True))))
    return found


def consents(survivor: Mapping[UUID, Contact], absorbed: Mapping[UUID, Contact], *, roots: tuple[UUID, UUID], at: datetime) -> list[Word]:
    """Every key that somebody said anything of, decided for each of the two customers and for both, were they merged at `at`. `roots`: of the two."""
    merged = {**survivor, **absorbed}
    if roots[0] != roots[1]:
        merged[roots[1]] = replace(merged[roots[1]], merged=Edge(NOBODY, roots[0], at))
    keys = {each.key for contact in merged.values() for each in contact.consents}
    in_order = sorted(keys, key=lambda key: (key[0], key[1], str(key[2] or "")))
    return [Word(key, decide(survivor, key, at), decide(absorbed, key, at), decide(merged, key, at)) for key in in_order]


def disagreements(survivor: Sequence[Person], absorbed: Sequence[Person]) -> list[Disagreement]:
    """Every two members, one of each, of whom something speaks against their being one."""
    return [Disagreement(one.id, other.id, found) for one, other in product(survivor, absorbed) if one.id != other.id and (found := vetoes(one, other))]


def _told_at(contact: Contact, name: str) -> datetime | None:
    if name == "kind":
        return contact.registered_at
    at = contact.told.get(name)
    return None if at == contact.registered_at and name in UNTOLD and getattr(contact, name) == UNTOLD[name] else at
