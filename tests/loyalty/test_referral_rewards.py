"""Is who brings a customer rewarded once, when what was bought was kept, and never else?"""

import asyncio
import random
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from crm_events.language.referral import ReferralRewarded
from crm_events.refusals import Rejected
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_events.testing import given
from crm_loyalty.referral import Referral, reward, reward_id
from crm_loyalty.referring import Keeper
from crm_loyalty.transaction import TRANSACTIONS, Transaction, record_sale
from loyalty_client import Till, ok
from loyalty_words import Story, named, published
from loyalty_words import sale as sale_of
from problem_asserts import problem
from referred import (
    BOUGHT,
    CAME,
    INVITED,
    address,
    brings_back,
    brought,
    buys,
    hear,
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


async def test_who_was_brought_buys_and_keeps_it_and_then_there_is_one_reward(till: Till, store: EventStore) -> None:
    member, other, mail = await referrer(till), person(), address()
    told = await invited(till, member, invitee=mail, channel="sms")
    assert (told["state"], told["invitee"], told["channel"], told["occurred_at"]) == ("invited", mail, "sms", INVITED)
    came = ok(await register(till, told, other))
    assert (came["state"], came["other_id"], came["registered_at"]) == ("registered", other, CAME)
    await noticed(store, came)
    assert (await shown(till, came))["state"] == "registered", "nothing was bought yet"
    sale = await buys(till, other)
    await hear(store, "transaction.recorded", other)
    await look(store)
    done = await shown(till, came)
    assert (done["state"], done["transaction_id"], done["converted_at"]) == ("rewarded", sale["id"], BOUGHT)
    [reward] = await rewards_of(till, member["customer_id"])
    assert (reward["id"], reward["kind"], reward["cost"]) == (done["reward_id"], "قوری", {"amount": 250, "currency": "EUR"})
    await noticed(store, done)
    assert len(await rewards_of(till, member["customer_id"])) == 1
    assert ok(await till.get(f"/v1/referrals?customer_id={member['customer_id']}"))["items"] == [done]
    assert (await verify(store)).whole


async def test_what_is_brought_back_in_time_is_no_conversion_and_the_next_purchase_is(till: Till, store: EventStore) -> None:
    referral = await brought(till)
    other, own = referral["other_id"], referral["customer_id"]
    now = datetime.now(UTC)
    sale = await buys(till, other, now.isoformat())
    await noticed(store, referral)
    assert ((await shown(till, referral))["state"], await rewards_of(till, own)) == ("converted", []), "it may still be brought back"
    due = await store.pool.fetchval("select look_at from referral_watch where referral_id = $1", uuid.UUID(referral["id"]))
    assert abs(due - now - timedelta(days=14)) < timedelta(seconds=1)
    await brings_back(till, sale, now.isoformat())
    await hear(store, "return.recorded", other)
    await look(store)
    assert (await shown(till, referral))["transaction_id"] == sale["id"], "nothing else was bought"
    kept = await buys(till, other, "2026-05-20T00:00:00Z")
    await brings_back(till, kept, "2026-06-03T00:00:00Z")  # the window has closed at this moment
    await hear(store, "transaction.recorded", other)
    await look(store)
    done = await shown(till, referral)
    assert (done["state"], done["transaction_id"], done["converted_at"]) == ("rewarded", kept["id"], "2026-05-20T00:00:00.000Z")
    assert [each["id"] for each in await rewards_of(till, own)] == [done["reward_id"]]


async def test_a_purchase_told_late_waits_for_its_return_to_be_told(till: Till, store: EventStore) -> None:
    referral = await brought(till)
    await buys(till, referral["other_id"])
    await hear(store, "referral.registered", referral["customer_id"], stream=referral["id"])
    await Keeper(store).tick()
    assert (await shown(till, referral))["state"] == "converted"
    wait = await store.pool.fetchval("select look_at - clock_timestamp() from referral_watch where referral_id = $1", uuid.UUID(referral["id"]))
    assert timedelta(minutes=14) < wait <= timedelta(minutes=15)


async def test_who_takes_no_part_is_rewarded_later_and_invites_nobody(till: Till, store: EventStore) -> None:
    member = await referrer(till)
    referral = await brought(till, member)
    ok(await till.post(f"/v1/members/{member['id']}/suspension", {"reason": "fraud_check"}))
    assert problem(await invite(till, member), 409, "rejected")["rule"] == "not-a-member"
    await buys(till, referral["other_id"])
    await noticed(store, referral)
    assert await rewards_of(till, member["customer_id"]) == []
    ok(await till.post(f"/v1/members/{member['id']}/resumption", {"reason": "cleared"}))
    await noticed(store, referral)
    assert len(await rewards_of(till, member["customer_id"])) == 1
    plain = await till.member()
    assert problem(await invite(till, plain), 409, "rejected")["rule"] == "no-referrals"
    assert problem(await invite(till, plain, programme="nowhere"), 409, "rejected")["rule"] == "no-referrals"


async def test_many_keepers_and_a_return_at_the_same_moment_never_reward_twice_nor_what_came_back(till: Till, store: EventStore, app: Any) -> None:
    for _ in range(8):
        referral = await brought(till)
        sale = await buys(till, referral["other_id"])
        await hear(store, "referral.registered", referral["customer_id"], stream=referral["id"])
        await asyncio.gather(*(Keeper(store, quiet=timedelta(0)).tick() for _ in range(3)), brings_back(till, sale, "2026-05-04T00:00:00Z"))
        await hear(store, "return.recorded", referral["other_id"])
        await look(store)
        found, given = await shown(till, referral), await rewards_of(till, referral["customer_id"])
        told = [row["type"] for row in await store.pool.fetch("select type from events where stream_id = $1", uuid.UUID(referral["id"]))]
        assert (found["state"], len(given)) in (("rewarded", 1), ("converted", 0), ("registered", 0))
        assert told.count("referral.rewarded") == len(given)
        if given:  # then the return was recorded after it
            places = "select position from events where stream_id = $1 and type = $2"
            back = await store.pool.fetchval(places, uuid.UUID(sale["id"]), "return.recorded")
            assert await store.pool.fetchval(places, uuid.UUID(referral["id"]), "referral.rewarded") < back


def test_what_changed_since_it_was_looked_at_is_looked_at_again() -> None:
    at, ids = datetime(2026, 6, 1, tzinfo=UTC), [uuid.uuid4() for _ in range(3)]
    sale = given(
        TRANSACTIONS, *record_sale(Story(published()).member, Transaction(), sale=sale_of("A-1", currency="EUR"), programme=None, at=at)[1], at=at
    ).state
    bought = Referral(programme="club", other_id=ids[1], registered_at=at, transaction_id=named("A-1"), converted_at=at)
    told = {"referral_id": ids[0], "return_days": 14}
    [rewarded] = reward(bought, sale, **told, at=at + timedelta(days=14))
    assert rewarded == ReferralRewarded(
        referral_id=ids[0], programme="club", other_id=ids[1], transaction_id=named("A-1"), reward_id=reward_id(ids[0])
    )  # fmt: skip
    back = replace(sale, back_at=at + timedelta(days=13))
    moved = [replace(bought, rewarded_at=at), replace(bought, rejected_at=at), replace(bought, transaction_id=ids[2]), replace(bought, converted_at=None)]
    for referral, purchase, days in [*((each, sale, 14) for each in moved), (bought, back, 14), (bought, sale, 13), (bought, Transaction(), 14)]:
        with pytest.raises(Rejected):
            reward(referral, purchase, **told, at=at + timedelta(days=days))


async def test_rewards_are_those_of_a_simulation_day_by_day(till: Till, store: EventStore) -> None:
    """Purchases and returns of many, told in any order; a calendar walked day by day says who is to be rewarded, and for what."""
    luck, member, days = random.Random(44), await referrer(till), 14
    start = datetime(2026, 5, 2, tzinfo=UTC)
    expected: dict[str, str | None] = {}
    for _ in range(18):
        referral = await brought(till, member)
        sold, back = {}, {}
        for number in luck.sample(range(40), k=luck.randint(0, 4)):  # in the order in which they are told
            sale = await buys(till, referral["other_id"], (start + timedelta(days=number)).isoformat())
            sold[number] = sale["id"]
            if luck.random() < 0.6:
                back[number] = number + luck.choice([0, 1, days - 1, days, days + 3])
                await brings_back(till, sale, (start + timedelta(days=back[number])).isoformat())
        await hear(store, "referral.registered", referral["customer_id"], stream=referral["id"])
        expected[referral["id"]] = None
        for day in range(60):
            if day in sold and not any(day <= today < day + days for today in range(60) if back.get(day) == today):
                expected[referral["id"]] = sold[day]
                break
    await look(store)
    found = {each: await shown(till, {"id": each}) for each in expected}
    assert {each: item["transaction_id"] if item["state"] == "rewarded" else None for each, item in found.items()} == expected
    assert len({*expected.values()}) > 5
    given = [each["id"] for each in await rewards_of(till, member["customer_id"])]
    assert Counter(given) == Counter(item["reward_id"] for item in found.values() if item["reward_id"])
