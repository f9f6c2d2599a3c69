"""Are the points for a complaint paid out once, to whoever is the customer by then, however often it is heard and whoever pays?"""

import asyncio
import uuid
from typing import Any

from crm_events.language.recovery import RecoveryCompleted, RecoveryKind
from crm_events.store.store import EventStore
from crm_loyalty.recoveries import Payer, owe
from fastapi import FastAPI
from loyalty_client import Till, ok
from telling import START, Teller

_LOTS = "select count(*) from events where stream_id = $1 and type = 'points.adjusted'"


async def completed(store: EventStore, customer: uuid.UUID, points: int = 200, *, kind: RecoveryKind = "points", times: int = 1) -> uuid.UUID:
    recovery = uuid.uuid4()
    about: dict[str, Any] = {"points": points} if kind == "points" else {}
    record = Teller().tell(RecoveryCompleted(recovery_id=recovery, kind=kind, offered_at=START, **about), customer, stream=uuid.uuid4())
    async with store.pool.acquire() as connection:
        for _ in range(times):
            await owe(connection, record)
    return recovery


async def settled(store: EventStore, recovery: uuid.UUID) -> Any:
    return await store.pool.fetchrow("select settled_at is not null as done, member_id from recovery_owed where recovery_id = $1", recovery)


async def test_what_is_heard_twice_and_paid_by_two_at_once_is_one_lot(till: Till, store: EventStore, second_process: Till, app: FastAPI) -> None:
    member = await till.member()
    recovery = await completed(store, uuid.UUID(member["customer_id"]), times=3)
    await asyncio.gather(*(Payer(store).tick() for _ in range(5)))
    points = await till.points(member)
    assert (points["available"], [lot["lot_id"] for lot in points["lots"]]) == (200, [str(recovery)])
    assert await store.pool.fetchval(_LOTS, uuid.UUID(member["id"])) == 1
    assert dict(await settled(store, recovery)) == {"done": True, "member_id": uuid.UUID(member["id"])}
    [entry] = [item for item in (await till.get(f"/v1/members/{member['id']}/points/entries")).json()["items"] if item["type"] == "points.adjusted"]
    assert (entry["reason"], entry["adjustment_id"]) == ("recovery", str(recovery))


async def test_it_is_paid_once_even_if_nobody_remembers_the_payment_but_the_ledger(till: Till, store: EventStore) -> None:
    member = await till.member()
    recovery = await completed(store, uuid.UUID(member["customer_id"]))
    await Payer(store).tick()
    await store.pool.execute("update recovery_owed set settled_at = null, member_id = null where recovery_id = $1", recovery)
    await store.pool.execute("delete from commands")  # kept for thirty days
    assert await Payer(store).tick() == 1
    assert (await till.points(member))["available"] == 200
    assert (await settled(store, recovery))["member_id"] == uuid.UUID(member["id"])


async def test_it_waits_until_the_customer_is_a_member(till: Till, store: EventStore) -> None:
    customer = uuid.uuid4()
    recovery = await completed(store, customer, 70)
    await till.member(customer_id=str(customer), programme=None)  # purchases only: no points
    await Payer(store).tick()
    assert not (await settled(store, recovery))["done"]
    member = await till.member(customer_id=str(customer))
    await Payer(store).tick()
    assert (await till.points(member))["available"] == 70


async def test_it_goes_to_the_customer_whoever_of_the_merged_is_the_member(till: Till, store: EventStore) -> None:
    member, absorbed = await till.member(), uuid.uuid4()
    await store.pool.execute(
        "insert into customer_edge (customer_id, merged_into, position) values ($1, $2, 1)", absorbed, uuid.UUID(member["customer_id"])
    )  # fmt: skip
    await completed(store, absorbed, 30)
    await Payer(store).tick()
    assert (await till.points(member))["available"] == 30


async def test_who_was_forgotten_is_paid_nothing_and_an_apology_owes_nothing(till: Till, store: EventStore) -> None:
    member = await till.member()
    customer = uuid.UUID(member["customer_id"])
    apology = await completed(store, customer, kind="apology")
    assert await settled(store, apology) is None
    recovery = await completed(store, customer)
    await store.pool.execute("insert into customer_edge (customer_id, position, erased) values ($1, 1, true)", customer)
    await Payer(store).tick()
    assert dict(await settled(store, recovery)) == {"done": True, "member_id": None}
    assert await store.pool.fetchval(_LOTS, uuid.UUID(member["id"])) == 0


async def test_one_that_cannot_be_paid_keeps_no_other_waiting(till: Till, store: EventStore) -> None:
    full, well = await till.member(), await till.member()
    await completed(store, uuid.UUID(full["customer_id"]), 2**53 - 1)
    await Payer(store).tick()
    held = await completed(store, uuid.UUID(full["customer_id"]), 2**53 - 1)  # more than can be counted
    await completed(store, uuid.UUID(well["customer_id"]), 40)
    await Payer(store).tick()
    assert ((await till.points(well))["available"], (await settled(store, held))["done"]) == (40, False)
    await store.pool.execute("delete from recovery_owed where recovery_id = $1", held)


async def test_a_closed_account_is_paid_nothing_and_the_next_one_is(till: Till, store: EventStore) -> None:
    member = await till.member()
    ok(await till.post(f"/v1/members/{member['id']}/closure", {"reason": "asked"}))
    recovery = await completed(store, uuid.UUID(member["customer_id"]))
    await Payer(store).tick()
    assert not (await settled(store, recovery))["done"]
    again = await till.member(customer_id=member["customer_id"], programme=member["programme"])
    await Payer(store).tick()
    assert (await till.points(again))["available"] == 200 and (await settled(store, recovery))["done"]
