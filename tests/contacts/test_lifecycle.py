"""Does the relation go further with what is bought, and back with silence: once, at the right moment, over all ids of one customer?"""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import orjson
import pytest
from contacts_client import Api, ok
from crm_contacts.contact import Contact, Restriction
from crm_contacts.lifecycle import AFTER_PURCHASE, BOUGHT, FALLING_SILENT, Known, Lapser, bought, known_of, purchases, silent
from crm_events.consuming.record import Record
from crm_events.store.store import EventStore

DAY = timedelta(days=1)
SPRING = datetime(2024, 3, 20, 8, tzinfo=UTC)
SOMEBODY = Contact(SPRING, "person")
STAGES = (None, "suspect", "prospect", "first_time", "repeat", "loyal", "advocate", "dormant", "lost", "won_back")
NEXT = {**dict.fromkeys(STAGES), **AFTER_PURCHASE}


@pytest.mark.parametrize(("stage", "days"), [*product(STAGES, (-1, 0, 1))])
def test_a_purchase_in_every_stage_before_and_after_it_began(stage: str | None, days: int) -> None:
    known = Known(stage, SPRING if stage else None)
    events = bought(SOMEBODY, known=known, at=SPRING + days * DAY, event_id=uuid.UUID(int=1))
    if NEXT[stage] is None or (stage not in (None, "first_time") and days < 0):
        assert events == []
        return
    (told,) = events
    assert (told.event.stage, told.event.cause, told.event.previous_stage, told.event.cause_event_id) == (NEXT[stage], "purchase", stage, uuid.UUID(int=1))
    assert told.occurred_at == (SPRING + max(days, 0) * DAY if stage else SPRING + days * DAY)


@pytest.mark.parametrize("stage", STAGES)
def test_silence_in_every_stage(stage: str | None) -> None:
    def after(last: int) -> Any:
        return silent(SOMEBODY, known=Known(stage, SPRING if stage else None), last=SPRING + last * DAY, dormant=180 * DAY, lost=365 * DAY)

    if stage in FALLING_SILENT:
        assert after(0) == ("dormant", SPRING + 180 * DAY) == after(-90), "a stage told since the last purchase counts from then"
        assert after(30) == ("dormant", SPRING + 210 * DAY)
    elif stage == "dormant":
        assert after(-180) == ("lost", SPRING + 185 * DAY)
        assert after(-900) == ("lost", SPRING), "not before they were dormant"
    else:
        assert after(0) is None


def test_what_is_kept_and_not_used_says_nothing_of_the_relation() -> None:
    held = Contact(SPRING, "person", restriction=Restriction(uuid.UUID(int=1), uuid.UUID(int=2), SPRING, True))
    assert bought(held, known=Known(), at=SPRING, event_id=uuid.UUID(int=1)) == []
    assert silent(held, known=Known("repeat", SPRING), last=SPRING, dormant=DAY, lost=DAY) is None


def test_of_several_contacts_the_stage_told_last_is_the_customers() -> None:
    told = [Contact(SPRING, stage=stage, told={"stage": SPRING + day * DAY}) for stage, day in (("repeat", 3), ("lost", 1))]
    assert known_of([*told, SOMEBODY]) == Known("repeat", SPRING + 3 * DAY)
    assert known_of([SOMEBODY]) == Known()


# -- on the store


async def buys(store: EventStore, customer: str, at: datetime, *, paid: int = 100, event: uuid.UUID | None = None) -> uuid.UUID:
    """As heard from loyalty's topic."""
    event = event or uuid.uuid4()
    head = {"ce_type": BOUGHT, "ce_id": str(event), "ce_partitionkey": customer, "ce_time": at.isoformat()}
    value = orjson.dumps({"lines": [{"paid_price": paid, "quantity": 2}]})
    record = Record("loyalty", "t", 0, 1, 0, 1, 0, {name: text.encode() for name, text in head.items()}, value)
    async with store.pool.acquire() as connection:
        await purchases(store)[BOUGHT](connection, record)
    return event


