"""Do random merges and reversals leave exactly the clusters that the surviving links make?"""

from functools import partial
from random import Random
from uuid import UUID

import pytest
from crm_contacts.cluster import clusters, connected
from crm_contacts.contact import Contact
from crm_contacts.merging import merge, reverse
from crm_contacts.permission import joined
from crm_contacts.profile import register
from crm_contacts.streams import CONTACTS
from crm_events.command import Command
from crm_events.refusals import Rejected
from crm_events.store.store import EventStore, Target
from crm_events.testing import facts
from hypothesis import given, settings
from hypothesis import strategies as st

PEOPLE = [UUID(int=number) for number in range(1, 9)]


class Links:
    """Union-find, built anew from the links that stand: it knows nothing of trees or directions."""

    def __init__(self) -> None:
        self.standing: dict[UUID, tuple[UUID, UUID]] = {}

    def parts(self) -> dict[UUID, frozenset[UUID]]:
        parts = {each: {each} for each in PEOPLE}
        for one, other in self.standing.values():
            united = parts[one] | parts[other]
            parts |= dict.fromkeys(united, united)
        return {each: frozenset(part) for each, part in parts.items()}


def above(states: dict[UUID, Contact], each: UUID) -> list[UUID]:
    """The way up from `each`, which is the first on it."""
    way = [each]
    while (edge := states[way[-1]].merged) is not None:
        way.append(edge.other_id)
    return way


def root_of(states: dict[UUID, Contact], each: UUID) -> UUID:
    return above(states, each)[-1]


def check_refusal(states: dict[UUID, Contact], absorbed: UUID, survivor: UUID, rule: str) -> None:
    assert states[absorbed].merged or states[survivor].merged, "two roots can always be merged"
    if rule == "merge-cycle":
        assert absorbed in above(states, survivor)
    if absorbed == root_of(states, survivor):
        assert rule == "merge-cycle"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 7), st.integers(0, 7)), max_size=40))
def test_the_forest_is_what_the_surviving_links_make(steps: list[tuple[bool, int, int]]) -> None:
    registered = facts(register(Contact(), contact_id=PEOPLE[0], kind="person", type="internal"))[0]
    states, links = dict.fromkeys(PEOPLE, CONTACTS.evolve(Contact(), registered)), Links()
    for number, (merging, one, other) in enumerate(steps, 100):
        absorbed, survivor, merge_id = PEOPLE[one], PEOPLE[other], UUID(int=number)
        if merging and absorbed != survivor:
            try:
                events = merge(
                    states[absorbed], states[survivor], absorbed_id=absorbed, survivor_id=survivor, merge_id=merge_id, survivors_root=root_of(states, survivor)
                )
            except Rejected as refusal:
                check_refusal(states, absorbed, survivor, refusal.rule)
                continue
            links.standing[merge_id] = absorbed, survivor
        elif not merging and links.standing:
            merge_id = sorted(links.standing)[one % len(links.standing)]
            absorbed, survivor = links.standing.pop(merge_id)
            events = reverse(states[absorbed], states[survivor], merge_id=merge_id, absorbed_id=absorbed, survivor_id=survivor)
            assert events[0], "a merge that stands can be taken back, whatever happened since"
        else:
            continue
        for stream, happened in zip((absorbed, survivor), events, strict=True):
            for fact in facts(happened):
                states[stream] = CONTACTS.evolve(states[stream], fact)
    parts = links.parts()
    for each in PEOPLE:
        assert set(connected(each, states)) == parts[each]
        assert {one for one in PEOPLE if root_of(states, one) == root_of(states, each)} == parts[each]
        below = {edge.merge_id: edge.other_id for edge in states[each].absorbed}
        assert below == {edge.merge_id: one for one in PEOPLE if (edge := states[one].merged) and edge.other_id == each}, "a merge is known from both its ends"
        for one in parts[each]:
            joined(each, one, {member: states[member].merged for member in PEOPLE if states[member].merged})
    if not links.standing:
        assert len(set(map(id, states.values()))) == 1 or all(state.merged is None and state.absorbed == () for state in states.values())


def test_who_were_never_merged_have_no_moment_of_joining() -> None:
    with pytest.raises(ValueError, match="not one customer"):
        joined(PEOPLE[0], PEOPLE[1], {})


async def test_the_stored_clusters_are_what_the_surviving_links_make(store: EventStore) -> None:
    random, links = Random(11), Links()
    number = 0

    def command() -> Command:
        nonlocal number
        number += 1
        return Command(UUID(int=1 << 64 | number), b"", "timer")

    for each in PEOPLE:
        await store.handle(CONTACTS, each, command(), lambda contact, _, each=each: register(contact, contact_id=each, kind="person", type="internal"))
    for step in range(80):
        if taking_back := random.random() < 0.4 and bool(links.standing):
            merge_id = random.choice(sorted(links.standing))
            absorbed, survivor = links.standing.pop(merge_id)
        else:
            merge_id, (absorbed, survivor) = UUID(int=1 << 65 | step), random.sample(PEOPLE, 2)
        ids = {"absorbed_id": absorbed, "survivor_id": survivor, "merge_id": merge_id}
        rule = partial(reverse, **ids) if taking_back else partial(merge, **ids, survivors_root=survivor)
        try:
            await store.handle_all(command(), [Target(CONTACTS, absorbed), Target(CONTACTS, survivor)], lambda states, _, rule=rule: rule(*states))
        except Rejected:
            continue
        if not taking_back:
            links.standing[merge_id] = absorbed, survivor
        parts, stored = links.parts(), await clusters(store, PEOPLE)
        assert {each: frozenset(stored[each].members) for each in PEOPLE} == parts
        assert all(len({stored[one].root for one in parts[each]}) == 1 for each in PEOPLE)
