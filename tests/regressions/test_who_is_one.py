"""T4: of several match rules every one is asked, and in whatever order they come, who is one customer is what the surviving links make.
T11: an address that another contact has leads to a merge of the two."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import combinations
from random import Random
from uuid import UUID

from crm_contacts.contact import Contact, Identifier, Parted
from crm_contacts.match_rules import MatchRule, Person
from crm_contacts.matching import settle
from front_end import Client
from hypothesis import given, settings
from hypothesis import strategies as st

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("social", "device", "loyalty_card")
RULES = tuple(MatchRule(f"{kind}-verified", "1", score=90, limit=3, merges=True, priority=n, kind=kind, verified=True) for n, kind in enumerate(KINDS))
RULES += tuple(MatchRule(kind, "1", score=40, limit=4, kind=kind) for kind in KINDS)


@st.composite
def crowds(draw: st.DrawFn) -> list[Person]:
    """Up to eight contacts, some of them one customer already, who share few values, some shown to be theirs."""
    count = draw(st.integers(2, 8))
    root = [draw(st.integers(0, n)) if n else 0 for n in range(count)]
    root = [each if root[each] == each else n for n, each in enumerate(root)]  # roots are their own
    people = []
    for number in range(count):
        held = draw(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.booleans()), max_size=4, unique_by=lambda each: each[:2]))
        known = tuple(
            Identifier(UUID(int=number << 16 | n), kind, None, f"v{value}", f"v{value}", LONG_AGO, verified)
            for n, (kind, value, verified) in enumerate(held, 1)
        )
        parted = (Parted(UUID(int=1), None, None),) if number > 1 and root[number] != root[0] and draw(st.integers(0, 9)) == 0 else ()
        kind, born = draw(st.sampled_from(["person"] * 5 + ["organisation"])), draw(st.sampled_from([None] * 4 + ["1990-01-01", "1991-02-02"]))
        contact = Contact(LONG_AGO, kind, identifiers=known, birthday=born, parted=parted)
        people.append(Person(UUID(int=number + 1), UUID(int=root[number] + 1), LONG_AGO + timedelta(hours=draw(st.integers(0, 3))), contact))
    return people


def clusters_by_force(people: list[Person]) -> set[frozenset[UUID]]:
    """Each link tried, and the weakest of those that hang together with a contradiction struck out, until none is left: a union-find over the rest."""
    has: dict[tuple[str, str], int] = {}
    for each in people:
        for item in each.contact.identifiers:
            has[item.kind, str(item.normalised)] = has.get((item.kind, str(item.normalised)), 0) + 1
    said = {
        (one.id, other.id, rule.priority)
        for one, other in combinations(people, 2)
        for rule in RULES
        if rule.merges and any(
            a.kind == b.kind == rule.kind and a.normalised == b.normalised and a.verified and b.verified and has[a.kind, str(a.normalised)] <= rule.limit
            for a in one.contact.identifiers for b in other.contact.identifiers
        ) and one.root != other.root
    }  # fmt: skip
    while True:
        together = _union(people, {(one, other) for one, other, _ in said})
        wrong = [group for group in together if any(_differ(a, b) for a, b in combinations([each for each in people if each.id in group], 2))]
        if not wrong:
            return together
        for group in wrong:
            inside = {link for link in said if link[0] in group}
            weakest = min(link[2] for link in inside)
            said -= {link for link in inside if link[2] == weakest}


def _union(people: list[Person], pairs: set[tuple[UUID, UUID]]) -> set[frozenset[UUID]]:
    groups = [{each.id} for each in people]
    for one, other in [*pairs, *((each.id, each.root) for each in people)]:
        mine, theirs = (next(group for group in groups if each in group) for each in (one, other))
        if mine is not theirs:
            groups.remove(theirs)
            mine |= theirs
    return {frozenset(group) for group in groups}


def _differ(one: Person, other: Person) -> bool:
    mine, theirs = one.contact, other.contact
    born = {mine.birthday, theirs.birthday} - {None}
    parted = any(each.other_id in (other.id, other.root) for each in mine.parted) or any(each.other_id in (one.id, one.root) for each in theirs.parted)
    return one.root != other.root and (mine.kind != theirs.kind or len(born) == 2 or parted)


@settings(max_examples=400)
@given(people=crowds(), shuffled=st.randoms(use_true_random=False))
def test_t04_every_rule_is_asked_and_the_order_changes_nothing(people: list[Person], shuffled: Random) -> None:
    settled = settle(people, RULES)
    joined = {(joining.survivor, joining.absorbed) for joining in settled.joinings}
    assert _union(people, joined) == clusters_by_force(people)
    assert len({absorbed for _, absorbed in joined}) == len(joined), "nobody is absorbed twice"
    by_id = {each.id: each for each in people}
    assert all(by_id[each].root == each for pair in joined for each in pair), "only roots are merged"
    together = {each: group for group in _union(people, joined) for each in group}
    assert all(together[link.one.id] != together[link.other.id] for link in settled.suggestions)
    others, rules = list(people), list(RULES)
    shuffled.shuffle(others)
    shuffled.shuffle(rules)
    assert settle(others, rules) == settled


def test_t11_an_address_that_another_has_names_them_and_where_the_two_are_merged(stack: dict[str, str]) -> None:
    client = Client(stack)
    local = uuid.uuid4().hex
    holder = client.post("contacts", "/v1/contacts", {"kind": "person", "identifiers": [{"kind": "email", "value": f"{local}@example.org"}]}).json()["id"]
    newcomer = client.post("contacts", "/v1/contacts", {"kind": "person", "name": "مهمان"}).json()["id"]
    refused = client.send("contacts", "POST", f"/v1/contacts/{newcomer}/identifiers", {"kind": "email", "value": f"{local.upper()}@Example.org"})
    told = refused.json()
    assert (refused.status_code, told["type"]) == (409, "/problems/identifier-taken")
    assert (told["conflicting_contact_id"], told["merge"]) == (holder, "/v1/merges")
    merged = client.post("contacts", told["merge"], {"survivor_id": told["conflicting_contact_id"], "absorbed_id": newcomer}).json()
    assert (merged["survivor_id"], merged["absorbed_id"]) == (holder, newcomer)
    assert client.get("contacts", f"/v1/contacts/{newcomer}")["id"] == holder
    client.close()
