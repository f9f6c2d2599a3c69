"""Are several merges taken back at once exactly those that were meant, and do the others hold?"""

import asyncio
import random
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from contacts_client import Api, ok, problem
from crm_contacts.contact import Contact, Edge
from crm_contacts.parting import Elsewhere, leaving, made_by, part
from crm_events.store.store import EventStore
from crm_events.store.verify import verify

AT = datetime(2026, 1, 1, tzinfo=UTC)


def forest(chance: random.Random, size: int) -> dict[uuid.UUID, Contact]:
    """Contacts merged at random, as the rows would have them."""
    ids = [uuid.UUID(int=chance.getrandbits(128)) for _ in range(size)]
    merged: dict[uuid.UUID, Edge] = {}
    absorbed: dict[uuid.UUID, list[Edge]] = {each: [] for each in ids}
    for index, one in enumerate(ids[1:], start=1):
        if chance.random() < 0.8:
            above, merge_id = chance.choice(ids[:index]), uuid.UUID(int=chance.getrandbits(128))
            merged[one] = Edge(merge_id, above, AT, chance.choice([None, "phone", "card"]))
            absorbed[above].append(Edge(merge_id, one, AT))
    return {each: Contact(registered_at=AT, merged=merged.get(each), absorbed=tuple(absorbed[each])) for each in ids}


def joined(links: set[tuple[uuid.UUID, uuid.UUID]], ids: list[uuid.UUID]) -> set[frozenset[uuid.UUID]]:
    """Union-find, the long way: who is one customer by these links."""
    sets = {each: frozenset({each}) for each in ids}
    for one, other in links:
        both = sets[one] | sets[other]
        for each in both:
            sets[each] = both
    return set(sets.values())


def after(contacts: dict[uuid.UUID, Contact], events: dict[uuid.UUID, list[Any]]) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """The links that are left, by the absorbed's events and by the survivors', which must agree."""
    ended = {event.merge_id for told in events.values() for event in told if event.type == "contact.unmerged"}
    released = {event.merge_id for told in events.values() for event in told if event.type == "contact.released"}
    assert ended == released
    return {(one, edge.other_id) for one, contact in contacts.items() if (edge := contact.merged) and edge.merge_id not in ended}


@pytest.mark.parametrize("seed", range(60))
def test_who_leaves_together_stays_together_and_so_do_those_who_are_left(seed: int) -> None:
    chance = random.Random(seed)
    contacts = forest(chance, chance.randrange(2, 14))
    ids, links = list(contacts), {(one, edge.other_id) for one, contact in contacts.items() if (edge := contact.merged)}
    leavers = set(chance.sample(ids, chance.randrange(1, len(ids) + 1)))
    wanted = {link for link in links if (link[0] in leavers) == (link[1] in leavers)}
    pairs = leaving(contacts, leavers)
    left = after(contacts, part(contacts, pairs, reason=None)) if pairs else links
    assert left == wanted and joined(left, ids) == joined(wanted, ids)
    assert all(not (customer & leavers and customer - leavers) for customer in joined(left, ids)), "nobody is one customer with somebody who left"


@pytest.mark.parametrize("seed", range(20))
def test_all_that_a_rule_made_are_parted_and_nothing_else(seed: int) -> None:
    contacts = forest(random.Random(seed), 12)
    pairs = made_by(contacts, "phone", None)
    left = after(contacts, part(contacts, pairs, reason=None)) if pairs else None
    expected = {(one, edge.other_id) for one, contact in contacts.items() if (edge := contact.merged) and edge.rule != "phone"}
    assert left in (None, expected)


def test_a_merge_that_is_not_whole_in_what_was_loaded_is_looked_for_again() -> None:
    contacts = forest(random.Random(1), 6)
    pairs = leaving(contacts, list(contacts)[:1])
    with pytest.raises(Elsewhere):
        part({one: contact for one, contact in contacts.items() if one != pairs[0][0]}, pairs, reason=None)


# -- over HTTP


async def people(api: Api, count: int) -> list[str]:
    return [(await api.person(name=f"عضو {number}"))["id"] for number in range(count)]


async def join(api: Api, survivor: str, absorbed: str, **more: str) -> str:
    return str(ok(await api.post("/v1/merges", {"survivor_id": survivor, "absorbed_id": absorbed} | more), 201)["id"])


