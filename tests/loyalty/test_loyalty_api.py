"""Does the service keep its contract over HTTP, on a real database?"""

import uuid
from typing import Any

import orjson
import pytest
from crm_events.command import Command
from crm_events.consuming.record import Record
from crm_events.store.store import EventStore
from crm_events.store.verify import verify
from crm_loyalty.app import follower_of
from crm_loyalty.member import MEMBERS
from crm_loyalty.settings import LoyaltySettings
from loyalty_client import PROGRAMME, RULE, TIERS, Till, ok
from problem_asserts import problem
from prometheus_client import CollectorRegistry


async def test_a_programme_is_published_whole_and_the_same_again_is_nothing_new(till: Till) -> None:
    path = f"/v1/programmes/p{uuid.uuid4().hex[:10]}"
    first = await till.put(path, PROGRAMME)
    again = await till.put(path, PROGRAMME)
    assert ok(first)["version"] == ok(again)["version"] == 1 and again.headers["ETag"] == '"1"'
    assert ok(await till.put(path, PROGRAMME | {"pending_days": 7}))["version"] == 2
    assert ok(await till.get(path))["pending_days"] == 7
    without_time = {name: value for name, value in PROGRAMME.items() if name != "valid_from"} | {"pending_days": 7}
    assert ok(await till.put(path, without_time))["version"] == 2, "the same rules, valid already"
    problem(await till.get("/v1/programmes/nothing"), 404, "not-found")


@pytest.mark.parametrize(
    "wrong",
    [
        {"earning": [RULE, RULE]},
        {"tiers": list(reversed(TIERS))},
        {"tiers": [TIERS[0] | {"name": "none"}]},
        {"earning": [RULE | {"multiplier": "-1"}]},
        {"earning": [RULE | {"multiplier": 1.5}]},
        {"earning": [RULE | {"points_per": {"points": 1, "amount": 0}}]},
        {"earning": [RULE | {"when": {"weather": ["rain"]}}]},
        {"expiry": {"months": 0}},
        {"expiry": {"months": 10**9}},
        {"point_value": {"points": 0, "amount": 1}},
        {"currency": "euro"},
        {"valid_from": "0001-06-01T00:00:00Z"},
        {"pending_days": 10**9},
    ],
)
async def test_a_programme_that_cannot_work_is_refused(till: Till, wrong: dict[str, Any]) -> None:
    path = f"/v1/programmes/p{uuid.uuid4().hex[:10]}"
    assert problem(await till.put(path, PROGRAMME | wrong), 422, "invalid-request")["errors"]
    problem(await till.get(path), 404, "not-found")


async def test_a_customer_is_a_member_of_a_programme_once(till: Till) -> None:
    member = await till.member(card_number="C 100-۷")
    assert (member["tier"], member["version"], member["card_number"]) == ("silver", 2, "C 100-۷")
    same = {"customer_id": member["customer_id"], "programme": member["programme"]}
    assert problem(await till.post("/v1/members", same), 409, "already-exists")["existing_id"] == member["id"]
    card = {"customer_id": str(uuid.uuid4()), "programme": member["programme"], "card_number": "c1007"}
    assert problem(await till.post("/v1/members", card), 409, "already-exists")["existing_id"] == member["id"]
    problem(await till.post("/v1/members", {"id": member["id"], "customer_id": str(uuid.uuid4())}), 409, "already-exists")
    await till.member(programme=member["programme"])
    other = await till.member(customer_id=member["customer_id"])
    assert other["id"] != member["id"], "another programme is another account"
    assert len(ok(await till.get(f"/v1/members?customer_id={member['customer_id']}"))["items"]) == 2


async def test_a_member_is_told_where_it_is_and_its_card_only_to_those_who_may_see_it(till: Till) -> None:
    programme, key, body = await till.programme(), uuid.uuid4().hex, {"customer_id": str(uuid.uuid4()), "card_number": "7"}
    body["programme"], body["card_number"] = programme, uuid.uuid4().hex
    first = await till.post("/v1/members", body, key=key)
    member = ok(first, 201)
    assert first.headers["Location"] == f"/v1/members/{member['id']}" and first.headers["Consistency-Token"].startswith("loyalty.")
    again = await till.post("/v1/members", body, key=key)
    assert ok(again, 201)["id"] == member["id"] and again.headers["Idempotency-Replayed"] == "true"
    shown = ok(await till.by("loyalty:read").get(f"/v1/members/{member['id']}"))
    assert shown["card_number"] is None and shown["redacted"] == ["card_number"]


