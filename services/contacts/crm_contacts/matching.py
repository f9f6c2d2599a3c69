"""Which of these contacts are one customer by the rules, and which only may be? The order of the rules, and of the contacts, changes nothing.

Every rule is asked of every two. What those that merge say is taken together: contacts that hang together by them become one, unless any two of them
disagree or they are too many. Then the rule of the lowest priority gives way, and what is left is looked at again; what gave way is suggested.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from crm_contacts.match_rules import MatchRule, Person, Value, evidence, parted_by, values, vetoes

MOST_JOINED = 20  # customers that one look may make one: more of them share something that is no one person's


@dataclass(frozen=True, slots=True)
class Link:
    """A rule says that these two are one; `one` was registered first."""

    one: Person
    other: Person
    rule: MatchRule
    identifiers: tuple[UUID, ...]

    @property
    def strength(self) -> tuple[int, int, str, UUID, UUID]:
        """For telling one link of several, the same one whatever their order."""
        return self.rule.priority, self.rule.score, self.rule.id, self.one.id, self.other.id


@dataclass(frozen=True, slots=True)
class Joining:
    """The customer `absorbed` becomes part of `survivor`, the one registered first; `by`: the link that says so most strongly."""

    survivor: UUID
    absorbed: UUID
    by: Link


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows. `crowded`: how often more customers than may become one hung together.
    `held`: the contacts that the joinings rest on, none of which may have changed meanwhile."""

    joinings: tuple[Joining, ...]
    suggestions: tuple[Link, ...]
    crowded: int
    held: frozenset[UUID]


def links(people: Sequence[Person], rules: Iterable[MatchRule], holders: Mapping[Value, int] | None = None) -> list[Link]:
    """What each rule says of each two that are not one customer already. `holders`: default those among `people`."""
    counted = _counted(people) if holders is None else holders
    in_time = sorted(people, key=_age)
    asked = [(one, other, rule) for one, other in combinations(in_time, 2) if one.root != other.root for rule in rules]
    return [Link(one, other, rule, found) for one, other, rule in asked if (found := evidence(rule, one, other, counted)) is not None]


def settle(people: Sequence[Person], rules: Iterable[MatchRule], holders: Mapping[Value, int] | None = None) -> Settled:
    """Who is joined, and what is suggested."""
    found = links(people, rules, holders)
    doubtful = [link for link in found if not link.rule.merges]
    crowded = 0
    todo, agreed = [[link for link in found if link.rule.merges]], list[list[Link]]()
    while todo:
        for part in parts(todo.pop()):
            if _agree(part, people):
                agreed.append(part)
                continue
            crowded += len({root for link in part for root in (link.one.root, link.other.root)}) > MOST_JOINED
            lowest = min(link.rule.priority for link in part)
            doubtful += [link for link in part if link.rule.priority == lowest]
            todo.append([link for link in part if link.rule.priority > lowest])
    joinings = [joining for part in agreed for joining in _joinings(part, people)]
    survivors = {joining.absorbed: joining.survivor for joining in joinings}
    apart = [link for link in doubtful if survivors.get(link.one.root, link.one.root) != survivors.get(link.other.root, link.other.root)]
    suggested = {frozenset((link.one.id, link.other.id)): link for link in sorted(apart, key=_certainty) if not parted_by(link.rule, link.one, link.other)}
    held = {each.id for part in agreed for each in _members(part, people)}
    in_order = sorted(joinings, key=lambda joining: (joining.survivor, joining.absorbed))
    return Settled(tuple(in_order), tuple(sorted(suggested.values(), key=lambda link: link.strength)), crowded, frozenset(held))


def parts(found: Sequence[Link]) -> list[list[Link]]:
    """The links by the customers that hang together by them."""
    up: dict[UUID, UUID] = {}

    def top(root: UUID) -> UUID:
        while up.setdefault(root, root) != root:
            root = up[root]
        return root

    for link in found:
        up[top(link.one.root)] = top(link.other.root)
    grouped: dict[UUID, list[Link]] = {}
    for link in found:
        grouped.setdefault(top(link.one.root), []).append(link)
    return list(grouped.values())


def _agree(part: Sequence[Link], people: Sequence[Person]) -> bool:
    members = _members(part, people)
    if len({each.root for each in members}) > MOST_JOINED:
        return False
    return not any(one.root != other.root and vetoes(one, other) for one, other in combinations(members, 2))


def _members(part: Sequence[Link], people: Sequence[Person]) -> list[Person]:
    roots = {root for link in part for root in (link.one.root, link.other.root)}
    return [each for each in people if each.root in roots]


def _joinings(part: Sequence[Link], people: Sequence[Person]) -> list[Joining]:
    roots = sorted((each for each in _members(part, people) if each.id == each.root), key=_age)
    found = []
    for each in roots[1:]:
        by = max((link for link in part if each.id in (link.one.root, link.other.root)), key=lambda link: link.strength)
        found.append(Joining(roots[0].id, each.id, by))
    return found


def _counted(people: Iterable[Person]) -> dict[Value, int]:
    found: dict[Value, set[UUID]] = {}
    for each in people:
        for value, _ in values(each):
            found.setdefault(value, set()).add(each.id)
    return {value: len(ids) for value, ids in found.items()}


def _age(person: Person) -> tuple[object, UUID]:
    return person.registered_at, person.id


def _certainty(link: Link) -> tuple[int, tuple[int, int, str, UUID, UUID]]:
    return link.rule.score, link.strength
