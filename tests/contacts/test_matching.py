"""Who is somebody known already: joined by rule where it is certain, else put before somebody, once?"""

import asyncio
import uuid
from typing import Any

from contacts_client import Api, digits, ok, problem, word
from crm_contacts.likely import HUB
from crm_contacts.matcher import Matcher
from crm_contacts.matching import Settled
from crm_events.refusals import KeptMoving
from crm_events.store.store import EventStore
from crm_events.store.verify import verify


def handle() -> dict[str, str]:
    return {"kind": "social", "system": "telegram", "value": f"@{uuid.uuid4().hex}"}


async def person(api: Api, *identifiers: dict[str, str], verified: bool = True, **fields: Any) -> str:
    made = await api.person(name=fields.pop("name", word()), identifiers=list(identifiers), **fields)
    for each in made["identifiers"] if verified else []:
        ok(await api.put(f"/v1/contacts/{made['id']}/identifiers/{each['id']}/verification", {}))
    return str(made["id"])


async def looked(store: EventStore) -> None:
    """All that was told is looked at, as the leader does it."""
    while await Matcher(store).tick():
        pass


async def queue(api: Api, customer: str, state: str = "open") -> list[dict[str, Any]]:
    return list(ok(await api.get(f"/v1/matches?state={state}&customer_id={customer}"))["items"])


async def test_who_has_shown_one_handle_to_be_theirs_is_one_customer_and_the_record_says_by_which_rule(api: Api, store: EventStore) -> None:
    account = handle()
    first, second, third = [await person(api, account) for _ in range(3)]
    await looked(store)
    shown = await api.contact(third)
    assert (shown["canonical_id"], set(shown["merged_ids"])) == (first, {second, third})
    rows = await store.pool.fetch(
        "select type, payload::json ->> 'rule' rule, payload::json ->> 'cause' cause from events where stream_id = $1", uuid.UUID(third)
    )
    assert [(row["rule"], row["cause"]) for row in rows if row["type"] == "contact.merged"] == [("social", "rule")]
    assert await queue(api, first) == []
    before = [row["position"] for row in await store.pool.fetch("select position from matched")]
    await Matcher(store).consider(uuid.UUID(second))
    assert [row["position"] for row in await store.pool.fetch("select position from matched")] == before
    assert (await api.contact(first))["version"] == shown["version"], "looked at twice, nothing is new"
    assert (await verify(store)).whole


async def test_what_is_not_shown_to_be_theirs_joins_nobody(api: Api, store: EventStore) -> None:
    account = handle()
    first = await person(api, account)
    second = await person(api, account, verified=False)
    await looked(store)
    assert (await api.contact(second))["canonical_id"] == second
    [pair] = await queue(api, second)
    assert (pair["customer_id"], pair["other_id"], pair["state"]) == (first, second, "open")
    assert [(each["rule"], each["score"], len(each["identifiers"])) for each in pair["suggestions"]] == [("social-unverified", 60, 2)]
    assert await queue(api, first) == [pair]


async def test_contacts_that_disagree_are_put_before_somebody(api: Api, store: EventStore) -> None:
    account = handle()
    born = {"birthday": "1990-01-01"}, {"birthday": "1991-01-01"}
    first, second = [await person(api, account) for _ in born]
    for contact, told in zip((first, second), born, strict=True):
        ok(await api.patch(f"/v1/contacts/{contact}", told))
    await looked(store)
    assert (await api.contact(second))["canonical_id"] == second
    assert [each["suggestions"][0]["rule"] for each in await queue(api, first)] == ["social"]


async def test_a_rejected_pair_is_not_suggested_again_and_a_merged_one_leaves_the_queue(api: Api, store: EventStore) -> None:
    tablet = {"kind": "device", "value": uuid.uuid4().hex}
    mother, child, friend = [await person(api, tablet) for _ in range(3)]
    await looked(store)
    pairs = {frozenset((each["customer_id"], each["other_id"])): each["id"] for each in await queue(api, mother) + await queue(api, child)}
    assert set(pairs) == {frozenset(each) for each in ((mother, child), (mother, friend), (child, friend))}
    path = f"/v1/matches/{pairs[frozenset((mother, child))]}"
    rejected = ok(await api.post(f"{path}/rejection", {}))
    assert (rejected["state"], [each["rejected"] for each in rejected["suggestions"]]) == ("rejected", [True])
    assert ok(await api.post(f"{path}/rejection", {}))["version"] == rejected["version"], "said twice it is nothing new"
    await Matcher(store).consider(uuid.UUID(child))
    assert ok(await api.get(path))["state"] == "rejected"
    assert [each["id"] for each in await queue(api, mother, "rejected")] == [rejected["id"]]
    ok(await api.merge(mother, friend), 201)
    merged = f"/v1/matches/{pairs[frozenset((mother, friend))]}"
    assert pairs[frozenset((mother, friend))] not in [each["id"] for each in await queue(api, mother)]
    assert ok(await api.get(merged))["state"] == "merged"
    assert problem(await api.post(f"{merged}/rejection", {}), 409, "rejected")["rule"] == "already-merged"