async def test_only_a_known_programme_can_be_joined_and_an_erased_customer_joins_none(till: Till, store: EventStore) -> None:
    problem(await till.post("/v1/members", {"customer_id": str(uuid.uuid4()), "programme": "unheard-of"}), 422, "invalid-request")
    gone = uuid.uuid4()
    await store.pool.execute("insert into customer_edge (customer_id, position, erased) values ($1, 1, true)", gone)
    problem(await till.post("/v1/members", {"customer_id": str(gone)}), 410, "gone")


async def test_a_sealed_card_of_an_erased_customer_is_refused_by_the_vault_itself(till: Till, store: EventStore) -> None:
    gone = uuid.uuid4()
    await store.vault.destroy([gone])
    problem(await till.post("/v1/members", {"customer_id": str(gone), "card_number": uuid.uuid4().hex}), 410, "gone")


async def test_the_card_of_a_customer_who_asks_to_be_forgotten_finds_nobody_any_more(till: Till, store: EventStore, loyalty_settings: LoyaltySettings) -> None:
    card, programme = uuid.uuid4().hex, await till.programme()
    member = await till.member(card_number=card, programme=programme)
    asked = {"ce_type": b"privacy.erasure_requested", "ce_partitionkey": member["customer_id"].encode()}
    record = Record("contacts", "t", 0, 1, 0, 1, 0, asked, b"{}")
    async with store.pool.acquire() as connection:
        await follower_of(loyalty_settings, CollectorRegistry(), store)._apply(connection, [record])
    assert await store.holders("card", card) == []
    problem(await till.post("/v1/members", {"customer_id": member["customer_id"]}), 410, "gone")
    await till.member(card_number=card, programme=programme)


async def test_a_card_that_was_entered_while_its_customer_was_being_forgotten_finds_nobody_in_the_end(
    till: Till, store: EventStore, loyalty_settings: LoyaltySettings
) -> None:
    card = uuid.uuid4().hex
    member = await till.member(card_number=card)  # its event came behind the follower's work on privacy.erasure_requested
    erased = {"ce_type": b"privacy.erased", "ce_partitionkey": member["customer_id"].encode(), "ce_id": str(uuid.uuid4()).encode()}
    told = b'{"request_id": "%s", "key_ids": []}' % str(uuid.uuid4()).encode()
    async with store.pool.acquire() as connection:
        await follower_of(loyalty_settings, CollectorRegistry(), store)._apply(connection, [Record("contacts", "t", 0, 1, 0, 1, 0, erased, told)])
    assert await store.holders("card", card) == []


async def test_time_writes_the_end_of_a_reservation_at_its_own_moment(till: Till, store: EventStore) -> None:
    member = await till.member(occurred_at="2026-03-01T10:00:00Z")
    await till.buy(member, (1, 10_000), occurred_at="2026-03-01T10:00:00Z")
    ok(await till.reserve(member, 60, occurred_at="2026-03-02T10:00:00Z"), 201)
    assert (await till.points(member))["available"] == 100, "shown as ended before it is written"
    await store.advance(MEMBERS, uuid.UUID(member["id"]), Command(uuid.uuid4(), b"advance", "timer", keyed=False))
    (entry, *_) = ok(await till.get(f"/v1/members/{member['id']}/points/entries"))["items"]
    assert (entry["type"], entry["occurred_at"]) == ("redemption.cancelled", "2026-03-02T10:15:00.000Z")


async def test_points_are_adjusted_by_those_who_may(till: Till) -> None:
    member = await till.member()
    path = f"/v1/members/{member['id']}/adjustments"
    problem(await till.by("loyalty:write").post(path, {"points": 5, "reason": "goodwill"}), 403, "forbidden")
    assert ok(await till.post(path, {"points": 500, "reason": "goodwill"}))["tier"] == "silver"
    taken = ok(await till.post(path, {"points": -600, "reason": "correction"}))
    assert (taken["balance"]["reversed"], taken["balance"]["debt"]) == (600, 100)
    held = await till.points(member)
    assert (held["available"], held["reversed"], held["debt"]) == (0, 600, 100)


