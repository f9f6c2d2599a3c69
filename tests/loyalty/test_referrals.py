"""Does a referral bring a customer, and is it told which is none: invited, registered, refused, and forgotten?"""

import asyncio
import uuid
from collections import Counter
from datetime import timedelta

from crm_events.store.store import EventStore
from crm_loyalty.referring import Keeper, remembered
from loyalty_client import Till, ok
from loyalty_edges import merged
from problem_asserts import problem
from referred import (
    CAME,
    address,
    brought,
    buys,
    club,
    hear,
    household,
    invite,
    invited,
    look,
    noticed,
    person,
    referrer,
    register,
    rewards_of,
    shown,
)


async def test_an_address_is_invited_once_and_the_same_again_is_the_same(till: Till, store: EventStore, second_process: Till) -> None:
    programme = await club(till)
    member, rival = await referrer(till, programme), await referrer(till, programme)
    answers = await asyncio.gather(*(invite(client, member, invitee="0912 345 67 89") for client in (till, second_process) * 4))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 7}
    first = answers[0].json()
    for spelt in ("+98 912 345 6789", "۰۹۱۲۳۴۵۶۷۸۹"):
        assert ok(await invite(till, member, invitee=spelt))["id"] == first["id"]
    assert problem(await invite(till, rival, invitee="00989123456789"), 409, "already-exists")["existing_id"] == first["id"]
    hers = till.by("self", customer=rival["customer_id"])
    assert "existing_id" not in problem(await invite(hers, rival, invitee="09123456789", occurred_at=None), 409, "already-exists"), (
        "a customer is not told whose"
    )
    elsewhere = await referrer(till)
    assert (await invite(till, elsewhere, invitee="09123456789")).status_code == 201, "once a programme"
    twin = person()
    await merged(store, twin, member["customer_id"])
    assert ok(await till.post("/v1/referrals", {"customer_id": twin, "programme": programme, "invitee": "09123456789"}))["id"] == first["id"]
    key, body = uuid.uuid4().hex, {"customer_id": member["customer_id"], "programme": programme, "invitee": address()}
    both = [await till.post("/v1/referrals", body, key=key) for _ in range(2)]
    assert [each.status_code for each in both] == [201, 201] and both[0].json() == both[1].json()


async def test_who_brings_themselves_their_household_or_who_brought_them_brings_nobody(till: Till, store: EventStore) -> None:
    programme = await club(till)
    member = await referrer(till, programme)
    own, twin, flatmate, lodger, suspected = member["customer_id"], person(), person(), person(), person()
    await merged(store, twin, own)
    await household(store, own, flatmate)
    await household(store, lodger, flatmate)
    await hear(store, "contact.match_suggested", suspected, stream=person(), payload=f'{{"other_id":"{twin}","identifiers":["{person()}"]}}'.encode())
    friend = await brought(till, member)
    hers = await referrer(till, programme, friend["other_id"])
    of_hers = await brought(till, hers)
    theirs = await referrer(till, programme, of_hers["other_id"])
    found = [
        (member, own, "self"), (member, twin, "self"), (member, flatmate, "household"), (member, lodger, "household"),
        (member, suspected, "shared_identifier"), (hers, own, "circular"), (theirs, twin, "circular"),
    ]  # fmt: skip
    for inviting, customer, rule in found:
        told = await invited(till, inviting, invitee=address())
        rejected = ok(await register(till, told, customer))
        assert (rejected["state"], rejected["rule"], rejected["other_id"], rejected["rejected_at"]) == ("rejected", rule, customer, CAME), rule
        refused = problem(await register(till, told, person()), 409, "rejected")
        assert (refused["rule"], refused["reason"]) == ("referral-closed", rule)


