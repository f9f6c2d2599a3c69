"""May we write to this customer, and which of their words decide it?

The question is put to every contact merged into one. A broad question (any channel, all contact points) is allowed when every part of it is: the whole, and
each narrower key that somebody denied. A part is allowed if a grant that covers it is in force and no denial that covers it stands. A denial stands until a
grant in force, of the same or a narrower key, that was given later than the denial *and* than the moment the two contacts became one: what was granted to
one of two strangers says nothing about what the other refused. Nothing said: no. While the use of their data is restricted, no is the answer to everything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

from crm_contacts.consents import ANY, covers, reaches
from crm_contacts.contact import Contact, Edge, Said

Key: TypeAlias = tuple[str, str, UUID | None]
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deciding:
    """A word that decided: whose, of which key. `status`: granted, denied, withdrawn or expired; restricted: no word counts."""

    member: UUID
    key: Key
    said: Said

    def status(self, at: datetime) -> str:
        """What it was worth then."""
        return "expired" if self.said.effective_to and self.said.effective_to <= at else self.said.status


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, and why; nothing in `because`: nothing was said."""

    answer: Literal["allow", "deny"]
    because: tuple[Deciding, ...]

    def id(self, question: str) -> UUID:
        """The same for the same question decided by the same events: it can be checked again at any time."""
        words = ",".join(sorted(str(each.said.event_id) for each in self.because))
        return uuid5(NAMESPACE_URL, f"crm:consent-decision:{question}:{self.answer}:{words}")


def decide(cluster: Mapping[UUID, Contact], key: Key, at: datetime) -> Decision:
    """The decision at a moment over all contacts that are one customer then."""
    if held := [each for member, contact in cluster.items() for each in _held(member, contact, key, at)]:
        return Decision("deny", _newest_first(held))
    spoken = [each for member, contact in cluster.items() for each in _words(member, contact) if each.key[0] == key[0] and each.said.at <= at]
    grants = [each for each in spoken if each.said.status == "granted"]
    denials = [each for each in spoken if each.said.status != "granted"]
    kinds = {point.id: point.kind for contact in cluster.values() for point in contact.identifiers}
    edges = {member: contact.merged for member, contact in cluster.items() if contact.merged}
    because: list[Deciding] = []
    for part in _parts(key, denials, kinds):
        own = [grant for grant in grants if covers(grant.key, part)]
        valid = [grant for grant in own if _in_force(grant.said, at)]
        stands = [denial for denial in denials if covers(denial.key, part) and not any(_undoes(grant, denial, edges) for grant in valid)]
        if stands or not valid:
            return Decision("deny", _newest_first(stands or own))
        because += _newest_first(valid)[:1]
    return Decision("allow", tuple(dict.fromkeys(because)))


def joined(one: UUID, other: UUID, edges: Mapping[UUID, Edge]) -> datetime:
    """When two members became one: the latest merge on the way between them; `NEVER` (before all time) within one member."""
    way: dict[UUID, datetime] = {one: NEVER}  # from `one` upwards: the latest merge up to there
    while (here := next(reversed(way))) in edges and edges[here].other_id not in way:
        way[edges[here].other_id] = max(way[here], edges[here].at)
    latest, climbed = NEVER, {other}
    while other not in way:
        if other not in edges or edges[other].other_id in climbed:
            raise ValueError("the two are not one customer")
        latest, other = max(latest, edges[other].at), edges[other].other_id
        climbed.add(other)
    return max(latest, way[other])


def _held(member: UUID, contact: Contact, key: Key, at: datetime) -> list[Deciding]:
    held = contact.restriction
    if held is None or not held.holds or held.at > at:
        return []
    return [Deciding(member, key, Said(held.event_id, "restricted", held.at, "", None, None, held.at, None))]


def _words(member: UUID, contact: Contact) -> list[Deciding]:
    return [Deciding(member, each.key, said) for each in contact.consents for said in (each.grant, each.denial) if said]


def _undoes(grant: Deciding, denial: Deciding, edges: Mapping[UUID, Edge]) -> bool:
    return covers(denial.key, grant.key) and grant.said.at > denial.said.at and grant.said.at > joined(grant.member, denial.member, edges)


def _in_force(said: Said, at: datetime) -> bool:
    return said.effective_from <= at and (said.effective_to is None or at < said.effective_to)


def _parts(key: Key, denials: Iterable[Deciding], kinds: Mapping[UUID, str]) -> list[Key]:
    """The question itself, and what of it was denied on its own."""
    parts = [key]
    for purpose, channel, point in (denial.key for denial in denials):
        if (ANY in (key[1], channel) or channel == key[1]) and (key[2] is None or point in (None, key[2])):
            part = purpose, channel if key[1] == ANY else key[1], key[2] or point
            if part[2] is None or reaches(kinds.get(part[2], ""), part[1]):
                parts.append(part)
    return list(dict.fromkeys(parts))


def _newest_first(words: list[Deciding]) -> tuple[Deciding, ...]:
    return tuple(sorted(words, key=lambda each: (each.said.at, each.said.event_id), reverse=True))