async def steps(store: EventStore, *customers: str) -> list[tuple[str, str, datetime]]:
    rows = await store.pool.fetch(
        "select payload, occurred_at from events where stream_id = any($1::uuid[]) and type = 'contact.lifecycle_changed' order by position", customers
    )
    told = [(orjson.loads(row["payload"]), row["occurred_at"]) for row in rows]
    return [(each["stage"], each["cause"], at) for each, at in told]


async def looks(store: EventStore, now: datetime, *, lost: timedelta | None = 365 * DAY) -> int:
    return await Lapser(store, dormant=180 * DAY, lost=lost).tick(now)


async def person(api: Api) -> str:
    return str((await api.person(occurred_at="2024-01-01T00:00:00Z"))["id"])


async def stage_of(api: Api, customers: Sequence[str]) -> list[str | None]:
    return [(await api.contact(each))["lifecycle_stage"] for each in customers]


async def test_two_purchases_make_somebody_who_comes_again_each_heard_as_often_as_it_is_told(api: Api, store: EventStore) -> None:
    customer = await person(api)
    await buys(store, customer, SPRING, paid=0)
    first = await buys(store, customer, SPRING + DAY)
    for _ in range(2):
        await buys(store, customer, SPRING + DAY, event=first)
    assert await steps(store, customer) == [("first_time", "purchase", SPRING + DAY)], "what was given away was not bought, and one purchase is one"
    await asyncio.gather(*[buys(store, customer, SPRING + 2 * DAY, event=uuid.uuid5(first, "second")) for _ in range(3)])
    await buys(store, customer, SPRING + 3 * DAY)
    assert await steps(store, customer) == [("first_time", "purchase", SPRING + DAY), ("repeat", "purchase", SPRING + 2 * DAY)]


async def test_silence_is_told_at_its_moment_once_and_a_purchase_ends_it(api: Api, store: EventStore) -> None:
    customer = await person(api)
    await buys(store, customer, SPRING)
    await looks(store, SPRING + 179 * DAY)
    assert await stage_of(api, [customer]) == ["first_time"]
    for late in (200, 201):
        await asyncio.gather(*(looks(store, SPRING + late * DAY) for _ in range(2)))
    assert (await steps(store, customer))[1:] == [("dormant", "silence", SPRING + 180 * DAY)]
    await looks(store, SPRING + 400 * DAY, lost=None)
    assert await stage_of(api, [customer]) == ["dormant"]
    await looks(store, SPRING + 400 * DAY)
    assert (await steps(store, customer))[2:] == [("lost", "silence", SPRING + 365 * DAY)]
    await buys(store, customer, SPRING + 410 * DAY)
    await buys(store, customer, SPRING + 420 * DAY)
    assert [stage for stage, _, _ in await steps(store, customer)] == ["first_time", "dormant", "lost", "won_back", "repeat"]


async def test_of_a_merged_customer_the_purchases_of_all_ids_count(api: Api, store: EventStore) -> None:
    one, two = await person(api), await person(api)
    ok(await api.merge(one, two), 201)
    await buys(store, one, SPRING)
    await buys(store, two, SPRING + 100 * DAY)
    assert await stage_of(api, [one]) == ["first_time"] and (await steps(store, two)) == [("repeat", "purchase", SPRING + 100 * DAY)]
    await looks(store, SPRING + 190 * DAY)
    assert len(await steps(store, one, two)) == 2, "they bought under the other id"
    await buys(store, one, SPRING + 150 * DAY)
    await looks(store, SPRING + 300 * DAY)
    assert len(await steps(store, one, two)) == 2, "they bought since, which made no other stage"
    await looks(store, SPRING + 340 * DAY)
    assert (await steps(store, one, two))[2:] == [("dormant", "silence", SPRING + 330 * DAY)]


async def test_who_is_not_there_or_was_erased_stops_nobody(api: Api, store: EventStore) -> None:
    await buys(store, str(uuid.uuid4()), SPRING)
    erased = await person(api)
    await buys(store, erased, SPRING)
    ok(await api.post("/v1/privacy/erasures", {"customer_id": erased}), 201)
    await buys(store, erased, SPRING + DAY)
    await looks(store, SPRING + 300 * DAY)
    assert [stage for stage, _, _ in await steps(store, erased)] == ["first_time"]