async def test_what_is_tied_no_longer_does_not_count_and_older_news_change_nothing(till: Till, store: EventStore) -> None:
    member, other = await referrer(till), person()
    own = member["customer_id"]
    relationship = await household(store, own, other)
    await store.pool.execute("update customer_tie set position = 5, tied = false where tie_id = $1", uuid.UUID(relationship))
    again = f'{{"kind":"household","other_id":"{other}"}}'.encode()
    await hear(store, "relationship.linked", own, stream=relationship, payload=again)  # position 1
    match, employer = person(), f'{{"kind":"works_for","other_id":"{other}"}}'.encode()
    await hear(store, "relationship.linked", own, stream=person(), payload=employer)
    await hear(store, "contact.match_suggested", own, stream=match, payload=f'{{"other_id":"{other}","identifiers":[]}}'.encode())
    assert ok(await register(till, await invited(till, member), other))["state"] == "registered"
    tied = await household(store, own, person())
    await store.pool.execute("update customer_tie set position = 0 where tie_id = $1", uuid.UUID(tied))
    await hear(store, "relationship.unlinked", own, stream=tied)
    assert not await store.pool.fetchval("select tied from customer_tie where tie_id = $1", uuid.UUID(tied))


async def test_what_is_learnt_before_the_reward_counts(till: Till, store: EventStore) -> None:
    for learn, rule in (("merge", "self"), ("household", "household"), ("circle", "circular")):
        programme = await club(till)
        member, other = await referrer(till, programme), person()
        referral = await brought(till, member, other)
        await buys(till, other)
        if learn == "merge":
            await merged(store, other, member["customer_id"])
        elif learn == "household":
            await household(store, other, member["customer_id"])
        else:  # both registered at the same moment, neither seeing the other
            back = await invited(till, await referrer(till, programme, other))
            since = "update streams set state = jsonb_set(state, '{columns}', $2::jsonb) where stream_id = $1"
            hidden = f'{{"other": "{uuid.uuid4()}", "programme": "{programme}", "live": true}}'
            shows = await store.pool.fetchval("select state -> 'columns' from streams where stream_id = $1", uuid.UUID(referral["id"]))
            await store.pool.execute(since, uuid.UUID(referral["id"]), hidden)
            circle = ok(await register(till, back, member["customer_id"]))
            assert circle["state"] == "registered"
            await store.pool.execute(since, uuid.UUID(referral["id"]), shows)
        await noticed(store, referral)
        found = await shown(till, referral)
        assert (found["state"], found["rule"]) == ("rejected", rule)
        assert await rewards_of(till, member["customer_id"]) == []


async def test_a_rejected_referral_sets_the_address_and_the_customer_free(till: Till, store: EventStore) -> None:
    programme, mail = await club(till), address()
    member, honest = await referrer(till, programme), await referrer(till, programme)
    referral = await invited(till, member, invitee=mail)
    assert ok(await register(till, referral, member["customer_id"]))["rule"] == "self"
    assert (await invite(till, honest, invitee=mail)).status_code == 201
    other = person()
    late = await brought(till, member, other)
    await household(store, member["customer_id"], other)
    await noticed(store, late)
    assert (await shown(till, late))["rule"] == "household"
    assert ok(await register(till, await invited(till, honest), other))["state"] == "registered"


async def test_a_customer_is_brought_once_and_only_if_new(till: Till, store: EventStore, second_process: Till) -> None:
    programme = await club(till)
    member, rival, other = await referrer(till, programme), await referrer(till, programme), person()
    for _ in range(6):
        newcomer = person()
        both = [await invited(till, each) for each in (member, rival)]
        answers = await asyncio.gather(register(till, both[0], newcomer), register(second_process, both[1], newcomer))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 1}
    for _ in range(4):
        one = await invited(till, member)
        answers = await asyncio.gather(*(register(client, one, person()) for client in (till, second_process) * 2))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 3}
    first = await brought(till, member, other)
    assert ok(await register(till, first, other))["version"] == first["version"], "told twice"
    assert problem(await register(till, await invited(till, rival), other), 409, "rejected")["rule"] == "already-referred"
    await buys(till, old := person(), "2026-05-01T23:00:00Z")
    assert problem(await register(till, await invited(till, member), old), 409, "rejected")["rule"] == "already-customer"
    problem(await register(till, await invited(till, member), person(), occurred_at="2026-04-30T00:00:00Z"), 422, "invalid-request")


