"""Which of several merges are taken back at once? Those by which some contacts belong to others, or those that one rule made; the rest stay."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

from crm_events.language.contacts import ContactEvent
from crm_events.refusals import Rejected

from crm_contacts.contact import Contact, Edge
from crm_contacts.merging import reverse

MOST = 50  # merges one command takes back: two streams each
Pair: TypeAlias = tuple[UUID, UUID]  # absorbed, survivor
Wanted: TypeAlias = Callable[[UUID, Contact], bool]


class Elsewhere(Exception):
    """A merge came between asking which there are and looking at them. Ask again."""


def leaving(contacts: Mapping[UUID, Contact], leavers: Iterable[UUID]) -> list[Pair]:
    """The merges between those who leave and those who stay, whichever is the survivor: merges among those who leave stay, and so do the others'."""
    gone = set(leavers)
    found = set[Pair]()
    for contact_id in gone & contacts.keys():
        contact = contacts[contact_id]
        found |= {(edge.other_id, contact_id) for edge in contact.absorbed if edge.other_id not in gone}
        if contact.merged is not None and contact.merged.other_id not in gone:
            found.add((contact_id, contact.merged.other_id))
    return sorted(found)


def made_by(contacts: Mapping[UUID, Contact], rule: str, version: str | None) -> list[Pair]:
    """The merges that this rule made, in whichever version or in this one."""
    return sorted((one, edge.other_id) for one, contact in contacts.items() if (edge := contact.merged) and _is_of(edge, rule, version))


def part(contacts: Mapping[UUID, Contact], pairs: Sequence[Pair], *, reason: str | None) -> dict[UUID, list[ContactEvent]]:
    """Each contact's events. Raises Elsewhere if one of the pairs is not whole here, Rejected `nothing-to-reverse` if there is none."""
    if not pairs:
        raise Rejected("nothing-to-reverse", "No merge that holds is meant. Read the contacts: perhaps it was taken back already.")
    if any(end not in contacts for pair in pairs for end in pair):
        raise Elsewhere
    events: dict[UUID, list[ContactEvent]] = {each: [] for each in contacts}
    for absorbed_id, survivor_id in pairs:
        absorbed, survivor = contacts[absorbed_id], contacts[survivor_id]
        if absorbed.merged is None or absorbed.merged.other_id != survivor_id:
            raise Elsewhere
        ended, released = reverse(
            absorbed, survivor, merge_id=absorbed.merged.merge_id, absorbed_id=absorbed_id, survivor_id=survivor_id, reason=reason
        )  # fmt: skip
        events[absorbed_id] += ended
        events[survivor_id] += released
    return events


def _is_of(edge: Edge, rule: str, version: str | None) -> bool:
    return edge.rule == rule and version in (None, edge.rule_version)