async def test_some_leave_in_one_request_and_the_answer_is_how_it_stands(api: Api, store: EventStore) -> None:
    one, two, three, four = await people(api, 4)
    kept, first, second = await join(api, one, two), await join(api, three, four), await join(api, one, three)
    body = {"contact_ids": [three, four], "reason": "دو خواهرند"}
    told = await api.post("/v1/merges/reversals", body, key="part-1")
    answer = ok(told)
    assert [(each["id"], each["absorbed_id"], each["reason"]) for each in answer["reversed"]] == [(second, three, None)] and not answer["more"]
    assert sorted((each["canonical_id"], sorted(each["member_ids"])) for each in answer["clusters"]) == sorted(
        [(one, sorted([one, two])), (three, sorted([three, four]))]
    )
    again = await api.post("/v1/merges/reversals", body, key="part-1")
    assert again.headers["Idempotency-Replayed"] == "true" and again.json()["reversed"] == answer["reversed"]
    assert problem(await api.post("/v1/merges/reversals", body), 409, "rejected")["rule"] == "nothing-to-reverse"
    for merge_id in (kept, first):
        assert ok(await api.get(f"/v1/merges/{merge_id}"))["reversed_at"] is None
    assert ok(await api.get(f"/v1/merges/{second}"))["reversed_at"] is not None
    answer = ok(await api.post("/v1/merges/reversals", {"contact_ids": [one]}))
    assert [each["id"] for each in answer["reversed"]] == [kept], "the survivor leaves as well as anybody"
    assert (await verify(store)).differences == []


async def test_what_a_version_of_a_rule_joined_is_parted_and_what_people_joined_stays(api: Api) -> None:
    rule = f"card-{uuid.uuid4().hex[:8]}"
    one, two, three, four = await people(api, 4)
    by_hand = await join(api, one, two)
    old, new = await join(api, one, three, rule=rule, rule_version="1"), await join(api, one, four, rule=rule, rule_version="2")
    shown = ok(await api.get(f"/v1/merges/{new}"))
    assert (shown["cause"], shown["rule"], shown["rule_version"]) == ("rule", rule, "2")
    answer = ok(await api.post("/v1/merges/reversals", {"rule": rule, "rule_version": "2"}))
    assert [each["id"] for each in answer["reversed"]] == [new]
    answer = ok(await api.post("/v1/merges/reversals", {"rule": rule}))
    assert [each["id"] for each in answer["reversed"]] == [old]
    assert ok(await api.get(f"/v1/merges/{by_hand}"))["reversed_at"] is None
    assert problem(await api.post("/v1/merges/reversals", {"rule": rule}), 409, "rejected")["rule"] == "nothing-to-reverse"


async def test_more_than_one_request_takes_are_taken_in_several(api: Api) -> None:
    rule = f"card-{uuid.uuid4().hex[:8]}"
    everybody = await people(api, 52)
    await asyncio.gather(*(join(api, one, other, rule=rule) for one, other in zip(everybody[0::2], everybody[1::2], strict=True)))
    more = await people(api, 52)
    await asyncio.gather(*(join(api, one, other, rule=rule) for one, other in zip(more[0::2], more[1::2], strict=True)))
    first = ok(await api.post("/v1/merges/reversals", {"rule": rule}))
    last = ok(await api.post("/v1/merges/reversals", {"rule": rule}))
    assert ([len(each["reversed"]) for each in (first, last)], first["more"], last["more"]) == ([50, 2], True, False)


async def test_two_at_once_and_a_merge_beside_them_leave_one_truth(api: Api, store: EventStore) -> None:
    for _ in range(10):
        one, two, three, new = await people(api, 4)
        merges = [await join(api, one, two), await join(api, one, three)]
        answers = await asyncio.gather(
            api.post("/v1/merges/reversals", {"contact_ids": [one]}),
            api.post("/v1/merges/reversals", {"contact_ids": [two, three]}),
            api.post("/v1/merges", {"survivor_id": one, "absorbed_id": new}),
        )
        assert all(answer.status_code in (200, 201, 409) for answer in answers), [answer.text for answer in answers]
        ended = [each["id"] for answer in answers[:2] if answer.status_code == 200 for each in answer.json()["reversed"]]
        assert sorted(each for each in ended if each in merges) == sorted(merges), "each taken back once"
    assert (await verify(store)).differences == []


async def test_what_makes_no_sense_is_refused(api: Api) -> None:
    [one] = await people(api, 1)
    for body in ({}, {"contact_ids": []}, {"contact_ids": [one], "rule": "x"}, {"rule_version": "1"}, {"contact_ids": [one], "rule_version": "1"}):
        problem(await api.post("/v1/merges/reversals", body), 422, "invalid-request")
    problem(await api.post("/v1/merges/reversals", {"contact_ids": [one, str(uuid.uuid4())]}), 404, "not-found")
    problem(await api.post("/v1/merges", {"survivor_id": one, "absorbed_id": str(uuid.uuid4()), "rule_version": "1"}), 422, "invalid-request")
    assert problem(await api.post("/v1/merges/reversals", {"contact_ids": [one]}), 409, "rejected")["rule"] == "nothing-to-reverse"