async def test_the_ledger_is_read_entry_by_entry(till: Till) -> None:
    member = await till.member()
    sale = await till.buy(member, (1, 10_000))
    reserved = ok(await till.reserve(member, 60), 201)
    await till.cancel(member, reserved["id"])
    page = ok(await till.get(f"/v1/members/{member['id']}/points/entries?limit=2"))
    assert [entry["type"] for entry in page["items"]] == ["redemption.cancelled", "points.reserved"]
    rest = ok(await till.get(f"/v1/members/{member['id']}/points/entries?limit=2&cursor={page['next']}"))
    assert [entry["type"] for entry in rest["items"]] == ["points.earned"] and rest["next"] is None
    (movement,) = rest["items"][0]["movements"]
    assert (movement["from_account"], movement["to_account"], movement["points"]) == ("issued", "available", 100)
    assert rest["items"][0]["transaction_id"] == sale["id"]


async def test_a_customer_sees_and_spends_only_their_own_points(till: Till) -> None:
    member, other = await till.member(), await till.member()
    await till.buy(member, (1, 10_000))
    self_service = till.by("self", customer=member["customer_id"])
    assert (await self_service.points(member))["available"] == 100
    assert ok(await self_service.get(f"/v1/members/{member['id']}"))["id"] == member["id"]
    redemption = ok(await self_service.reserve(member, 60), 201)
    assert ok(await self_service.confirm(member, redemption["id"]))["state"] == "confirmed"
    for path in (f"/v1/members/{other['id']}", f"/v1/members/{other['id']}/points", f"/v1/members/{other['id']}/points/entries"):
        problem(await self_service.get(path), 404, "not-found")
    problem(await self_service.reserve(other, 1), 404, "not-found")
    problem(await till.by("self", customer=other["customer_id"]).cancel(member, redemption["id"]), 404, "not-found")
    problem(await self_service.get(f"/v1/members?customer_id={member['customer_id']}"), 403, "forbidden")


async def test_a_fact_of_the_past_is_judged_by_its_own_time_and_shown_as_of_now(till: Till, store: EventStore) -> None:
    member = await till.member(occurred_at="2021-01-10T10:00:00Z")
    await till.buy(member, (1, 10_000), occurred_at="2021-02-01T10:00:00Z")
    await till.buy(member, (1, 20_000), occurred_at="2022-01-20T10:00:00Z")
    await till.buy(member, (1, 100), occurred_at="2022-02-02T10:00:00Z")
    rows = await store.pool.fetch(
        "select occurred_at, payload #>> '{lots,0,points}' as points from events where stream_id = $1 and type = 'points.expired'", uuid.UUID(member["id"])
    )
    assert [(row["occurred_at"].isoformat(), row["points"]) for row in rows] == [("2022-02-01T10:00:00+00:00", "100")]
    now = await till.points(member)
    assert (now["available"], now["expired"], now["lots"]) == (0, 301, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"occurred_at": "0001-01-01T00:00:00+05:00"},
        {"occurred_at": "9999-12-31T23:59:59Z"},
        {"lines": []},
        {"lines": [{"sku": "a", "category": "b", "quantity": 10**7, "list_price": 1, "paid_price": 1}]},
        {"lines": [{"sku": "a", "category": "b", "quantity": 1, "list_price": 2**63, "paid_price": 1}]},
        {"lines": [{"sku": "a", "category": "b", "quantity": 5000, "list_price": 10**12, "paid_price": 1}]},
        {"lines": [{"sku": "a", "category": "b", "quantity": 1, "list_price": -1, "paid_price": 1}]},
        {"lines": [{"sku": "s1.x", "category": "b", "quantity": 1, "list_price": 1, "paid_price": 1}]},
        {"lines": [{"sku": "a", "category": "b", "quantity": 1.5, "list_price": 1, "paid_price": 1}]},
        {"document": ""},
        {"document": "x" * 121},
        {"mood": "good"},
    ],
)
async def test_numbers_and_times_that_do_not_fit_are_refused_before_they_are_stored(till: Till, wrong: dict[str, Any]) -> None:
    member = await till.member()
    assert problem(await till.sell(member, (1, 1000), **wrong), 422, "invalid-request")["errors"]
    assert ok(await till.get(f"/v1/members/{member['id']}/transactions"))["items"] == []