async def test_a_merge_by_rule_that_was_taken_back_is_not_made_again(api: Api, store: EventStore) -> None:
    account = handle()
    first, second = [await person(api, account) for _ in range(2)]
    await looked(store)
    [merge_id] = [str(each["merge_id"]) for each in await store.pool.fetch(
        "select (payload::json ->> 'merge_id') merge_id from events where stream_id = $1 and type = 'contact.merged'", uuid.UUID(second))]  # fmt: skip
    ok(await api.post(f"/v1/merges/{merge_id}/reversal", {"reason": "دو نفرند"}))
    await Matcher(store).consider(uuid.UUID(second))
    assert (await api.contact(second))["canonical_id"] == second
    assert [each["suggestions"][0]["rule"] for each in await queue(api, first)] == ["social-unverified"], "only the rule that was wrong is silent"


async def test_almost_the_same_name_on_the_same_birthday_is_suggested_never_joined(api: Api, store: EventStore) -> None:
    name, day = f"{word()} {word()}", f"19{digits(2)}-03-21"
    first, second, namesake = await person(api, name=name), await person(api, name=name + "ی"), await person(api, name=name)
    for contact, born in ((first, day), (second, day), (namesake, "2001-01-01")):
        ok(await api.patch(f"/v1/contacts/{contact}", {"birthday": born}))
    await looked(store)
    assert [(each["other_id"], each["suggestions"][0]["rule"]) for each in await queue(api, first)] == [(second, "name-and-birthday")]
    assert (await api.contact(second))["canonical_id"] == second
    assert await queue(api, namesake) == []


async def test_what_everybody_shares_shows_nothing(api: Api, store: EventStore) -> None:
    tablet = {"kind": "device", "value": uuid.uuid4().hex}
    people = [await person(api, tablet, verified=False) for _ in range(HUB + 1)]
    await Matcher(store).consider(uuid.UUID(people[-1]))
    assert await queue(api, people[-1]) == []
    assert await api.found(identifier=tablet) == [], "nor is anybody found by it"


async def test_somebody_may_suggest_a_pair_and_the_same_two_at_once_are_one_match(api: Api) -> None:
    first, second = [(await api.person(occurred_at=f"2026-01-0{day}T00:00:00Z"))["id"] for day in (1, 2)]
    answers = await asyncio.gather(*(api.post("/v1/matches", {"contact_id": one, "other_id": other}) for one, other in ((second, first), (first, second)) * 3))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert [(each["customer_id"], each["version"]) for each in await queue(api, second)] == [(first, 1)]
    problem(await api.post("/v1/matches", {"contact_id": first, "other_id": str(uuid.uuid4())}), 422, "invalid-request")
    assert problem(await api.post("/v1/matches", {"contact_id": first, "other_id": first}), 409, "rejected")["rule"] == "already-merged"
    problem(await api.by("contacts:write").get("/v1/matches"), 403, "forbidden")
    ok(await api.post("/v1/privacy/erasures", {"customer_id": first}), 201)
    assert await queue(api, second) == []
    problem(await api.post("/v1/matches", {"contact_id": first, "other_id": second}), 422, "invalid-request")


async def test_who_asked_to_be_forgotten_is_matched_with_nobody(api: Api, store: EventStore) -> None:
    account = handle()
    first, second = [await person(api, account) for _ in range(2)]
    ok(await api.post("/v1/privacy/erasures", {"customer_id": first}), 201)
    await looked(store)
    assert (await api.contact(second))["canonical_id"] == second
    assert await api.found(identifier=account) == [second]


async def test_whose_data_is_not_to_be_used_is_matched_with_nobody_until_it_may_be(api: Api, store: EventStore) -> None:
    account = handle()
    first = await person(api, account)
    ok(await api.post("/v1/privacy/restrictions", {"customer_id": first, "restricted": True}), 201)
    second = await person(api, account)
    await looked(store)
    assert (await api.contact(second))["canonical_id"] == second and not await queue(api, second)
    ok(await api.post("/v1/privacy/restrictions", {"customer_id": first, "restricted": False}))
    await looked(store)
    assert (await api.contact(second))["canonical_id"] == first


async def test_matchers_at_once_join_once(api: Api, store: EventStore) -> None:
    account = handle()
    people = [await person(api, account) for _ in range(4)]
    ended = await asyncio.gather(*(Matcher(store).consider(uuid.UUID(each)) for each in people * 2), return_exceptions=True)
    assert {type(each) for each in ended} <= {Settled, KeptMoving}
    assert not (await Matcher(store).consider(uuid.UUID(people[0]))).joinings
    rows = await store.pool.fetch(
        "select stream_id, type from events where stream_id = any($1::uuid[]) and type in ('contact.merged', 'contact.absorbed')", people
    )
    assert sorted((str(row["stream_id"]), row["type"]) for row in rows) == sorted(
        [(each, "contact.merged") for each in people[1:]] + [(people[0], "contact.absorbed")] * 3
    )


async def test_pages_of_the_queue_lead_through_all_of_it(api: Api) -> None:
    customer, others = (await api.person())["id"], [(await api.person())["id"] for _ in range(5)]
    for day, other in enumerate(others, 1):
        ok(await api.post("/v1/matches", {"contact_id": customer, "other_id": other, "occurred_at": f"2026-01-0{day}T00:00:00Z"}), 201)
    ok(await api.merge(customer, others[3]), 201)
    found, path = [], f"/v1/matches?customer_id={customer}&limit=2"
    answer = ok(await api.get(path))
    while True:
        found += [each["other_id"] for each in answer["items"]]
        if answer["next"] is None:
            break
        answer = ok(await api.get(f"{path}&cursor={answer['next']}"))
    assert found == [others[n] for n in (4, 2, 1, 0)]
    problem(await api.get("/v1/matches?state=lost"), 422, "invalid-request")