async def test_of_two_referrals_of_one_customer_the_first_counts(till: Till, store: EventStore) -> None:
    programme = await club(till)
    member, rival, one, two = await referrer(till, programme), await referrer(till, programme), person(), person()
    second = ok(await register(till, await invited(till, rival), two, occurred_at="2026-05-02T12:00:00Z"))
    first = await brought(till, member, one)
    await buys(till, one)
    await merged(store, two, one)
    await hear(store, "contact.merged", two)
    await asyncio.gather(*(Keeper(store, quiet=timedelta(0)).tick() for _ in range(4)))
    await look(store)
    assert [(await shown(till, each))["state"] for each in (first, second)] == ["rewarded", "rejected"]
    assert (await shown(till, second))["rule"] == "shared_identifier"


async def test_a_customers_own_token_invites_and_registers_for_itself_alone(till: Till) -> None:
    member, other, stranger = await referrer(till), person(), person()
    hers, his = till.by("self", customer=member["customer_id"]), till.by("self", customer=other)
    mail = address()
    problem(await invite(hers, member, invitee=mail), 422, "invalid-request")  # of the past, which is not theirs to tell
    told = ok(await invite(hers, member, invitee=mail, occurred_at=None), 201)
    assert told["invitee"] == mail
    problem(await invite(his, member, occurred_at=None), 404, "not-found")
    problem(await his.get(f"/v1/referrals/{told['id']}"), 404, "not-found")
    problem(await his.get(f"/v1/referrals?customer_id={member['customer_id']}"), 404, "not-found")
    problem(await register(his, told, stranger, occurred_at=None), 404, "not-found")
    problem(await register(his, told, other), 422, "invalid-request")
    came = ok(await register(his, told, other, occurred_at=None))
    assert (came["state"], came["invitee"]) == ("registered", None), "what she wrote is not his to read"
    assert ok(await hers.get(f"/v1/referrals?customer_id={member['customer_id']}"))["items"][0]["state"] == "registered"


async def test_of_who_is_forgotten_no_address_no_hash_and_no_tie_is_left(till: Till, store: EventStore) -> None:
    programme, mail, number = await club(till), address(), "0935 111 22 33"
    member, other = await referrer(till, programme), person()
    his, hers = await invited(till, member, invitee=mail), await invited(till, member, invitee=number)
    ok(await register(till, his, other))
    await household(store, other, person())
    assert await remembered(store.pool, uuid.UUID(other))
    await store.pool.execute("insert into customer_edge (customer_id, position, erased) values ($1, 1, true)", uuid.UUID(other))
    await hear(store, "privacy.erased", other)
    await household(store, person(), other)  # heard late
    assert await remembered(store.pool, uuid.UUID(other)), "the address is not shut yet"
    await look(store)
    assert not await remembered(store.pool, uuid.UUID(other))
    found = await shown(till, his)
    assert (found["invitee"], found["redacted"], found["other_id"]) == (None, ["invitee"], other)
    assert (await shown(till, hers))["invitee"] == number, "she was not forgotten"
    assert await store.holders(f"referral:{programme}", mail) == []
    assert not await store.pool.fetchval("select count(*) from customer_tie where one = $1 or other = $1", uuid.UUID(other))
    problem(await register(till, hers, other), 410, "gone")
    await hear(store, "privacy.erased", member["customer_id"])
    assert await store.holders(f"referral:{programme}", "+989351112233") == [], "nor of whom they invited"
    await store.pool.execute("insert into customer_edge (customer_id, position, erased) values ($1, 1, true)", uuid.UUID(member["customer_id"]))
    problem(await invite(till, member), 410, "gone")
    problem(await register(till, hers, person()), 410, "gone")


async def test_what_is_no_invitation_is_refused(till: Till) -> None:
    member = await referrer(till)
    for wrong in ({"invitee": "مریم"}, {"invitee": "no@"}, {"invitee": ""}, {"programme": ""}, {"channel": "s1.x"}, {"friend": 1}):
        problem(await invite(till, member, **wrong), 422, "invalid-request")
    problem(await invite(till, member, invitee="info@example.org"), 422, "identifier-blocked")
    problem(await register(till, {"id": person()}, person()), 404, "not-found")
    first = await invited(till, member)
    problem(await invite(till, member, id=first["id"]), 409, "already-exists")
    body = {"name": "x"} | {"reward": "r", "amount": -1, "return_days": 3}
    problem(await till.put(f"/v1/programmes/p{uuid.uuid4().hex}", body), 422, "invalid-request")