async def test_the_largest_document_fits_or_is_told_to_be_too_large(till: Till) -> None:
    member, long = await till.member(), "ک" * 120
    line = {"sku": long, "category": long, "brand": long, "quantity": 1, "list_price": 1, "paid_price": 1}
    problem(await till.sell(member, (1, 1), lines=[line] * 500), 413, "body-too-large")
    assert len((await till.buy(member, (1, 1), lines=[line | {"sku": "a", "category": "b", "brand": "c"}] * 500))["lines"]) == 500


async def test_a_sale_of_antiquity_is_kept_and_earns_nothing(till: Till) -> None:
    """A thousand years before any programme; every sum over months must bear it."""
    for programme in (None, await till.programme()):
        member = await till.member(programme=programme, occurred_at="0001-02-01T00:00:00Z")
        assert (await till.buy(member, (1, 1000), currency="EUR", occurred_at="0001-06-01T00:00:00Z"))["points"] == 0
        assert (await till.buy(member, (1, 1000), currency="EUR"))["points"] == (10 if programme else 0)
        assert (await till.points(member))["to_next_tier"] == ({"tier": "gold", "points": 490, "spend": None} if programme else None)


async def test_a_version_that_moved_on_is_refused(till: Till) -> None:
    member = await till.member()
    await till.buy(member, (1, 1000))
    assert problem(await till.reserve(member, 5, If_Match='"2"'), 412, "version-conflict")["current_version"] == 3
    assert ok(await till.reserve(member, 5, If_Match='"3"'), 201)["points"] == 5


@pytest.mark.parametrize("path", ["", "/points", "/points/entries", "/transactions", "/transactions/{other}", "/redemptions/{other}"])
async def test_nobody_is_not_found(till: Till, path: str) -> None:
    problem(await till.get(f"/v1/members/{uuid.uuid4()}{path.format(other=uuid.uuid4())}"), 404, "not-found")


async def test_many_purchases_go_through_the_bulk_endpoint(till: Till) -> None:
    member, customer = str(uuid.uuid4()), str(uuid.uuid4())
    line = {"sku": "cd", "category": "music", "quantity": 1, "list_price": 1177, "paid_price": 1177}
    sale = {"channel": "web", "currency": "USD", "lines": [line, line]}
    lines = [
        {
            "operation": "enrolMember",
            "key": uuid.uuid4().hex,
            "path": {},
            "body": {"id": member, "customer_id": customer, "occurred_at": "1997-01-01T00:00:00Z"},
        }
    ]
    lines += [
        {"operation": "recordTransaction", "key": uuid.uuid4().hex, "path": {"member_id": member}, "body": sale | {
            "document": f"{member}-{number}", "occurred_at": f"1997-01-{number:02}T12:00:00Z"}}
        for number in range(1, 9)
    ]  # fmt: skip
    raw = b"".join(orjson.dumps(each) + b"\n" for each in lines)
    for _ in range(2):
        headers = {"Authorization": f"Bearer {till.token}", "Content-Type": "application/x-ndjson"}
        answer = await till.http.post("/v1/commands", content=raw, headers=headers)
        assert [orjson.loads(each)["status"] for each in answer.content.splitlines()] == [201] * 9
    assert len(ok(await till.get(f"/v1/members/{member}/transactions"))["items"]) == 8


async def test_every_row_is_the_fold_of_its_events(till: Till, store: EventStore) -> None:
    member = await till.member(programme=await till.programme(pending_days=3))
    sale = await till.buy(member, (2, 60_000), occurred_at="2026-03-01T10:00:00Z")
    await till.post(f"/v1/members/{member['id']}/returns", {"transaction_id": sale["id"], "lines": [{"line": 1, "quantity": 1}]})
    await till.reserve(member, 10)
    verdict = await verify(store)
    assert verdict.differences == [] and verdict.events > 5
